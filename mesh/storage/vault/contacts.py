"""Rows of the vault about contacts."""

from typing import Final

from mesh.commands.contacts import Trust
from mesh.database import Connection
from mesh.ids import ContactId, UnixSeconds, VerifyKey
from mesh.storage.vault.kept_rows import KeptRows
from mesh.storage.vault.rows import (
    ContactRow,
    ContactState,
    all_of,
    find_one,
    insert,
    integer,
)

_CONTACT: Final = (
    "SELECT id, label, name, verify_key, agreement_key, trust, state, bundle, first_trust, "
    "is_request, is_blocked, introduced_by, identity_changed, unconfirmed FROM contacts"
)


class ContactRows:
    """Everybody who is a contact, or waits to become one."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.kept: KeptRows[ContactId, ContactRow] = KeptRows()
        # Who was found by a label last: they still are, if they bear it.
        self._labelled: tuple[str, ContactId] | None = None

    def insert_contact(self, row: ContactRow) -> None:
        """Add a contact with a number and a label that are free and a key that is new."""
        insert(self._connection, "contacts", row)

    def contact(self, contact: ContactId) -> ContactRow:
        """The contact of an id that was read from the vault."""
        row = self.find_contact(contact)
        assert row is not None
        return row

    def find_contact(self, contact: ContactId) -> ContactRow | None:
        return self.kept.find(contact, self._read)

    def find_contact_by_label(self, label: str) -> ContactRow | None:
        if self._labelled is not None and self._labelled[0] == label:
            row = self.kept.find_kept(self._labelled[1])
            if row is not None and row.label == label:
                return row
        cursor = self._connection.execute(f"{_CONTACT} WHERE label = ?", (label,))
        row = find_one(cursor, ContactRow)
        if row is not None:
            self.kept.keep(row.id, row)
            self._labelled = label, row.id
        return row

    def find_contact_by_key(self, verify_key: VerifyKey) -> ContactRow | None:
        cursor = self._connection.execute(f"{_CONTACT} WHERE verify_key = ?", (verify_key,))
        return find_one(cursor, ContactRow)

    def contacts_by_key_range(self, first: bytes, last: bytes) -> list[ContactRow]:
        """At most two contacts whose key is within the bounds."""
        cursor = self._connection.execute(
            f"{_CONTACT} WHERE verify_key BETWEEN ? AND ? LIMIT 2", (first, last)
        )
        return all_of(cursor, ContactRow)

    def contacts(self) -> list[ContactRow]:
        """All contacts, by label."""
        return all_of(self._connection.execute(f"{_CONTACT} ORDER BY label"), ContactRow)

    def requests_count(self) -> int:
        """Return how many contacts wait apart to be let in; nobody who is blocked does."""
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM contacts WHERE is_request AND NOT is_blocked"
            )
        )

    def blocked_count(self) -> int:
        return integer(self._connection.execute("SELECT count(*) FROM contacts WHERE is_blocked"))

    def set_label(self, contact: ContactId, label: str) -> None:
        self._set(contact, "label", label)

    def set_name(self, contact: ContactId, name: str) -> None:
        self._set(contact, "name", name)

    def blocked(self) -> list[ContactRow]:
        """Contacts of whom nothing is opened."""
        cursor = self._connection.execute(f"{_CONTACT} WHERE is_blocked = 1 ORDER BY id")
        return all_of(cursor, ContactRow)

    def set_trust(self, contact: ContactId, trust: Trust) -> None:
        self._set(contact, "trust", trust)

    def set_unconfirmed(self, contact: ContactId, since: UnixSeconds) -> None:
        """Nothing of before confirms their keys (0: something does)."""
        self._set(contact, "unconfirmed", since)

    def set_request(self, contact: ContactId, *, is_request: bool) -> None:
        self._set(contact, "is_request", is_request)

    def set_blocked(self, contact: ContactId, *, is_blocked: bool) -> None:
        self._set(contact, "is_blocked", is_blocked)

    def set_state(self, contact: ContactId, state: ContactState) -> None:
        self._set(contact, "state", state)

    def set_keys(self, contact: ContactId, *, agreement_key: bytes, bundle: bytes) -> None:
        """Keep what is needed to seal for a contact."""
        self._set(contact, "agreement_key", agreement_key)
        self._set(contact, "bundle", bundle)

    def clear_bundle(self, contact: ContactId) -> None:
        """A new invite promises another bundle."""
        self._set(contact, "bundle", None)

    def _read(self, contact: ContactId) -> ContactRow | None:
        cursor = self._connection.execute(f"{_CONTACT} WHERE id = ?", (contact,))
        return find_one(cursor, ContactRow)

    def _set(self, contact: ContactId, column: str, value: object) -> None:
        self.kept.drop(contact)
        # The columns are named above.
        sql = f"UPDATE contacts SET {column} = ? WHERE id = ?"
        self._connection.execute(sql, (value, contact))
