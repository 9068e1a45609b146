"""Rows of the vault about authors: who wrote what in conversations of more than two.

Of everybody's entries those of ours bear the number 0, and in a conversation of two the other
side's bear 1. Members of groups have numbers of their own, which they keep when they have left.
"""

from typing import Final

from mesh.database import Connection
from mesh.ids import ConversationId, UnixSeconds, VerifyKey
from mesh.storage.vault.entries import ENTRY
from mesh.storage.vault.kept_rows import KeptRows
from mesh.storage.vault.rows import (
    OURSELVES,
    EntryRow,
    Row,
    all_of,
    find_one,
    insert_numbered,
    integer,
    integers,
)

AUTHORS: Final = (
    """
    CREATE TABLE authors (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        conversation INTEGER NOT NULL REFERENCES conversations (number),
        key BLOB NOT NULL,
        name TEXT NOT NULL,
        UNIQUE (conversation, key)
    ) STRICT
    """,
    # 0 and 1 are ourselves and the other side of two.
    "INSERT INTO sqlite_sequence (name, seq) VALUES ('authors', 1)",
    # `ops`: the membership operations that an entry of a group names, one behind the other.
    # `is_apart`: written by who was out, or had no right any more, as it is seen now.
    "ALTER TABLE entries ADD COLUMN author INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE entries ADD COLUMN ops BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE entries ADD COLUMN is_apart INTEGER NOT NULL DEFAULT 0",
    "UPDATE entries SET author = 1 WHERE NOT is_mine",
    # Of groups alone: their cuts are by run and number.
    "CREATE INDEX entries_by_author ON entries (conversation, author, run, seq) WHERE ops <> x''",
    "DROP INDEX entries_uncounted",
    "CREATE INDEX entries_uncounted ON entries (conversation, target, author) "
    "WHERE is_counted = 0 AND is_apart = 0",
    "ALTER TABLE contents ADD COLUMN signature BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE deleted_messages RENAME COLUMN is_mine TO author",
    "UPDATE deleted_messages SET author = 1 - author",
    "ALTER TABLE heads ADD COLUMN author INTEGER NOT NULL DEFAULT 1",
    """
    UPDATE heads SET author = 0 WHERE EXISTS (SELECT 1 FROM entries
        WHERE entries.conversation = heads.conversation AND entries.id = heads.id AND author = 0)
        OR EXISTS (SELECT 1 FROM deleted_messages WHERE deleted_messages.author = 0
        AND deleted_messages.conversation = heads.conversation AND deleted_messages.id = heads.id)
    """,
    "ALTER TABLE named RENAME COLUMN is_mine TO author",
    "UPDATE named SET author = 1 - author",
    # Any number of people write into a register: the last word of each is marked.
    "ALTER TABLE register_values RENAME COLUMN is_mine TO author",
    "ALTER TABLE register_values ADD COLUMN is_last INTEGER NOT NULL DEFAULT 0",
    "UPDATE register_values SET author = 1 - author",
    """
    UPDATE register_values SET is_last = 1 WHERE entry IN (
        SELECT entry FROM (
            SELECT entry, row_number() OVER (
                PARTITION BY conversation, target, field, holder, author
                ORDER BY clock DESC, id DESC
            ) AS place FROM register_values WHERE is_own_named = 0
        ) WHERE place = 1
    )
    """,
    "CREATE INDEX register_values_last ON register_values "
    "(conversation, target, field, holder, clock, id) WHERE is_last = 1",
    "CREATE INDEX register_values_hidden ON register_values (conversation, target) "
    "WHERE field = 'hidden' AND is_last = 1",
)
"""The statements that make it. They are part of a migration, and so never change."""

_BY_AUTHOR: Final = ("heads", "named", "register_values", "deleted_messages")
"""The tables beside that of entries in which it stands by whom something is."""

_AUTHOR: Final = "SELECT number, conversation, key, name FROM authors"


class AuthorRow(Row, frozen=True):
    """A member of a group, now or once, by the name under which they were last known there."""

    number: int
    conversation: ConversationId
    key: VerifyKey
    name: str


class _SaidRow(Row, frozen=True):
    earliest: int
    bytes: int


class AuthorRows:
    """The authors of groups, and what each wrote."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.kept: KeptRows[int, AuthorRow] = KeptRows()

    def author(self, number: int) -> AuthorRow:
        """The author of a number that was read from the vault."""
        row = self.kept.find(number, self._read)
        assert row is not None
        return row

    def find(self, conversation: ConversationId, key: bytes) -> AuthorRow | None:
        """The author of a key, if anything of theirs was here."""
        cursor = self._connection.execute(
            f"{_AUTHOR} WHERE conversation = ? AND key = ?", (conversation, key)
        )
        return find_one(cursor, AuthorRow)

    def add(self, conversation: ConversationId, key: VerifyKey, name: str) -> AuthorRow:
        """Add an author who is new in a conversation; return them with their number."""
        row = AuthorRow(0, conversation, key, name)
        return insert_numbered(self._connection, "authors", row)

    def part_from(self, conversation: ConversationId, key: VerifyKey, name: str) -> None:
        """Entries that we wrote in a conversation are by this key, which is ours no more. Of what
        expired nobody may have it, and that stays said.
        """
        number = self.add(conversation, key, name).number
        self._connection.execute(
            "UPDATE entries SET author = ?, is_mine = 0, lapses = NULL, "
            "state = CASE state WHEN 'expired' THEN state ELSE 'received' END "
            "WHERE conversation = ? AND author = ?",
            (number, conversation, OURSELVES),
        )
        for table in _BY_AUTHOR:
            self._connection.execute(
                f"UPDATE {table} SET author = ? WHERE conversation = ? AND author = ?",
                (number, conversation, OURSELVES),
            )

    def set_name(self, number: int, name: str) -> None:
        """They are called otherwise from now on."""
        self.kept.drop(number)
        self._connection.execute("UPDATE authors SET name = ? WHERE number = ?", (name, number))

    def of(self, conversation: ConversationId) -> list[AuthorRow]:
        """All authors of a conversation, by number."""
        cursor = self._connection.execute(
            f"{_AUTHOR} WHERE conversation = ? ORDER BY number", (conversation,)
        )
        return all_of(cursor, AuthorRow)

    def shown(self, conversation: ConversationId) -> list[VerifyKey]:
        """Return the keys of those of whom something stands in the stream of a group."""
        cursor = self._connection.execute(
            f"{_AUTHOR} WHERE conversation = ? AND EXISTS (SELECT 1 FROM entries "
            "WHERE entries.conversation = authors.conversation AND author = authors.number "
            "AND ops <> x'' AND place = 1) ORDER BY number",
            (conversation,),
        )
        return [row.key for row in all_of(cursor, AuthorRow)]

    def by_author(self, conversation: ConversationId, author: int) -> list[EntryRow]:
        """The entries of an author of a group, by run and number."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND author = ? AND ops <> x'' "
            "ORDER BY run, seq, number",
            (conversation, author),
        )
        return all_of(cursor, EntryRow)

    def said_between(
        self, author: AuthorRow, after: UnixSeconds, until: UnixSeconds
    ) -> tuple[UnixSeconds, int]:
        """Return when the first entry of an author came after some time, and the bytes of all that
        came until another.
        """
        cursor = self._connection.execute(
            "SELECT coalesce(min(received), 0), coalesce(sum(length(data)), 0) FROM entries "
            "JOIN contents ON contents.entry = entries.number WHERE conversation = ? "
            "AND author = ? AND ops <> x'' AND received > ? AND received <= ?",
            (author.conversation, author.number, after, until),
        )
        said = find_one(cursor, _SaidRow)
        assert said is not None
        return UnixSeconds(said.earliest), said.bytes

    def twins(self, row: EntryRow) -> list[EntryRow]:
        """Other entries that bear the run and number of one, by the same author."""
        cursor = self._connection.execute(
            f"{ENTRY} WHERE conversation = ? AND author = ? AND run = ? AND seq = ? "
            "AND ops <> x'' AND id <> ? ORDER BY number",
            (row.conversation, row.author, row.run, row.seq, row.id),
        )
        return all_of(cursor, EntryRow)

    def doubled(self, conversation: ConversationId) -> list[int]:
        """Return the authors of a group of whom two entries bear one run and number."""
        cursor = self._connection.execute(
            "SELECT DISTINCT author FROM entries WHERE conversation = ? AND ops <> x'' "
            "GROUP BY author, run, seq HAVING count(*) > 1 ORDER BY author",
            (conversation,),
        )
        return integers(cursor)

    def is_twin(self, row: EntryRow) -> bool:
        """Say whether there is such a one."""
        return bool(
            integer(
                self._connection.execute(
                    "SELECT EXISTS (SELECT 1 FROM entries WHERE conversation = ? AND author = ? "
                    "AND run = ? AND seq = ? AND ops <> x'' AND id <> ?)",
                    (row.conversation, row.author, row.run, row.seq, row.id),
                )
            )
        )

    def _read(self, number: int) -> AuthorRow | None:
        return find_one(
            self._connection.execute(f"{_AUTHOR} WHERE number = ?", (number,)), AuthorRow
        )
