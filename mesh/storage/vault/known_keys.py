"""Rows of the vault about posting keys of contacts, those they vouch for, and what we gave them."""

from collections.abc import Sequence
from typing import Final

from mesh.database import Connection
from mesh.ids import ContactId
from mesh.storage.vault.kept_rows import KeptRows
from mesh.storage.vault.rows import Row, all_of, blobs, find_one

_GIVEN: Final = "SELECT contact, until_day, newest, sent_day, seen_count FROM keys_given"
_VOUCHES: Final = "SELECT contact, day, vouched, far FROM vouches"


class KeySharingRow(Row, frozen=True):
    """The posting keys that a contact was told of.

    They know those until a day, as far as their numbers are not above `newest`. On `sent_day` they
    were told for its own sake for the last time, when we had seen so many payloads of theirs.
    """

    contact: ContactId
    until_day: int
    newest: int
    sent_day: int
    seen_count: int


class ContactKeyRow(Row, frozen=True):
    """The hash of a posting key of a contact: 8 bytes."""

    contact: ContactId
    day: int
    hash: bytes


class VouchesRow(Row, frozen=True):
    """The keys that a contact named for a day: hashes of 8 bytes, one behind the other."""

    contact: ContactId
    day: int
    vouched: bytes
    far: bytes


class KnownKeyRows:
    """The posting keys that contacts and we told each other of."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.kept: KeptRows[ContactId, KeySharingRow] = KeptRows()
        """Of what we gave."""

    # --- What we gave -------------------------------------------------------------------------

    def find_given(self, contact: ContactId) -> KeySharingRow | None:
        return self.kept.find(contact, self._read_given)

    def given(self) -> list[KeySharingRow]:
        """Return what all contacts were told."""
        return all_of(self._connection.execute(f"{_GIVEN} ORDER BY contact"), KeySharingRow)

    def put_given(self, row: KeySharingRow) -> None:
        """Keep what a contact was told, in place of what they had been told before."""
        self.kept.drop(row.contact)
        self._connection.execute(
            "INSERT OR REPLACE INTO keys_given VALUES (?, ?, ?, ?, ?)",
            (row.contact, row.until_day, row.newest, row.sent_day, row.seen_count),
        )

    def forget_given(self, contact: ContactId) -> None:
        """A contact is to be told all of it again, when they may be."""
        self.kept.drop(contact)
        self._connection.execute("DELETE FROM keys_given WHERE contact = ?", (contact,))

    def _read_given(self, contact: ContactId) -> KeySharingRow | None:
        cursor = self._connection.execute(f"{_GIVEN} WHERE contact = ?", (contact,))
        return find_one(cursor, KeySharingRow)

    # --- What they told -----------------------------------------------------------------------

    def contact_keys(self, contact: ContactId | None = None) -> list[ContactKeyRow]:
        """Hashes of the keys of a contact, or of all."""
        cursor = self._connection.execute(
            "SELECT contact, day, hash FROM contact_keys WHERE ?1 IS NULL OR contact = ?1 "
            "ORDER BY contact, day, hash",
            (contact,),
        )
        return all_of(cursor, ContactKeyRow)

    def keys_of(self, contact: ContactId, day: int) -> Sequence[bytes]:
        """Hashes of the keys of a contact on a day."""
        cursor = self._connection.execute(
            "SELECT hash FROM contact_keys WHERE contact = ? AND day = ? ORDER BY hash",
            (contact, day),
        )
        return blobs(cursor)

    def add_contact_key(self, row: ContactKeyRow) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO contact_keys (contact, day, hash) VALUES (?, ?, ?)",
            (row.contact, row.day, row.hash),
        )

    def vouches(self, contact: ContactId | None = None) -> list[VouchesRow]:
        """Return what a contact named, or all of them."""
        cursor = self._connection.execute(
            f"{_VOUCHES} WHERE ?1 IS NULL OR contact = ?1 ORDER BY contact, day", (contact,)
        )
        return all_of(cursor, VouchesRow)

    def put_vouches(self, row: VouchesRow) -> None:
        """Keep what a contact named for a day, in place of what they had named before."""
        self._connection.execute(
            "INSERT OR REPLACE INTO vouches VALUES (?, ?, ?, ?)",
            (row.contact, row.day, row.vouched, row.far),
        )

    def forget(self, *, keys_before: int, vouches_before: int) -> None:
        """Forget days of which no envelope is kept any more."""
        self._connection.execute("DELETE FROM contact_keys WHERE day < ?", (keys_before,))
        self._connection.execute("DELETE FROM vouches WHERE day < ?", (vouches_before,))
