"""Rows of the vault about first contacts that we repeat until they are answered."""

from typing import Final

import msgspec

from mesh.ids import ContactId
from mesh.inputs import Connection
from mesh.storage.vault.rows import (
    FirstContactRow,
    find_one,
)

_FIRST_CONTACT: Final = (
    "SELECT contact, session, opening, header_key, renewed, tags_start, sent_count "
    "FROM first_contacts"
)


class FirstContactRows:
    """The parts that the repetitions of one first contact share."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

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
