"""Rows of the vault about mail of contacts that came and is not opened."""

from collections.abc import Sequence

from mesh.ids import ContactId, Tag
from mesh.inputs import Connection
from mesh.storage.vault.rows import OpenedApartRow, blobs, find_one, insert, integer


class SealedRows:
    """Tags of what stays sealed, and how much was opened of each who waits apart."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, contact: ContactId, tags: Sequence[Tag]) -> None:
        self._connection.executemany(
            "INSERT OR IGNORE INTO sealed_mail (contact, tag) VALUES (?, ?)",
            [(contact, tag) for tag in tags],
        )

    def count(self, contact: ContactId) -> int:
        return integer(
            self._connection.execute(
                "SELECT count(*) FROM sealed_mail WHERE contact = ?", (contact,)
            )
        )

    def counts(self) -> dict[int, int]:
        """Return how much is sealed, by contact, where anything is."""
        counts = {}
        for contact, count in self._connection.execute(
            "SELECT contact, count(*) FROM sealed_mail GROUP BY contact"
        ).fetchall():
            assert isinstance(contact, int)
            assert isinstance(count, int)
            counts[contact] = count
        return counts

    def take(self, contact: ContactId) -> list[Tag]:
        """The tags of a contact; they are to be opened now."""
        cursor = self._connection.execute(
            "SELECT tag FROM sealed_mail WHERE contact = ? ORDER BY number", (contact,)
        )
        tags = [Tag(tag) for tag in blobs(cursor)]
        self._connection.execute("DELETE FROM sealed_mail WHERE contact = ?", (contact,))
        return tags

    def all(self) -> list[Tag]:
        """All tags, each once."""
        cursor = self._connection.execute("SELECT DISTINCT tag FROM sealed_mail ORDER BY tag")
        return [Tag(tag) for tag in blobs(cursor)]

    def erase(self, tags: Sequence[Tag]) -> None:
        """Forget tags whose mail is gone."""
        self._connection.executemany(
            "DELETE FROM sealed_mail WHERE tag = ?", [(tag,) for tag in tags]
        )

    def opened_apart(self, contact: ContactId) -> OpenedApartRow:
        """Return how much was opened of somebody who waits apart; nothing at first."""
        cursor = self._connection.execute(
            "SELECT contact, messages, bytes FROM opened_apart WHERE contact = ?", (contact,)
        )
        return find_one(cursor, OpenedApartRow) or OpenedApartRow(contact, 0, 0)

    def set_opened_apart(self, row: OpenedApartRow) -> None:
        self.forget_opened_apart(row.contact)
        insert(self._connection, "opened_apart", row)

    def forget_opened_apart(self, contact: ContactId) -> None:
        """Nobody counts any more what is opened of them: they were let in."""
        self._connection.execute("DELETE FROM opened_apart WHERE contact = ?", (contact,))
