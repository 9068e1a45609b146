"""Rows of the vault about conversations: settings, drafts, and what a list shows of each."""

from collections.abc import Sequence
from typing import Final

from mesh.database import Connection
from mesh.ids import ContactId, ConversationId, direct_conversation
from mesh.storage.vault.kept_rows import KeptRows
from mesh.storage.vault.rows import (
    ConversationRow,
    ConversationSummaryRow,
    all_of,
    find_one,
    insert,
    integer,
)

DRAFT_REPLIES: Final = (
    # The id of the item that it replies to; empty: none.
    "ALTER TABLE drafts ADD COLUMN reply BLOB NOT NULL DEFAULT x''",
)
"""By this, drafts tell what they reply to. It is a migration, and so never changes."""

_CONVERSATION: Final = (
    "SELECT number, kind, contact, read_position, sends_read_receipts, muted_until, is_pinned, "
    "is_archived, is_marked_unread, keep_for, run, written_count FROM conversations"
)
_SUMMARY: Final = (
    "SELECT number, (SELECT count(*) FROM entries WHERE conversation = conversations.number "
    "AND is_read = 0), (SELECT entries.number FROM entries WHERE conversation = "
    "conversations.number AND place = 1 ORDER BY position DESC, id DESC LIMIT 1), "
    "coalesce((SELECT text FROM drafts WHERE conversation = conversations.number), ''), "
    "coalesce((SELECT reply FROM drafts WHERE conversation = conversations.number), x'') "
    "FROM conversations"
)


class ConversationRows:
    """All conversations. None bears the number of a contact, but the direct one with them."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.kept: KeptRows[ConversationId, ConversationRow] = KeptRows()

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

    def add_group(self) -> ConversationId:
        """Add the conversation of a group that is new here; return its number."""
        number = ConversationId(self.next_number())
        insert(self._connection, "conversations", ConversationRow(number, "group", None))
        return number

    def conversation(self, conversation: ConversationId) -> ConversationRow:
        """The conversation of a number that was read from the vault."""
        row = self.find(conversation)
        assert row is not None
        return row

    def find(self, conversation: ConversationId) -> ConversationRow | None:
        """The conversation of a number that somebody named."""
        return self.kept.find(conversation, self._read)

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
        self._write(
            row.number,
            "UPDATE conversations SET muted_until = ?, is_pinned = ?, is_archived = ?, "
            "is_marked_unread = ?, keep_for = ? WHERE number = ?",
            (
                row.muted_until,
                row.is_pinned,
                row.is_archived,
                row.is_marked_unread,
                row.keep_for,
                row.number,
            ),
        )

    def set_run(self, conversation: ConversationId, run: int) -> None:
        """Number what is written here from 0 on, in a run that was drawn by chance."""
        self._write(
            conversation,
            "UPDATE conversations SET run = ?, written_count = 0 WHERE number = ?",
            (run, conversation),
        )

    def count_written(self, conversation: ConversationId) -> None:
        """One more entry was written here."""
        if (row := self.kept.find_kept(conversation)) is not None:
            self.kept.change(conversation, written_count=row.written_count + 1)
        self._connection.execute(
            "UPDATE conversations SET written_count = written_count + 1 WHERE number = ?",
            (conversation,),
        )

    def set_draft(self, conversation: ConversationId, text: str, reply: bytes) -> None:
        """Keep what was begun to be written, and the id of what it replies to; nothing if both are
        empty.
        """
        self._connection.execute("DELETE FROM drafts WHERE conversation = ?", (conversation,))
        if text or reply:
            self._connection.execute(
                "INSERT INTO drafts (conversation, text, reply) VALUES (?, ?, ?)",
                (conversation, text, reply),
            )

    def was_read(self, conversation: ConversationId, position: int) -> None:
        """Remember how far a conversation was read, which only rises; it is unread no longer."""
        self._write(
            conversation,
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
        self._write(
            conversation,
            "UPDATE conversations SET sends_read_receipts = ? WHERE number = ?",
            (is_on, conversation),
        )

    def _read(self, conversation: ConversationId) -> ConversationRow | None:
        cursor = self._connection.execute(f"{_CONVERSATION} WHERE number = ?", (conversation,))
        return find_one(cursor, ConversationRow)

    def _write(self, conversation: ConversationId, sql: str, values: Sequence[object]) -> None:
        self.kept.drop(conversation)
        self._connection.execute(sql, values)
