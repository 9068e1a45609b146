"""Reads around damaged pages: every row that can still be read, table by table.

Implements `docs/protocol/storage.md`, section "Salvage". Each page has a seal, so a row that is
read is the one that was written; one whose page is damaged is not read at all. After the first
damaged page the library refuses all else on a connection, so each trial has one of its own then.

Rows stand in the order of their numbers. Where one cannot be read, the next number that can is
searched: in steps that double, then between the last two. A table without numbers is read from both
ends, up to the damage.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from mesh.database import Connection
from mesh.errors import DamagedError, StorageError
from mesh.storage.connection import connect_to_read, damaged, transaction

Row = tuple[object, ...]

_ROWS_PER_READ: Final = 64
_NUMBER_MAX: Final = (1 << 63) - 1
OWN_TABLES: Final = (
    "SELECT name FROM pragma_table_list "
    "WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
)
"""The names of all tables but those of the index of words, which is made of the texts."""


@dataclass(frozen=True, slots=True)
class TableRead:
    """The rows of one table. `lost`: how many could not be read; None if nobody knows how many."""

    name: str
    copied: int
    lost: int | None = 0

    @property
    def is_whole(self) -> bool:
        """Say whether nothing of it is missing."""
        return self.lost == 0


@dataclass(slots=True)
class DamagedDatabase:
    """A database some of whose pages are damaged. Nothing is written to it."""

    path: Path
    key: bytes | bytearray = field(repr=False)
    _connection: Connection | None = None

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def version(self) -> int:
        """Return the number of its schema; DamagedError if the list of its tables is damaged."""
        self._query("SELECT name, sql FROM sqlite_master")
        [(version,)] = self._query("PRAGMA user_version")
        assert isinstance(version, int)
        if not version:
            # The library takes a file without content for a new one.
            raise damaged(str(self.path), ", since nothing is in it")
        return version

    def rows(self, table: str, columns: Sequence[str]) -> Iterator[Row]:
        """Every row of a table that can be read, each once."""
        names = ", ".join(columns)
        if self._has_numbers(table):
            yield from self._by_number(table, names)
        else:
            yield from self._from_both_ends(table, names)

    def column(self, table: str, column: str) -> dict[int, object]:
        """Return a column by the numbers of rows out of the index that is of it alone, as far as
        it can be read.
        """
        found: dict[int, object] = {}
        with suppress(StorageError):
            for (index,) in self._query(
                "SELECT name FROM pragma_index_list(?) WHERE partial = 0", (table,)
            ):
                if self._query("SELECT name FROM pragma_index_info(?)", (index,)) != [(column,)]:
                    continue
                order = f'"{column}"'
                for way in (order, f"{order} DESC"):
                    sql = (
                        # Names can be no parameters; these are of the schema.
                        f'SELECT rowid, "{column}" FROM {table} INDEXED BY "{index}" ORDER BY {way}'
                    )
                    with suppress(DamagedError):
                        for number, value in self._rows_until_damage(sql):
                            assert isinstance(number, int)
                            found[number] = value
        return found

    def count(self, table: str) -> int | None:
        """Return how many rows there were, where the table or one of its indexes still tells: the
        most that one of them does, as the others may be older.
        """
        ways = [f"SELECT count(*) FROM {table} NOT INDEXED"]
        with suppress(StorageError):
            found = self._query(
                "SELECT list.name, info.name FROM pragma_index_list(?) AS list, "
                "pragma_index_info(list.name) AS info WHERE partial = 0 AND seqno = 0",
                (table,),
            )
            # The names of our own tables and indexes, no words of anybody else.
            ways += [
                f'SELECT count(*) FROM (SELECT "{column}" FROM {table} INDEXED BY "{name}" '
                f'ORDER BY "{column}")'
                for name, column in found
            ]
        counts: list[int] = []
        for way in ways:
            with suppress(StorageError):
                [(count,)] = self._query(way)
                assert isinstance(count, int)
                counts.append(count)
        return max(counts, default=None)

    # --- Below --------------------------------------------------------------------------------

    def _query(self, sql: str, parameters: Sequence[object] = ()) -> list[Row]:
        try:
            if self._connection is None:
                self._connection = connect_to_read(self.path, self.key)
            return self._connection.execute(sql, parameters).fetchall()
        except StorageError:
            self.close()
            raise

    def _find(self, sql: str, number: int, limit: int) -> list[Row] | None:
        """Return the next rows from a number on; None if they cannot be read."""
        try:
            return self._query(sql, (number, limit))
        except DamagedError:
            return None

    def _has_numbers(self, table: str) -> bool:
        found = self._query("SELECT sql FROM sqlite_master WHERE name = ?", (table,))
        if not found:
            raise damaged(str(self.path))
        return "WITHOUT ROWID" not in str(found[0][0])

    def _by_number(self, table: str, names: str) -> Iterator[Row]:
        sql = (
            # As above: names of the schema.
            f"SELECT rowid, {names} FROM {table} NOT INDEXED "
            "WHERE rowid >= ? ORDER BY rowid LIMIT ?"
        )
        number: int | None = -_NUMBER_MAX
        while number is not None:
            rows = self._find(sql, number, _ROWS_PER_READ)
            if rows is None:
                rows = self._find(sql, number, 1)
            if rows is None:
                number = self._next_readable(sql, number)
                continue
            for _, *row in rows:
                yield tuple(row)
            last = rows[-1][0] if rows else _NUMBER_MAX
            assert isinstance(last, int)
            number = last + 1 if last < _NUMBER_MAX else None

    def _next_readable(self, sql: str, number: int) -> int | None:
        """Return the least number from which on a row is read; None if there is none."""
        bad, step = number, 1
        if number < 0:
            # Numbers begin at one: the first row is damaged, or the way to it.
            bad = 0
            if self._find(sql, 1, 1) is not None:
                return 1
        while True:
            good = bad + step
            if good > _NUMBER_MAX:
                return None
            if self._find(sql, good, 1) is not None:
                break
            bad, step = good, step * 2
        while good - bad > 1:
            middle = (good + bad) // 2
            if self._find(sql, middle, 1) is None:
                bad = middle
            else:
                good = middle
        return good

    def _from_both_ends(self, table: str, names: str) -> Iterator[Row]:
        key = ", ".join(
            f'"{name}"'
            for name, _ in sorted(
                (
                    (str(name), place)
                    for _, name, _, _, _, place in self._query(f"PRAGMA table_info({table})")
                    if place
                ),
                key=lambda named: str(named[1]),
            )
        )
        seen: dict[Row, None] = {}
        for order in (key, ", ".join(f"{name} DESC" for name in key.split(", "))):
            # As above: names of the schema.
            sql = f"SELECT {names} FROM {table} ORDER BY {order}"
            is_whole = True
            try:
                for row in self._rows_until_damage(sql):
                    if row not in seen:
                        seen[row] = None
                        yield row
            except DamagedError:
                is_whole = False
            if is_whole:
                return

    def _rows_until_damage(self, sql: str) -> Iterator[Row]:
        self.close()
        connection = self._connection = connect_to_read(self.path, self.key)
        try:
            cursor = connection.execute(sql)
            while (row := cursor.fetchone()) is not None:
                yield row
        except StorageError:
            self.close()
            raise


def copy_readable(source: DamagedDatabase, target: Connection) -> list[TableRead]:
    """Copy all that can be read into a database of the same schema, in place of its own rows.

    Foreign keys have to be off in the target.
    """
    read: list[TableRead] = []
    for (name,) in target.execute(OWN_TABLES).fetchall():
        table = str(name)
        columns = [str(row[1]) for row in target.execute(f"PRAGMA table_info({table})").fetchall()]
        marks = ", ".join("?" for _ in columns)
        copied = 0
        is_known = True
        with transaction(target):
            # As above: the target has our own schema.
            target.execute(f"DELETE FROM {table}")
            try:
                for row in source.rows(table, columns):
                    target.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)
                    copied += 1
            except DamagedError:
                # Not even where the table begins can be read.
                is_known = False
        count = source.count(table) if is_known else None
        read.append(TableRead(table, copied, None if count is None else max(0, count - copied)))
    _keep_numbers(source, target)
    return read


def _keep_numbers(source: DamagedDatabase, target: Connection) -> None:
    """A number that was ever given is not given again, though its row is gone."""
    with suppress(DamagedError), transaction(target):
        for name, number in source._query("SELECT name, seq FROM sqlite_sequence"):
            target.execute(
                "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", (number, name)
            )
            if target.execute("SELECT changes()").fetchone() == (0,):
                target.execute("INSERT INTO sqlite_sequence VALUES (?, ?)", (name, number))
