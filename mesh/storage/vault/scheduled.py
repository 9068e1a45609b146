"""Rows of the vault about what is to be sent later."""

from typing import Final

from mesh.database import Connection
from mesh.ids import ConversationId, UnixSeconds
from mesh.storage.vault.rows import Row, all_of, find_one, insert_numbered, integer

SCHEDULED: Final = (
    """
    CREATE TABLE scheduled (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        due INTEGER NOT NULL,
        item BLOB NOT NULL,
        send_key TEXT UNIQUE,
        failure TEXT NOT NULL
    ) STRICT
    """,
    "CREATE INDEX scheduled_by_conversation ON scheduled (conversation)",
)
"""The statements that make the table. They are part of a migration, and so never change."""

_ROW: Final = "SELECT number, conversation, due, item, send_key, failure FROM scheduled"


class ScheduledRow(Row, frozen=True):
    """Something that waits: `item` is what will be asked then, a `WriteItem` in JSON.

    `failure`: the sentence that says why it was not sent; empty if it is to be sent when it is due.
    """

    number: int
    conversation: ConversationId
    due: UnixSeconds
    item: bytes
    send_key: str | None
    failure: str = ""


class ScheduledRows:
    """All that waits."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, row: ScheduledRow) -> ScheduledRow:
        """Keep something until it is due; return it with its number."""
        return insert_numbered(self._connection, "scheduled", row)

    def replace(self, row: ScheduledRow) -> None:
        """Let it be due at another time, be something else, or have failed."""
        self._connection.execute(
            "UPDATE scheduled SET due = ?, item = ?, failure = ? WHERE number = ?",
            (row.due, row.item, row.failure, row.number),
        )

    def delete(self, number: int) -> None:
        self._connection.execute("DELETE FROM scheduled WHERE number = ?", (number,))

    def find(self, number: int) -> ScheduledRow | None:
        cursor = self._connection.execute(f"{_ROW} WHERE number = ?", (number,))
        return find_one(cursor, ScheduledRow)

    def find_by_send_key(self, send_key: str) -> ScheduledRow | None:
        cursor = self._connection.execute(f"{_ROW} WHERE send_key = ?", (send_key,))
        return find_one(cursor, ScheduledRow)

    def count(self) -> int:
        return integer(self._connection.execute("SELECT count(*) FROM scheduled"))

    def of(self, conversation: ConversationId | None) -> list[ScheduledRow]:
        """All of a conversation, or of all of them, the first that is due first."""
        cursor = self._connection.execute(
            f"{_ROW} WHERE ?1 IS NULL OR conversation = ?1 ORDER BY due, number",
            (conversation,),
        )
        return all_of(cursor, ScheduledRow)

    def waiting(self) -> list[tuple[int, UnixSeconds]]:
        """Numbers of those that are to be sent, with their times, the first first."""
        found = []
        for number, due in self._connection.execute(
            "SELECT number, due FROM scheduled WHERE failure = '' ORDER BY due, number"
        ).fetchall():
            assert isinstance(number, int)
            assert isinstance(due, int)
            found.append((number, UnixSeconds(due)))
        return found
