"""Rows of the vault about sessions: ratchets, tags, keys of messages that have not come yet."""

from collections.abc import Sequence
from typing import Final

import msgspec

from mesh.database import Connection
from mesh.ids import ContactId, EnvelopeId, Tag, UnixSeconds
from mesh.storage.vault.rendezvous import RendezvousRows
from mesh.storage.vault.rows import (
    GenerationRow,
    SessionRow,
    SkippedRow,
    all_of,
    blobs,
    insert,
    integer,
)

_SESSION: Final = (
    "SELECT id, contact, is_begun_here, is_known, is_over, created, ratchet, post_quantum, "
    "generation, out_key, out_index, out_before, out_next, rendezvous_start, rendezvous_count, "
    "heard, successor FROM sessions"
)

_GENERATION: Final = (
    "SELECT session, number, key, step, opened, expected, used, ends, superseded FROM generations"
)


class SessionRows:
    """Keys shared with contacts, and what guards them against replays."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.ways = RendezvousRows(connection)

    # --- Sessions -----------------------------------------------------------------------------

    def add_session(self, row: SessionRow) -> None:
        insert(self._connection, "sessions", row)

    def sessions(self) -> list[SessionRow]:
        """All sessions, by contact."""
        return all_of(self._connection.execute(f"{_SESSION} ORDER BY contact, id"), SessionRow)

    def set_ratchet(self, session: bytes, ratchet: bytes) -> None:
        self._connection.execute("UPDATE sessions SET ratchet = ? WHERE id = ?", (ratchet, session))

    def set_post_quantum(self, session: bytes, post_quantum: bytes) -> None:
        self._connection.execute(
            "UPDATE sessions SET post_quantum = ? WHERE id = ?", (post_quantum, session)
        )

    def set_out_tag(self, session: bytes, *, key: bytes, index: int, ratchet: bytes) -> None:
        """One more message was written on a session."""
        self._connection.execute(
            "UPDATE sessions SET out_key = ?, out_index = ?, ratchet = ? WHERE id = ?",
            (key, index, ratchet, session),
        )

    def set_out_generation(
        self,
        session: bytes,
        *,
        generation: int,
        key: bytes,
        index: int,
        before: int,
        next_key: bytes | None,
    ) -> None:
        self._connection.execute(
            "UPDATE sessions SET generation = ?, out_key = ?, out_index = ?, out_before = ?, "
            "out_next = ? WHERE id = ?",
            (generation, key, index, before, next_key, session),
        )

    def set_known(self, session: bytes) -> None:
        self._connection.execute("UPDATE sessions SET is_known = 1 WHERE id = ?", (session,))

    def set_over(self, session: bytes, *, is_over: bool) -> None:
        self._connection.execute("UPDATE sessions SET is_over = ? WHERE id = ?", (is_over, session))

    def set_heard(self, session: bytes, heard: int) -> None:
        self._connection.execute("UPDATE sessions SET heard = ? WHERE id = ?", (heard, session))

    def set_successor(self, session: bytes, successor: bytes) -> None:
        self._connection.execute(
            "UPDATE sessions SET successor = ? WHERE id = ?", (successor, session)
        )

    def erase_session(self, session: bytes) -> None:
        """Erase all keys of a session."""
        for statement in (
            "DELETE FROM generations WHERE session = ?",
            "DELETE FROM rendezvous WHERE session = ?",
            "DELETE FROM skipped WHERE session = ?",
            "DELETE FROM awaiting WHERE session = ?",
            # That it was founded is remembered, or a repetition would found it again.
            "UPDATE openings SET header_key = x'' WHERE session = ?",
            "DELETE FROM first_contacts WHERE session = ?",
            "UPDATE first_contacts SET renewed = NULL WHERE renewed = ?",
            "DELETE FROM sessions WHERE id = ?",
        ):
            self._connection.execute(statement, (session,))

    # --- Generations of tags ------------------------------------------------------------------

    def generations(self) -> list[GenerationRow]:
        """All generations of all sessions, oldest first."""
        cursor = self._connection.execute(f"{_GENERATION} ORDER BY session, number")
        return all_of(cursor, GenerationRow)

    def put_generation(self, row: GenerationRow) -> None:
        """Keep a generation, in place of its former state."""
        self._connection.execute(
            "INSERT OR REPLACE INTO generations VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def erase_generation(self, session: bytes, number: int) -> None:
        self._connection.execute(
            "DELETE FROM generations WHERE session = ? AND number = ?", (session, number)
        )

    # --- Keys of messages that have not come yet ----------------------------------------------

    def find_skipped(self, session: bytes, public: bytes, number: int) -> bytes | None:
        """The key that was kept for a message."""
        columns = self._connection.execute(
            "SELECT key FROM skipped WHERE session = ? AND public = ? AND number = ?",
            (session, public, number),
        ).fetchone()
        if columns is None:
            return None
        assert isinstance(columns[0], bytes)
        return columns[0]

    def add_skipped(self, rows: Sequence[SkippedRow]) -> None:
        self._connection.executemany(
            "INSERT OR REPLACE INTO skipped VALUES (?, ?, ?, ?, ?)",
            [msgspec.structs.astuple(row) for row in rows],
        )

    def erase_skipped(self, session: bytes, public: bytes, number: int) -> None:
        self._connection.execute(
            "DELETE FROM skipped WHERE session = ? AND public = ? AND number = ?",
            (session, public, number),
        )

    def erase_skipped_before(self, before: UnixSeconds) -> bool:
        """Erase keys whose messages have expired; return whether there were any."""
        cursor = self._connection.execute("DELETE FROM skipped WHERE erase_after < ?", (before,))
        return cursor.rowcount > 0

    def trim_skipped(self, session: bytes, count_max: int) -> None:
        """Erase the oldest keys of a session beyond a number."""
        self._connection.execute(
            "DELETE FROM skipped WHERE session = ?1 AND (public, number) IN "
            "(SELECT public, number FROM skipped WHERE session = ?1 "
            "ORDER BY erase_after DESC, number DESC LIMIT -1 OFFSET ?2)",
            (session, count_max),
        )

    # --- Messages that wait for a post-quantum step -------------------------------------------

    def add_awaiting(self, session: bytes, tag: Tag, envelope: EnvelopeId) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO awaiting (tag, session, envelope) VALUES (?, ?, ?)",
            (tag, session, envelope),
        )

    def tell_awaiting(self, contact: ContactId, limit: int) -> list[EnvelopeId]:
        """Envelopes of a contact that wait on a session which is over, each named once."""
        cursor = self._connection.execute(
            "UPDATE awaiting SET is_told = 1 WHERE tag IN (SELECT tag FROM awaiting JOIN sessions "
            "ON sessions.id = session WHERE contact = ? AND is_over AND NOT is_told "
            "AND envelope IS NOT NULL ORDER BY envelope LIMIT ?) RETURNING envelope",
            (contact, limit),
        )
        return sorted(EnvelopeId(id_) for id_ in blobs(cursor))

    def awaiting_count(self, session: bytes) -> int:
        return integer(
            self._connection.execute("SELECT count(*) FROM awaiting WHERE session = ?", (session,))
        )

    def take_awaiting(self, session: bytes) -> list[Tag]:
        """The tags of a session that wait; they wait no longer."""
        cursor = self._connection.execute(
            "SELECT tag FROM awaiting WHERE session = ? ORDER BY tag", (session,)
        )
        tags = [Tag(tag) for tag in blobs(cursor)]
        if tags:
            self._connection.execute("DELETE FROM awaiting WHERE session = ?", (session,))
        return tags

    def all_awaiting(self) -> list[Tag]:
        """The tags of all messages that wait."""
        return [
            Tag(tag)
            for tag in blobs(self._connection.execute("SELECT tag FROM awaiting ORDER BY tag"))
        ]
