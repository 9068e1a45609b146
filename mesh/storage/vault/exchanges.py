"""Rows of the vault about what is counted of the sessions with each contact."""

from mesh.ids import ContactId, UnixSeconds
from mesh.inputs import Connection
from mesh.storage.vault.rows import ExchangeRow, find_one


class ExchangeRows:
    """One row a contact. What changes with each payload stands apart from their long row."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, contact: ContactId) -> None:
        """Nothing was counted of a contact who is new."""
        self._connection.execute("INSERT INTO exchanges (contact) VALUES (?)", (contact,))

    def exchange(self, contact: ContactId) -> ExchangeRow:
        """Return what is counted of a contact."""
        row = find_one(
            self._connection.execute(
                "SELECT sent_count, seen_count, keys_told, lapsed_count, renewed FROM exchanges "
                "WHERE contact = ?",
                (contact,),
            ),
            ExchangeRow,
        )
        assert row is not None
        return row

    def set_sent_count(self, contact: ContactId, sent_count: int) -> None:
        self._connection.execute(
            "UPDATE exchanges SET sent_count = ? WHERE contact = ?", (sent_count, contact)
        )

    def set_seen_count(self, contact: ContactId, seen_count: int) -> None:
        self._connection.execute(
            "UPDATE exchanges SET seen_count = ? WHERE contact = ?", (seen_count, contact)
        )

    def set_keys_told(self, contact: ContactId, prekey: int) -> None:
        self._connection.execute(
            "UPDATE exchanges SET keys_told = ? WHERE contact = ?", (prekey, contact)
        )

    def set_lapsed_count(self, contact: ContactId, lapsed_count: int) -> None:
        self._connection.execute(
            "UPDATE exchanges SET lapsed_count = ? WHERE contact = ?", (lapsed_count, contact)
        )

    def set_renewed(self, contact: ContactId, renewed: UnixSeconds) -> None:
        self._connection.execute(
            "UPDATE exchanges SET renewed = ? WHERE contact = ?", (renewed, contact)
        )
