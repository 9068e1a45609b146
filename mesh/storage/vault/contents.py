"""Rows of the vault about words: what entries hold, and what is shown now of each object."""

from typing import Literal

from mesh.content.entry import CHANGE_BIT
from mesh.database import Connection
from mesh.ids import ConversationId
from mesh.storage.vault.rows import EntryGone, Row, find_one, insert, integers

_ABOUT = (
    f"SELECT number FROM entries WHERE kind & {CHANGE_BIT} AND conversation = ?1 "
    "AND target = ?2 AND target <> x'' ORDER BY number"  # a constant of ours
)
_OF_SAME = (
    "(SELECT number FROM entries WHERE conversation = ?1 AND target = ?2 AND target <> x'' "
    "AND kind = ?3 AND author = ?4)"
)


class ContentRow(Row, frozen=True):
    """The words of an entry. Form 1: the text of a payload of version 1; form 2: its bytes.

    `signature`: its author's, in groups, so that any member can pass it on; else nothing.
    """

    entry: int
    form: Literal[1, 2]
    data: bytes
    signature: bytes = b""


class ContentRows:
    """The only place of words in the vault; what is erased here is nowhere."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, row: ContentRow) -> None:
        insert(self._connection, "contents", row)

    def find(self, entry: int) -> ContentRow | None:
        """The words of an entry, unless they are gone."""
        cursor = self._connection.execute(
            "SELECT entry, form, data, signature FROM contents WHERE entry = ?", (entry,)
        )
        return find_one(cursor, ContentRow)

    def text(self, entry: int) -> str:
        """Return what is shown now of an object; nothing if it is gone."""
        row = self._connection.execute(
            "SELECT text FROM texts WHERE entry = ?", (entry,)
        ).fetchone()
        return "" if row is None else str(row[0])

    def show(self, entry: int, text: str) -> None:
        """This is what is shown of an object now."""
        self._connection.execute(
            "INSERT INTO texts (entry, text) VALUES (?1, ?2) "
            "ON CONFLICT (entry) DO UPDATE SET text = ?2",
            (entry, text),
        )

    def unshow(self, entry: int) -> None:
        """Nothing is shown of an object now, and nothing of it is found."""
        self._connection.execute("DELETE FROM texts WHERE entry = ?", (entry,))

    def about(self, conversation: ConversationId, target: bytes) -> list[int]:
        """Numbers of the changes of an object, by whomever."""
        return integers(self._connection.execute(_ABOUT, (conversation, target)))

    def erase(
        self,
        entry: int,
        conversation: ConversationId,
        id_: bytes,
        gone: EntryGone,
        *,
        but: int = 0,
    ) -> None:
        """The words of an object go, and those of every change about it, but of one; the rows
        stay.
        """
        for number in (entry, *self.about(conversation, id_)):
            if number != but:
                self.erase_one(number, gone)
        self._connection.execute("DELETE FROM at_hand WHERE entry = ?", (entry,))
        for table in ("register_values", "named"):
            self._connection.execute(
                # Names of this file.
                f"DELETE FROM {table} WHERE conversation = ? AND target = ?",
                (conversation, id_),
            )

    def erase_one(self, entry: int, gone: EntryGone) -> None:
        """The words of one entry go."""
        self._connection.execute("DELETE FROM texts WHERE entry = ?", (entry,))
        self._connection.execute("DELETE FROM contents WHERE entry = ?", (entry,))
        self._connection.execute(
            "UPDATE entries SET gone = ?2, is_read = 1, "
            "place = place AND ?2 NOT IN ('expired', 'forgotten') WHERE number = ?1 AND gone = ''",
            (entry, gone),
        )

    def erase_version(self, entry: int) -> None:
        """The words of an edit go that others have replaced; it counts as before."""
        self._connection.execute("DELETE FROM contents WHERE entry = ?", (entry,))

    def erase_invalid(self, entry: int, conversation: ConversationId, id_: bytes) -> None:
        """An object turns out to be none: its words go, those about it, and it is shown no more."""
        self.erase(entry, conversation, id_, "")
        self._connection.execute("UPDATE entries SET place = 0 WHERE number = ?", (entry,))
        self._connection.execute(
            f"UPDATE entries SET verdict = 'invalid' WHERE number IN ({_ABOUT})",
            (conversation, id_),
        )

    def erase_kind(
        self, conversation: ConversationId, target: bytes, *, kind: int, author: int
    ) -> None:
        """The words of one author's changes of a kind go: they wait for what he took back."""
        self._connection.execute(
            f"DELETE FROM contents WHERE entry IN {_OF_SAME}",
            (conversation, target, kind, author),
        )
