"""Rows of the vault about keys: prekeys, sessions, first contacts, replays and posting keys."""

from collections.abc import Sequence
from typing import Final

import msgspec

from mesh.ids import ContactId, PostingKey, Tag, UnixSeconds
from mesh.inputs import Connection
from mesh.storage.vault_rows import (
    FirstContactRow,
    GenerationRow,
    OpeningRow,
    PostingKeyRow,
    PrekeyRow,
    SessionRow,
    SkippedRow,
    all_of,
    blobs,
    find_one,
    integer,
    new_number,
)

_PREKEY: Final = "SELECT id, contact, bundle, private, made, erase_after FROM prekeys"
_SESSION: Final = (
    "SELECT id, contact, is_begun_here, is_known, is_over, created, ratchet, post_quantum, "
    "generation, out_key, out_index, out_before, out_next, rendezvous_out, rendezvous_start, "
    "rendezvous_count, rendezvous_in, rendezvous_used, link_key, heard FROM sessions"
)
_GENERATION: Final = (
    "SELECT session, number, key, step, opened, expected, used, ends, superseded FROM generations"
)
_FIRST_CONTACT: Final = (
    "SELECT contact, session, opening, header_key, renewed, tags_start, sent_count "
    "FROM first_contacts"
)
_POSTING_KEY: Final = "SELECT number, public, seed, audience, day, stamp, uses FROM posting_keys"


class SessionRows:
    """Keys shared with contacts, and what guards them against replays."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- Prekeys ------------------------------------------------------------------------------

    def add_prekey(
        self, *, contact: ContactId | None, bundle: bytes, private: bytes, made: UnixSeconds
    ) -> PrekeyRow:
        """Keep a bundle of ours with its private halves."""
        cursor = self._connection.execute(
            "INSERT INTO prekeys (contact, bundle, private, made) VALUES (?, ?, ?, ?)",
            (contact, bundle, private, made),
        )
        return self.prekey(new_number(cursor))

    def prekey(self, prekey: int) -> PrekeyRow:
        """The prekey of an id that was read from the vault."""
        cursor = self._connection.execute(f"{_PREKEY} WHERE id = ?", (prekey,))
        row = find_one(cursor, PrekeyRow)
        assert row is not None
        return row

    def prekeys_of(self, contact: ContactId) -> list[PrekeyRow]:
        """Our bundles for a contact, newest first."""
        cursor = self._connection.execute(
            f"{_PREKEY} WHERE contact = ? ORDER BY id DESC", (contact,)
        )
        return all_of(cursor, PrekeyRow)

    def erase_prekey_after(self, prekey: int, erase_after: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE prekeys SET erase_after = ? WHERE id = ?", (erase_after, prekey)
        )

    def prekeys_to_erase(self, before: UnixSeconds) -> list[PrekeyRow]:
        """Prekeys of contacts whose time is over."""
        cursor = self._connection.execute(f"{_PREKEY} WHERE erase_after < ? ORDER BY id", (before,))
        return all_of(cursor, PrekeyRow)

    def erase_prekey(self, prekey: int) -> None:
        """Erase private halves and the memory that guarded them; no invite may name them."""
        for statement in (
            "DELETE FROM openings WHERE prekey = ?",
            "DELETE FROM prekeys WHERE id = ?",
        ):
            self._connection.execute(statement, (prekey,))

    # --- Sessions -----------------------------------------------------------------------------

    def add_session(self, row: SessionRow) -> None:
        self._connection.execute(
            "INSERT INTO sessions VALUES "
            "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

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

    def set_rendezvous(self, session: bytes, *, sent_count: int, used: int) -> None:
        """How many tags we used to renew a session, and a bit for each that the other used."""
        self._connection.execute(
            "UPDATE sessions SET rendezvous_count = ?, rendezvous_used = ? WHERE id = ?",
            (sent_count, used, session),
        )

    def erase_session(self, session: bytes) -> None:
        """Erase all keys of a session."""
        for statement in (
            "DELETE FROM generations WHERE session = ?",
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
        """Erase keys whose messages have lapsed; return whether there were any."""
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

    def add_awaiting(self, session: bytes, tag: Tag) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO awaiting (tag, session) VALUES (?, ?)", (tag, session)
        )

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

    # --- First contacts -----------------------------------------------------------------------

    def put_first_contact(self, row: FirstContactRow) -> None:
        """Keep what our repetitions share, in place of an earlier one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO first_contacts VALUES (?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def find_first_contact(self, contact: ContactId) -> FirstContactRow | None:
        cursor = self._connection.execute(f"{_FIRST_CONTACT} WHERE contact = ?", (contact,))
        return find_one(cursor, FirstContactRow)

    def set_sent_count(self, contact: ContactId, sent_count: int) -> None:
        self._connection.execute(
            "UPDATE first_contacts SET sent_count = ? WHERE contact = ?", (sent_count, contact)
        )

    def erase_first_contact(self, contact: ContactId) -> None:
        self._connection.execute("DELETE FROM first_contacts WHERE contact = ?", (contact,))

    def find_opening(self, prekey: int, ephemeral: bytes) -> OpeningRow | None:
        """What an opening has founded, if it came before."""
        cursor = self._connection.execute(
            "SELECT session, header_key FROM openings WHERE prekey = ? AND ephemeral = ?",
            (prekey, ephemeral),
        )
        return find_one(cursor, OpeningRow)

    def note_opening(
        self, prekey: int, ephemeral: bytes, *, session: bytes, header_key: bytes
    ) -> None:
        """Remember an opening, so that its repetitions go to the session that it founded."""
        self._connection.execute(
            "INSERT INTO openings (prekey, ephemeral, session, header_key) VALUES (?, ?, ?, ?)",
            (prekey, ephemeral, session, header_key),
        )

    # --- Posting keys -------------------------------------------------------------------------

    def add_posting_key(
        self, public: PostingKey, *, seed: bytes, audience: int, day: int, stamp: bytes | None
    ) -> int:
        """Keep a key that has signed nothing yet; return its number."""
        cursor = self._connection.execute(
            "INSERT INTO posting_keys (public, seed, audience, day, stamp, uses) "
            "VALUES (?, ?, ?, ?, ?, 0)",
            (public, seed, audience, day, stamp),
        )
        return new_number(cursor)

    def posting_keys_with_seed(self) -> list[PostingKeyRow]:
        """Keys that can still sign, by day, and of a day the oldest first."""
        cursor = self._connection.execute(
            f"{_POSTING_KEY} WHERE seed IS NOT NULL ORDER BY day, number"
        )
        return all_of(cursor, PostingKeyRow)

    def posting_keys(self) -> Sequence[bytes]:
        """All that are remembered as ours."""
        return blobs(self._connection.execute("SELECT public FROM posting_keys ORDER BY public"))

    def set_stamp(self, public: PostingKey, stamp: bytes) -> None:
        self._connection.execute(
            "UPDATE posting_keys SET stamp = ? WHERE public = ?", (stamp, public)
        )

    def set_key_uses(self, public: PostingKey, uses: int) -> None:
        self._connection.execute(
            "UPDATE posting_keys SET uses = ? WHERE public = ?", (uses, public)
        )

    def erase_posting_seeds(self, before_day: int) -> None:
        """Erase the seeds of days that are over."""
        self._connection.execute(
            "UPDATE posting_keys SET seed = NULL WHERE day < ? AND seed IS NOT NULL", (before_day,)
        )

    def forget_posting_keys(self, before_day: int) -> bool:
        """Forget keys whose envelopes have all lapsed; return whether there were any."""
        cursor = self._connection.execute("DELETE FROM posting_keys WHERE day < ?", (before_day,))
        return cursor.rowcount > 0
