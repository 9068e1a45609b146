"""Rows of the vault about the order of a conversation: positions, heads and gaps."""

from bisect import insort
from typing import Final

from msgspec.structs import replace

from mesh.content.entry import is_change
from mesh.database import Connection
from mesh.ids import ConversationId, MessageId
from mesh.storage.vault.entries import ENTRY, EntryRows, Place
from mesh.storage.vault.kept_rows import KeptRows
from mesh.storage.vault.rows import OURSELVES, EntryRow, Row, all_of, blobs, find_one, integers

_LOOKED_BEHIND: Final = 256
"""Entries behind one among which those are looked for that name it: most stand next to it."""


class HeadRow(Row, frozen=True):
    """A message that nothing follows, where it stands, and whose it is."""

    position: int
    id: MessageId
    author: int

    @property
    def is_mine(self) -> bool:
        """Say whether it was written here."""
        return self.author == OURSELVES


class HistoryRows:
    """The places of messages, which of them nothing follows, and which parents are missing."""

    def __init__(self, connection: Connection, messages: EntryRows) -> None:
        self._connection = connection
        self._messages = messages
        self.kept: KeptRows[tuple[ConversationId, MessageId], HeadRow] = KeptRows()
        """Heads: most of what is written next names them as its parents."""

        # Those of the conversation in which somebody writes, as long as that is one piece of work.
        self._writing_in: tuple[ConversationId, list[HeadRow]] | None = None
        # No parent is missing, and none was put there since that was asked.
        self._has_no_gaps = False
        # None is out of order, and none was put there since that was read.
        self._is_in_order = False

    def find_position(self, conversation: ConversationId, id_: MessageId) -> int | None:
        """Return where a message of a conversation stands, or stood before it was deleted; None if
        it never was here.
        """
        if (head := self.kept.find_kept((conversation, id_))) is not None:
            return head.position
        columns = self._connection.execute(
            "SELECT position FROM entries WHERE conversation = ?1 AND id = ?2 UNION ALL "
            "SELECT position FROM deleted_messages WHERE conversation = ?1 AND id = ?2",
            (conversation, id_),
        ).fetchone()
        if columns is None:
            return None
        assert isinstance(columns[0], int)
        return columns[0]

    def children(
        self, conversation: ConversationId, position: int, id_: MessageId, limit: int
    ) -> list[EntryRow]:
        """Return the first entries that name one as a parent, but for those that are invalid, and
        those that stand far behind it: no index tells them.
        """
        cursor = self._connection.execute(
            f"SELECT * FROM ({ENTRY} WHERE conversation = ? AND position > ? "
            "ORDER BY position, id LIMIT ?) WHERE verdict <> 'invalid' AND instr(parents, ?) > 0 "
            "ORDER BY position, id LIMIT ?",
            (conversation, position, _LOOKED_BEHIND, id_, limit),
        )
        return all_of(cursor, EntryRow)

    def set_position(self, number: int, position: int) -> None:
        self.forget()
        self._connection.execute(
            "UPDATE entries SET position = ? WHERE number = ?", (position, number)
        )

    def place(self, row: EntryRow, *, is_late: bool) -> EntryRow:
        """An object that waited stands in the stream since now: it gets a number as if it had come
        now, so that who goes through all by number meets it.
        """
        # Its id is that of one entry alone.
        new = replace(row, id=MessageId(row.id + bytes(1)), send_key=None)
        number = self._messages.insert(new).number
        for sql in (
            "UPDATE contents SET entry = ?1 WHERE entry = ?2",
            "UPDATE gaps SET child = ?1 WHERE child = ?2",
        ):
            self._connection.execute(sql, (number, row.number))
        self._connection.execute("DELETE FROM entries WHERE number = ?", (row.number,))
        self._connection.execute(
            "UPDATE entries SET id = ?, place = 1, is_read = ?, is_late = ? WHERE number = ?",
            (row.id, row.is_mine or is_change(row.kind), is_late, number),
        )
        return self._messages.message(number)

    def forget(self) -> None:
        """Another piece of work begins, or what was read may be otherwise by now."""
        self.kept.clear()
        self._writing_in = None

    def heads(self, conversation: ConversationId) -> list[HeadRow]:
        """Messages that nothing follows, in order."""
        if self._writing_in is not None and self._writing_in[0] == conversation:
            return list(self._writing_in[1])
        cursor = self._connection.execute(
            "SELECT position, id, author FROM heads WHERE conversation = ? ORDER BY position, id",
            (conversation,),
        )
        heads = all_of(cursor, HeadRow)
        for head in heads:
            self.kept.keep((conversation, head.id), head)
        self._writing_in = conversation, list(heads)
        return heads

    def heads_of(self, conversation: ConversationId, author: int) -> list[HeadRow]:
        """The same of one author."""
        cursor = self._connection.execute(
            "SELECT position, id, author FROM heads WHERE conversation = ? AND author = ? "
            "ORDER BY position, id",
            (conversation, author),
        )
        return all_of(cursor, HeadRow)

    def find_head(self, conversation: ConversationId, id_: MessageId) -> HeadRow | None:
        """Return a message as a head, if it is one."""
        cursor = self._connection.execute(
            "SELECT position, id, author FROM heads WHERE conversation = ? AND id = ?",
            (conversation, id_),
        )
        return find_one(cursor, HeadRow)

    def add_head(self, conversation: ConversationId, head: HeadRow) -> None:
        """Nothing follows a message yet."""
        self.kept.keep((conversation, head.id), head)
        if self._writing_in is not None and self._writing_in[0] == conversation:
            insort(self._writing_in[1], head, key=_place_of)
        self._connection.execute(
            "INSERT INTO heads (conversation, position, id, author) VALUES (?, ?, ?, ?)",
            (conversation, head.position, head.id, head.author),
        )

    def remove_head(
        self, conversation: ConversationId, position: int, id_: MessageId
    ) -> int | None:
        """Remove a head; return its author if it was one."""
        if self._writing_in is not None and self._writing_in[0] == conversation:
            left = [head for head in self._writing_in[1] if _place_of(head) != (position, id_)]
            self._writing_in = conversation, left
        known = self.kept.find_kept((conversation, id_))
        if known is not None and known.position == position:
            # Where it is known whose it is, nothing has to be returned: that costs as much again.
            cursor = self._connection.execute(
                "DELETE FROM heads WHERE conversation = ? AND position = ? AND id = ?",
                (conversation, position, id_),
            )
            return known.author if cursor.rowcount else None
        authors = integers(
            self._connection.execute(
                "DELETE FROM heads WHERE conversation = ? AND position = ? AND id = ? "
                "RETURNING author",
                (conversation, position, id_),
            )
        )
        return authors[0] if authors else None

    def find_cursor(self, conversation: ConversationId) -> Place | None:
        """Return from where on messages are to be compared with their parents."""
        columns = self._connection.execute(
            "SELECT position, id FROM reordering WHERE conversation = ?", (conversation,)
        ).fetchone()
        if columns is None:
            return None
        position, id_ = columns
        assert isinstance(position, int)
        assert isinstance(id_, bytes)
        return position, id_

    def set_cursor(self, conversation: ConversationId, place: Place | None) -> None:
        """Messages from there on are to be compared; None: all stand below their parents."""
        self._connection.execute("DELETE FROM reordering WHERE conversation = ?", (conversation,))
        if place is not None:
            self._is_in_order = False
            self._connection.execute(
                "INSERT INTO reordering (conversation, position, id) VALUES (?, ?, ?)",
                (conversation, *place),
            )

    def out_of_order(self) -> list[ConversationId]:
        """Conversations in which some messages are to be compared; asked inside no savepoint."""
        if self._is_in_order:
            return []
        cursor = self._connection.execute("SELECT conversation FROM reordering ORDER BY 1")
        found = []
        for (number,) in cursor.fetchall():
            assert isinstance(number, int)
            found.append(ConversationId(number))
        self._is_in_order = not found
        return found

    @property
    def has_no_gaps(self) -> bool:
        """Say whether it is known that no parent of any entry is missing."""
        return self._has_no_gaps

    def look_for_gaps(self) -> None:
        """See whether any parent is missing, unless it is known; asked inside no savepoint."""
        if not self._has_no_gaps:
            cursor = self._connection.execute("SELECT EXISTS (SELECT 1 FROM gaps)")
            self._has_no_gaps = integers(cursor) == [0]

    def add_gap(self, conversation: ConversationId, parent: MessageId, child: int) -> None:
        self._has_no_gaps = False
        self._connection.execute(
            "INSERT OR IGNORE INTO gaps (conversation, parent, child) VALUES (?, ?, ?)",
            (conversation, parent, child),
        )

    def missing_parents(self, child: int) -> list[bytes]:
        """Return the parents of an entry that are not here."""
        return blobs(
            self._connection.execute(
                "SELECT parent FROM gaps WHERE child = ? ORDER BY parent", (child,)
            )
        )

    def close_gap(self, conversation: ConversationId, parent: MessageId) -> list[EntryRow]:
        """A missing parent came: return the children that were waiting for it."""
        if self._has_no_gaps:
            return []
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


def _place_of(head: HeadRow) -> Place:
    return head.position, head.id
