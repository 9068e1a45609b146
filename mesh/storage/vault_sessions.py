"""Rows of the vault about keys: prekeys, sessions, first contacts, replays and posting keys."""

from collections.abc import Sequence
from typing import Final

from mesh.ids import ContactId, PostingKey, UnixSeconds
from mesh.inputs import Connection
from mesh.storage.vault_rows import (
    FirstContactRow,
    PostingKeyRow,
    PrekeyRow,
    SessionRow,
    all_of,
    blobs,
    find_one,
    new_number,
)

_PREKEY: Final = "SELECT id, contact, bundle, private, made, erase_after FROM prekeys"
_SESSION: Final = (
    "SELECT id, contact, is_begun_here, is_known, out_key, out_index, in_key, in_step, in_opened, "
    "in_expected, in_used FROM sessions"
)
_FIRST_CONTACT: Final = (
    "SELECT contact, session, opening, root, tags_start, sent_count FROM first_contacts"
)
_POSTING_KEY: Final = "SELECT public, seed, audience, day, stamp, uses FROM posting_keys"


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
            "DELETE FROM opened WHERE prekey = ?",
            "DELETE FROM prekeys WHERE id = ?",
        ):
            self._connection.execute(statement, (prekey,))

    # --- Sessions -----------------------------------------------------------------------------

    def add_session(self, row: SessionRow) -> None:
        self._connection.execute(
            "INSERT INTO sessions (id, contact, is_begun_here, is_known, out_key, out_index, "
            "in_key, in_step, in_opened, in_expected, in_used) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                row.id,
                row.contact,
                row.is_begun_here,
                row.is_known,
                row.out_key,
                row.out_index,
                row.in_key,
                row.in_step,
                row.in_opened,
                row.in_expected,
                row.in_used,
            ),
        )

    def sessions(self) -> list[SessionRow]:
        """All sessions, by contact."""
        return all_of(self._connection.execute(f"{_SESSION} ORDER BY contact, id"), SessionRow)

    def set_known(self, session: bytes) -> None:
        self._connection.execute("UPDATE sessions SET is_known = 1 WHERE id = ?", (session,))

    def set_outgoing(self, session: bytes, *, key: bytes, index: int) -> None:
        self._connection.execute(
            "UPDATE sessions SET out_key = ?, out_index = ? WHERE id = ?", (key, index, session)
        )

    def set_incoming(
        self, session: bytes, *, key: bytes, step: int, opened: bytes, expected: int, used: bytes
    ) -> None:
        self._connection.execute(
            "UPDATE sessions SET in_key = ?, in_step = ?, in_opened = ?, in_expected = ?, "
            "in_used = ? WHERE id = ?",
            (key, step, opened, expected, used, session),
        )

    # --- First contacts -----------------------------------------------------------------------

    def put_first_contact(self, row: FirstContactRow) -> None:
        """Keep what our repetitions share, in place of an earlier one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO first_contacts (contact, session, opening, root, tags_start, "
            "sent_count) VALUES (?, ?, ?, ?, ?, ?)",
            (
                row.contact,
                row.session,
                row.opening,
                row.root,
                row.tags_start,
                row.sent_count,
            ),
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

    def has_opened(self, prekey: int, ephemeral: bytes, number: int) -> bool:
        """Whether a letter was opened before."""
        cursor = self._connection.execute(
            "SELECT 1 FROM opened WHERE prekey = ? AND ephemeral = ? AND number = ?",
            (prekey, ephemeral, number),
        )
        return cursor.fetchone() is not None

    def note_opened(self, prekey: int, ephemeral: bytes, number: int) -> None:
        """Remember a letter, so that it is never opened again."""
        self._connection.execute(
            "INSERT INTO opened (prekey, ephemeral, number) VALUES (?, ?, ?)",
            (prekey, ephemeral, number),
        )

    # --- Posting keys -------------------------------------------------------------------------

    def add_posting_key(self, row: PostingKeyRow) -> None:
        self._connection.execute(
            "INSERT INTO posting_keys (public, seed, audience, day, stamp, uses) "
            "VALUES (?, ?, ?, ?, ?, ?)",
            (row.public, row.seed, row.audience, row.day, row.stamp, row.uses),
        )

    def posting_keys_with_seed(self) -> list[PostingKeyRow]:
        """Keys that can still sign, by day."""
        cursor = self._connection.execute(
            f"{_POSTING_KEY} WHERE seed IS NOT NULL ORDER BY day, public"
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
