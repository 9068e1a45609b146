"""Rows of the vault about mail of contacts that came and is not opened."""

from collections.abc import Sequence
from typing import Final

from mesh.database import Connection
from mesh.ids import ContactId, Tag, UnixSeconds
from mesh.storage.vault.kept_rows import KeptRows
from mesh.storage.vault.rows import Row, all_of, blobs, find_one, insert, integer
from mesh.wire.envelope import SECONDS_PER_DAY

OPENED_IN_DAY: Final = (
    """
    CREATE TABLE opened_in_day (
        contact INTEGER PRIMARY KEY REFERENCES contacts (id) ON DELETE CASCADE,
        since INTEGER NOT NULL,
        bytes INTEGER NOT NULL
    ) STRICT
    """,
    # When it is opened by itself, in Unix seconds; 0: when it is asked for.
    "ALTER TABLE sealed_mail ADD COLUMN opens INTEGER NOT NULL DEFAULT 0",
    "CREATE INDEX sealed_mail_due ON sealed_mail (opens) WHERE opens > 0",
)
"""The statements by which mail of a day is counted. They are a migration, and so never change."""


class OpenedApartRow(Row, frozen=True):
    """The count of what was opened of somebody who waits apart: messages, and bytes of all."""

    contact: ContactId
    messages: int
    bytes: int


class OpenedInDayRow(Row, frozen=True):
    """The bytes that were opened of a contact since a moment, from which on a day counts."""

    contact: ContactId
    since: UnixSeconds
    bytes: int


class OpensRow(Row, frozen=True):
    """The moment at which something that is sealed of a contact opens by itself."""

    contact: ContactId
    opens: UnixSeconds


class SealedRows:
    """Tags of what stays sealed, and how much was opened of each who waits apart."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.kept: KeptRows[ContactId, OpenedInDayRow] = KeptRows()

    def add(self, contact: ContactId, tags: Sequence[Tag], opens: UnixSeconds) -> None:
        """These stay sealed until a time; 0: until they are asked for."""
        self._connection.executemany(
            "INSERT OR IGNORE INTO sealed_mail (contact, tag, opens) VALUES (?, ?, ?)",
            [(contact, tag, opens) for tag in tags],
        )

    def take_due(self, now: UnixSeconds) -> dict[ContactId, list[Tag]]:
        """The tags whose time has come, by contact; they are to be opened now. Those of who is
        blocked stay. None waits longer than a day: a time beyond that came from a wrong clock.
        """
        found: dict[ContactId, list[Tag]] = {}
        due = (
            "opens > 0 AND opens NOT BETWEEN ? AND ?"
            " AND contact NOT IN (SELECT id FROM contacts WHERE is_blocked)"
        )
        waiting = (now + 1, now + SECONDS_PER_DAY)
        for contact, tag in self._connection.execute(
            f"SELECT contact, tag FROM sealed_mail WHERE {due} ORDER BY number",
            waiting,
        ).fetchall():
            assert isinstance(contact, int)
            assert isinstance(tag, bytes)
            found.setdefault(ContactId(contact), []).append(Tag(tag))
        if found:
            self._connection.execute(f"DELETE FROM sealed_mail WHERE {due}", waiting)
        return found

    def is_kept(self, contact: ContactId, tag: Tag) -> bool:
        """Say whether something of a contact stays sealed under a tag."""
        query = "SELECT 1 FROM sealed_mail WHERE contact = ? AND tag = ?"
        return self._connection.execute(query, (contact, tag)).fetchone() is not None

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

    def opens(self) -> dict[int, int]:
        """Return when the first of what is sealed opens by itself, by contact, where any does."""
        cursor = self._connection.execute(
            "SELECT contact, min(opens) FROM sealed_mail WHERE opens > 0 GROUP BY contact"
        )
        return {row.contact: row.opens for row in all_of(cursor, OpensRow)}

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

    def opened_in_day(self, contact: ContactId, now: UnixSeconds) -> OpenedInDayRow:
        """Return how much was opened of a contact in the day that is on; a new one begins else.

        A day that began under a clock that was ahead is over.
        """
        row = self.kept.find(contact, self._read_opened_in_day)
        if row is None or not now - SECONDS_PER_DAY < row.since <= now:
            return OpenedInDayRow(contact, now, 0)
        return row

    def set_opened_in_day(self, row: OpenedInDayRow) -> None:
        self._connection.execute(
            "INSERT OR REPLACE INTO opened_in_day (contact, since, bytes) VALUES (?, ?, ?)",
            (row.contact, row.since, row.bytes),
        )
        self.kept.keep(row.contact, row)

    def forget_opened_in_day(self, contact: ContactId) -> None:
        """Count anew what is opened of a contact in this day."""
        self.kept.drop(contact)
        self._connection.execute("DELETE FROM opened_in_day WHERE contact = ?", (contact,))

    def _read_opened_in_day(self, contact: ContactId) -> OpenedInDayRow | None:
        cursor = self._connection.execute(
            "SELECT contact, since, bytes FROM opened_in_day WHERE contact = ?", (contact,)
        )
        return find_one(cursor, OpenedInDayRow)

    def forget_opened_apart(self, contact: ContactId) -> None:
        """Nobody counts any more what is opened of them: they were let in."""
        self._connection.execute("DELETE FROM opened_apart WHERE contact = ?", (contact,))
