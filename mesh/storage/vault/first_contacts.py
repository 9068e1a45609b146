"""Rows of the vault about first contacts that we repeat until they are answered."""

from typing import Final

import msgspec

from mesh.database import Connection
from mesh.ids import ContactId
from mesh.storage.vault.rows import (
    FirstContactRow,
    all_of,
    find_one,
    integers,
)

_FIRST_CONTACT: Final = (
    "SELECT contact, session, opening, header_key, renewed, tags_start, sent_count, "
    "closed_key, is_told FROM first_contacts"
)


class FirstContactRows:
    """The parts that the repetitions of one first contact share."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put_first_contact(self, row: FirstContactRow) -> None:
        """Keep what our repetitions share, in place of an earlier one."""
        self._connection.execute(
            "INSERT OR REPLACE INTO first_contacts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            msgspec.structs.astuple(row),
        )

    def find_first_contact(self, contact: ContactId) -> FirstContactRow | None:
        cursor = self._connection.execute(f"{_FIRST_CONTACT} WHERE contact = ?", (contact,))
        return find_one(cursor, FirstContactRow)

    def with_closed_key(self) -> list[FirstContactRow]:
        """Those that the issuer of their invite may answer by saying that it is closed."""
        cursor = self._connection.execute(
            f"{_FIRST_CONTACT} WHERE closed_key IS NOT NULL ORDER BY contact"
        )
        return all_of(cursor, FirstContactRow)

    def untold(self) -> list[ContactId]:
        """Contacts to whom it was not said on the session of before that this one is begun."""
        cursor = self._connection.execute(
            "SELECT contact FROM first_contacts WHERE renewed IS NOT NULL AND NOT is_told "
            "ORDER BY contact"
        )
        return [ContactId(contact) for contact in integers(cursor)]

    def set_sent_count(self, contact: ContactId, sent_count: int) -> None:
        self._connection.execute(
            "UPDATE first_contacts SET sent_count = ? WHERE contact = ?", (sent_count, contact)
        )

    def erase_first_contact(self, contact: ContactId) -> None:
        self._connection.execute("DELETE FROM first_contacts WHERE contact = ?", (contact,))
