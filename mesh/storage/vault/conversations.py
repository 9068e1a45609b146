"""Rows of the vault about conversations: settings, drafts, and what a list shows of each."""

from typing import Final

from mesh.ids import ContactId, ConversationId, direct_conversation
from mesh.inputs import Connection
from mesh.storage.vault.rows import (
    ConversationRow,
    ConversationSummaryRow,
    all_of,
    find_one,
    insert,
    integer,
)

_CONVERSATION: Final = (
    "SELECT number, kind, contact, read_position, sends_read_receipts, muted_until, is_pinned, "
    "is_archived, is_marked_unread FROM conversations"
)
_SUMMARY: Final = (
    "SELECT number, (SELECT count(*) FROM messages WHERE conversation = conversations.number "
    "AND is_read = 0), (SELECT messages.number FROM messages WHERE conversation = "
    "conversations.number ORDER BY position DESC, id DESC LIMIT 1), "
    "coalesce((SELECT text FROM drafts WHERE conversation = conversations.number), '') "
    "FROM conversations"
)


class ConversationRows:
    """All conversations. None bears the number of a contact, but the direct one with them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def next_number(self) -> int:
        """A number that no contact and no conversation has, or ever had."""
        return integer(
            self._connection.execute(
                "SELECT 1 + coalesce(max(seq), 0) FROM sqlite_sequence "
                "WHERE name IN ('contacts', 'conversations')"
            )
        )

    def add_direct(self, contact: ContactId) -> None:
        """Add the conversation with a contact who is new."""
        row = ConversationRow(direct_conversation(contact), "direct", contact)
        insert(self._connection, "conversations", row)

    def add_with_oneself(self) -> None:
        """Add the one conversation that a person has with themselves."""
        number = ConversationId(self.next_number())
        insert(self._connection, "conversations", ConversationRow(number, "self", None))

    def conversation(self, conversation: ConversationId) -> ConversationRow:
        """The conversation of a number that was read from the vault."""
        row = self.find(conversation)
        assert row is not None
        return row

    def find(self, conversation: ConversationId) -> ConversationRow | None:
        """The conversation of a number that somebody named."""
        cursor = self._connection.execute(f"{_CONVERSATION} WHERE number = ?", (conversation,))
        return find_one(cursor, ConversationRow)

    def with_oneself(self) -> ConversationRow:
        """The conversation that our person has with themselves."""
        row = find_one(
            self._connection.execute(f"{_CONVERSATION} WHERE kind = 'self'"), ConversationRow
        )
        assert row is not None
        return row

    def all(self) -> list[ConversationRow]:
        """All conversations, by number."""
        return all_of(self._connection.execute(f"{_CONVERSATION} ORDER BY number"), ConversationRow)

    def summaries(self) -> list[ConversationSummaryRow]:
        """Return what a list shows of each, by number."""
        return all_of(
            self._connection.execute(f"{_SUMMARY} ORDER BY number"), ConversationSummaryRow
        )

    def summary(self, conversation: ConversationId) -> ConversationSummaryRow:
        """Return what a list shows of one."""
        row = find_one(
            self._connection.execute(f"{_SUMMARY} WHERE number = ?", (conversation,)),
            ConversationSummaryRow,
        )
        assert row is not None
        return row

    def set_settings(self, row: ConversationRow) -> None:
        """Write what a person may choose."""
        self._connection.execute(
            "UPDATE conversations SET muted_until = ?, is_pinned = ?, is_archived = ?, "
            "is_marked_unread = ? WHERE number = ?",
            (
                row.muted_until,
                row.is_pinned,
                row.is_archived,
                row.is_marked_unread,
                row.number,
            ),
        )

    def set_draft(self, conversation: ConversationId, text: str) -> None:
        """Keep what was begun to be written; nothing if the text is empty."""
        self._connection.execute("DELETE FROM drafts WHERE conversation = ?", (conversation,))
        if text:
            self._connection.execute(
                "INSERT INTO drafts (conversation, text) VALUES (?, ?)", (conversation, text)
            )

    def was_read(self, conversation: ConversationId, position: int) -> None:
        """Remember how far a conversation was read, which only rises; it is unread no longer."""
        self._connection.execute(
            "UPDATE conversations SET read_position = max(read_position, ?), is_marked_unread = 0 "
            "WHERE number = ?",
            (position, conversation),
        )

    def with_read_receipts(self) -> frozenset[int]:
        """The conversations whose other side is told what we have read."""
        rows = self._connection.execute(
            "SELECT number FROM conversations WHERE sends_read_receipts = 1"
        ).fetchall()
        return frozenset(row[0] for row in rows if isinstance(row[0], int))

    def set_sends_read_receipts(self, conversation: ConversationId, *, is_on: bool) -> None:
        self._connection.execute(
            "UPDATE conversations SET sends_read_receipts = ? WHERE number = ?",
            (is_on, conversation),
        )
