"""Rows of the vault about the order of a conversation: positions, heads and gaps."""

from mesh.ids import ConversationId, MessageId
from mesh.inputs import Connection
from mesh.storage.vault.messages import MessageRows
from mesh.storage.vault.rows import HeadRow, MessageRow, all_of


class HistoryRows:
    """The places of messages, which of them nothing follows, and which parents are missing."""

    def __init__(self, connection: Connection, messages: MessageRows) -> None:
        self._connection = connection
        self._messages = messages

    def find_position(self, conversation: ConversationId, id_: MessageId) -> int | None:
        """Return where a message of a conversation stands; None if it is not here."""
        columns = self._connection.execute(
            "SELECT position FROM messages WHERE conversation = ? AND id = ?", (conversation, id_)
        ).fetchone()
        if columns is None:
            return None
        assert isinstance(columns[0], int)
        return columns[0]

    def set_position(self, number: int, position: int) -> None:
        self._connection.execute(
            "UPDATE messages SET position = ? WHERE number = ?", (position, number)
        )

    def heads(self, conversation: ConversationId, limit: int) -> list[HeadRow]:
        """Messages that nothing follows, oldest first."""
        cursor = self._connection.execute(
            "SELECT position, id FROM heads WHERE conversation = ? ORDER BY position, id LIMIT ?",
            (conversation, limit),
        )
        return all_of(cursor, HeadRow)

    def add_head(self, conversation: ConversationId, head: HeadRow) -> None:
        self._connection.execute(
            "INSERT INTO heads (conversation, position, id) VALUES (?, ?, ?)",
            (conversation, head.position, head.id),
        )

    def remove_head(self, conversation: ConversationId, head: HeadRow) -> bool:
        """Remove a head; return whether it was one."""
        cursor = self._connection.execute(
            "DELETE FROM heads WHERE conversation = ? AND position = ? AND id = ?",
            (conversation, head.position, head.id),
        )
        return cursor.rowcount == 1

    def add_gap(self, conversation: ConversationId, parent: MessageId, child: int) -> None:
        self._connection.execute(
            "INSERT OR IGNORE INTO gaps (conversation, parent, child) VALUES (?, ?, ?)",
            (conversation, parent, child),
        )

    def close_gap(self, conversation: ConversationId, parent: MessageId) -> list[MessageRow]:
        """A missing parent came: return the children that were waiting for it."""
        children = self._connection.execute(
            "SELECT child FROM gaps WHERE conversation = ? AND parent = ? ORDER BY child",
            (conversation, parent),
        ).fetchall()
        if not children:
            return []
        self._connection.execute(
            "DELETE FROM gaps WHERE conversation = ? AND parent = ?", (conversation, parent)
        )
        rows = []
        for (child,) in children:
            assert isinstance(child, int)
            rows.append(self._messages.message(child))
        return rows
