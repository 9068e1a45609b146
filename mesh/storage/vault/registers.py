"""Rows of the vault about registers: the values of whatever can change, and which of them stand.

Which values others name is noted as they come, in whatever order. So what a register shows is
found through an index, however many values it has (`docs/protocol/entries.md`, "Registers").
"""

import json
from collections.abc import Iterable, Sequence
from typing import Final

from msgspec.structs import replace

from mesh.content.kinds import Field
from mesh.database import Connection
from mesh.ids import ConversationId, MessageId, UnixSeconds
from mesh.storage.vault.entries import ENTRY
from mesh.storage.vault.rows import (
    OURSELVES,
    EntryRow,
    Row,
    all_of,
    blobs,
    find_one,
    insert,
    integer,
    integers,
)

_COLUMNS: Final = (
    "register_values.entry AS entry, conversation, target, field, holder, author, clock, id, "
    "is_own_named, is_named, is_last"
)
HIDDEN_SINCE: Final = (
    "ALTER TABLE register_values ADD COLUMN since INTEGER NOT NULL DEFAULT 0",
    "UPDATE register_values SET since = "
    "(SELECT received FROM entries WHERE number = register_values.entry) WHERE field = 'hidden'",
)
"""Since when a hiding counts, by expiry time, which erases; 0: that time was not steady since.
A migration, which never changes."""

_HIDDEN: Final = (
    "SELECT conversation, target FROM register_values "
    "WHERE field = 'hidden' AND is_last = 1 AND since <= ?"
)
_REGISTER: Final = "conversation = ?1 AND target = ?2 AND field = ?3 AND holder = ?4"


class _Statements:
    """The statements about one field, whose name stands in them.

    As a parameter it would be compared with that of the index of pins, and each of them compiled
    anew whenever it is run.
    """

    def __init__(self, field: str) -> None:
        assert field.isalpha()
        of_field = f"conversation = ?1 AND target = ?2 AND field = '{field}'"
        of_register = f"{of_field} AND holder = ?3"
        greatest_first = "ORDER BY clock DESC, id DESC"
        of_author = f"{of_register} AND author = ?4"
        # All texts of this file.
        words = (
            f"SELECT {_COLUMNS}, data FROM register_values "
            "LEFT JOIN contents ON contents.entry = register_values.entry "
            f"WHERE {of_register} AND is_last = 1"
        )
        self.last_words = f"{words} {greatest_first}"
        self.last_words_by_holder = (
            f"SELECT {_COLUMNS}, data FROM register_values "
            "LEFT JOIN contents ON contents.entry = register_values.entry "
            f"WHERE {of_field} AND is_last = 1 "
            f"AND hex(holder) IN (SELECT value FROM json_each(?3)) {greatest_first}"
        )
        self.greatest = f"{words} {greatest_first} LIMIT 1"
        self.standing = f"{words} AND is_named = 0 {greatest_first}"
        self.shown = f"{self.standing} LIMIT 1"
        self.versions = (
            f"SELECT {_COLUMNS}, data FROM register_values "
            "JOIN contents ON contents.entry = register_values.entry "
            f"WHERE {of_author} AND is_own_named = ?5 {greatest_first} LIMIT ?6"
        )
        self.replaced = (
            f"SELECT {_COLUMNS} FROM register_values "
            f"WHERE {of_author} AND is_own_named = 1 {greatest_first} LIMIT ?5"
        )
        self.named = (
            f"SELECT {_COLUMNS} FROM register_values "
            f"WHERE {of_author} AND is_own_named = 1 "
            "AND entry = (SELECT number FROM entries WHERE conversation = ?1 AND id = ?5)"
        )
        self.own = (
            f"SELECT {_COLUMNS} FROM register_values "
            f"WHERE {of_register} AND author = {OURSELVES} AND is_own_named = 0 {greatest_first}"
        )
        self.name = (
            "UPDATE register_values SET is_named = 1, "
            f"is_own_named = is_own_named OR author = ?5 WHERE {of_register} "
            "AND entry = (SELECT number FROM entries WHERE conversation = ?1 AND id = ?4)"
        )
        last = (
            "(SELECT entry FROM register_values "
            f"WHERE {of_author} AND is_own_named = 0 {greatest_first} LIMIT 1)"
        )
        self.settle = (
            f"UPDATE register_values SET is_last = (entry = {last}) "
            f"WHERE {of_author} AND (is_last = 1 OR entry = {last})"
        )
        self.any = f"SELECT 1 FROM register_values WHERE {of_register} LIMIT 1"
        self.count = f"SELECT count(*) FROM register_values WHERE {of_field}"


_ABOUT: Final = {field.value: _Statements(field.value) for field in Field}


class ValueRow(Row, frozen=True):
    """A value of a register: an entry that changes something.

    `is_own_named`: another value of its author names it; `is_named`: one of anybody; `is_last`: of
    those of its author that no other of his names it is the greatest.
    """

    entry: int
    conversation: ConversationId
    target: bytes
    field: str
    holder: bytes
    author: int
    clock: int
    id: MessageId
    is_own_named: bool = False
    is_named: bool = False
    is_last: bool = False

    @property
    def register(self) -> tuple[ConversationId, bytes, str, bytes]:
        """The register that it is a value of."""
        return self.conversation, self.target, self.field, self.holder

    @property
    def rank(self) -> tuple[int, bytes]:
        """The order of values: the greater is the later one."""
        return self.clock, self.id


class WordRow(ValueRow, frozen=True):
    """The last word of an author, with the bytes of its entry, unless they are gone."""

    data: bytes | None = None


class RegisterRows:
    """All registers of all conversations; any number of people write into each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, value: ValueRow, over: Sequence[bytes]) -> None:
        """Add a value that counts, and note which others it names, also those that come later."""
        connection, register = self._connection, value.register
        is_named, is_own_named = self._named(register, value.id, value.author)
        insert(
            connection,
            "register_values",
            replace(value, is_own_named=is_own_named, is_named=is_named),
        )
        for id_ in dict.fromkeys(over):
            connection.execute(
                "INSERT INTO named (conversation, target, field, holder, id, author, entry) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*register, id_, value.author, value.entry),
            )
            connection.execute(
                _ABOUT[value.field].name,
                (value.conversation, value.target, value.holder, id_, value.author),
            )
        self._settle(value)

    def remove(self, entry: int) -> ValueRow | None:
        """A value counts no more; return it, None if it did not count. What it named may stand
        again.
        """
        value = find_one(
            self._connection.execute(
                f"SELECT {_COLUMNS} FROM register_values WHERE entry = ?",
                (entry,),
            ),
            ValueRow,
        )
        if value is None:
            return None
        ids = blobs(self._connection.execute("SELECT id FROM named WHERE entry = ?", (entry,)))
        self._connection.execute("DELETE FROM named WHERE entry = ?", (entry,))
        self._connection.execute("DELETE FROM register_values WHERE entry = ?", (entry,))
        for id_ in ids:
            found = find_one(
                self._connection.execute(
                    f"SELECT {_COLUMNS} FROM register_values WHERE {_REGISTER} AND entry = "
                    "(SELECT number FROM entries WHERE conversation = ?1 AND id = ?5)",
                    (*value.register, id_),
                ),
                ValueRow,
            )
            if found is not None:
                is_named, is_own_named = self._named(value.register, id_, found.author)
                self._connection.execute(
                    "UPDATE register_values SET is_named = ?, is_own_named = ? WHERE entry = ?",
                    (is_named, is_own_named, found.entry),
                )
        self._settle(value)
        return value

    def _named(
        self, register: tuple[ConversationId, bytes, str, bytes], id_: bytes, author: int
    ) -> tuple[bool, bool]:
        """Say whether values of a register name an id, and whether one of an author does."""
        named = integers(
            self._connection.execute(
                f"SELECT author FROM named WHERE {_REGISTER} AND id = ?5 GROUP BY author",
                (*register, id_),
            )
        )
        return bool(named), author in named

    def _settle(self, value: ValueRow) -> None:
        """Mark the last word of an author in a register."""
        self._connection.execute(
            _ABOUT[value.field].settle,
            (value.conversation, value.target, value.holder, value.author),
        )

    def last_words(
        self, conversation: ConversationId, target: bytes, field: str, holder: bytes = b""
    ) -> list[WordRow]:
        """Return the last word of each author, the greatest first."""
        register = (conversation, target, holder)
        return all_of(self._connection.execute(_ABOUT[field].last_words, register), WordRow)

    def last_words_by_holder(
        self, conversation: ConversationId, target: bytes, field: str, holders: Iterable[bytes]
    ) -> list[WordRow]:
        """Return the last words in the registers of these holders, the greatest first."""
        named = json.dumps([holder.hex().upper() for holder in holders])
        cursor = self._connection.execute(
            _ABOUT[field].last_words_by_holder, (conversation, target, named)
        )
        return all_of(cursor, WordRow)

    def last_entries(self, conversation: ConversationId, target: bytes) -> list[int]:
        """Return the entries that are the last word of an author in any register of an object."""
        return integers(
            self._connection.execute(
                "SELECT entry FROM register_values WHERE conversation = ? AND target = ? "
                "AND is_last = 1 ORDER BY entry",
                (conversation, target),
            )
        )

    def standing(
        self, conversation: ConversationId, target: bytes, field: str, holder: bytes = b""
    ) -> list[WordRow]:
        """Return what a register shows, and then what else stands; nothing if it has no value."""
        register = (conversation, target, holder)
        # Most have no value, and what is written next asks for that of the timer.
        if self._connection.execute(_ABOUT[field].any, register).fetchone() is None:
            return []
        standing = all_of(self._connection.execute(_ABOUT[field].standing, register), WordRow)
        if not standing:
            standing = all_of(self._connection.execute(_ABOUT[field].greatest, register), WordRow)
        return standing

    def find_shown(
        self, conversation: ConversationId, target: bytes, field: str, holder: bytes = b""
    ) -> WordRow | None:
        """Return what a register shows: the others that stand, however many, are not read."""
        statements, register = _ABOUT[field], (conversation, target, holder)
        if self._connection.execute(statements.any, register).fetchone() is None:
            return None
        shown = find_one(self._connection.execute(statements.shown, register), WordRow)
        return shown or find_one(self._connection.execute(statements.greatest, register), WordRow)

    def to_replace(
        self, conversation: ConversationId, target: bytes, field: str, holder: bytes = b""
    ) -> list[MessageId]:
        """Return the ids that a value of ours names: our own that stand, then what else does."""
        mine = all_of(
            self._connection.execute(_ABOUT[field].own, (conversation, target, holder)), ValueRow
        )
        standing = self.standing(conversation, target, field, holder)
        return list(dict.fromkeys(value.id for value in (*mine, *standing)))

    def versions(
        self, conversation: ConversationId, target: bytes, *, author: int, limit: int
    ) -> list[WordRow]:
        """Return the greatest edits of a text whose words are here, the greatest first."""
        found: list[WordRow] = []
        for is_own_named in (False, True):
            register = (conversation, target, b"", author, is_own_named, limit)
            cursor = self._connection.execute(_ABOUT[Field.TEXT.value].versions, register)
            found += all_of(cursor, WordRow)
        return sorted(found, key=lambda value: value.rank, reverse=True)[:limit]

    def outdated(self, value: ValueRow, over: Sequence[bytes], kept_max: int) -> list[int]:
        """Return the entries that a value has made so old that their words go.

        It is in its register already. Of what its author has replaced, which is never shown again,
        the greatest stay; those that it has moved behind them stand there or are named by it.
        """
        statements = _ABOUT[value.field]
        register = (value.conversation, value.target, value.holder, value.author)
        replaced = all_of(
            self._connection.execute(statements.replaced, (*register, kept_max + len(over) + 1)),
            ValueRow,
        )
        behind = replaced[kept_max:]
        if behind:
            for id_ in (value.id, *over):
                behind += all_of(
                    self._connection.execute(statements.named, (*register, id_)), ValueRow
                )
        kept = {row.entry: None for row in replaced[:kept_max]}
        return [row.entry for row in behind if row.entry not in kept]

    def count(self, conversation: ConversationId, target: bytes, field: str) -> int:
        """Return how many values a field of an object has."""
        return integer(self._connection.execute(_ABOUT[field].count, (conversation, target)))

    def hidden_before(self, before: UnixSeconds) -> list[EntryRow]:
        """Return the objects that somebody's last word hides, or shows again, since before a time.
        What stands may be a later word of another: see `counts_before`.
        """
        cursor = self._connection.execute(
            f"{ENTRY} WHERE (conversation, id) IN ({_HIDDEN}) AND gone = '' ORDER BY number",
            (before,),
        )
        return all_of(cursor, EntryRow)

    def counts_before(
        self, conversation: ConversationId, id_: MessageId, before: UnixSeconds
    ) -> bool:
        """Say whether a word by which an object is hidden counts since before a time."""
        found = self._connection.execute(
            "SELECT 1 FROM register_values WHERE since BETWEEN 1 AND ?1 AND entry = "
            "(SELECT number FROM entries WHERE conversation = ?2 AND id = ?3)",
            (before, conversation, id_),
        )
        return found.fetchone() is not None

    def count_hidden(self, since: UnixSeconds) -> None:
        """Let what was hidden, or shown again, and does not count yet do so since a time."""
        self._connection.execute(
            "UPDATE register_values SET since = ? "
            "WHERE field = 'hidden' AND is_last = 1 AND since = 0",
            (since,),
        )

    def find_ends(self, poll: int) -> int | None:
        """Return the clock from which on votes come too late; None: there is none."""
        row = self._connection.execute("SELECT ends FROM polls WHERE entry = ?", (poll,)).fetchone()
        if row is None:
            return None
        assert isinstance(row[0], int)
        return row[0]

    def set_ends(self, poll: int, ends: int | None) -> None:
        """A poll ends at a clock, or does not end."""
        self._connection.execute("DELETE FROM polls WHERE entry = ?", (poll,))
        if ends is not None:
            self._connection.execute("INSERT INTO polls VALUES (?, ?)", (poll, ends))

    def clear(self, conversation: ConversationId, target: bytes, field: str) -> None:
        """Forget the values of a field of an object: they are counted anew."""
        self._connection.execute(
            "DELETE FROM named WHERE entry IN (SELECT entry FROM register_values "
            "WHERE conversation = ?1 AND target = ?2 AND field = ?3)",
            (conversation, target, field),
        )
        self._connection.execute(
            "DELETE FROM register_values WHERE conversation = ? AND target = ? AND field = ?",
            (conversation, target, field),
        )
