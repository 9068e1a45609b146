"""Values that end on a damaged page: no door hands out what was not written.

A long value goes on over pages of its own, and the library tells of a damaged one only when it
fetches the next page. So each page of a file is damaged in turn, and each door is tried with
nothing read before and with all the rest of the file in memory.
"""

from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest

from mesh.database import Connection
from mesh.errors import DamagedError, StorageError
from mesh.storage.connection import (
    check_pages,
    checkpoint,
    connect,
    connect_to_read,
    reading,
    rebuild,
    transaction,
)
from mesh.storage.salvage import DamagedDatabase

KEY = bytes(range(32))
PAGE_BYTES = 4096
ROWS = {number: bytes([number]) * (1 + 5_000 * number) for number in range(1, 5)}
ALL = "SELECT number, body FROM bodies"
LAST = max(ROWS)

Door = Callable[[Connection], list[tuple[object, ...]]]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "some.db"
    with closing(connect(path, KEY)) as database:
        with transaction(database):
            database.execute("CREATE TABLE bodies (number INTEGER PRIMARY KEY, body BLOB) STRICT")
            database.execute(
                "CREATE TABLE named (name TEXT PRIMARY KEY, body BLOB) STRICT, WITHOUT ROWID"
            )
            database.executemany("INSERT INTO bodies VALUES (?, ?)", ROWS.items())
            database.executemany(
                "INSERT INTO named VALUES (?, ?)", [(str(n), b) for n, b in ROWS.items()]
            )
        checkpoint(database)
    return path


def all_at_once(database: Connection) -> list[tuple[object, ...]]:
    return database.execute(ALL).fetchall()


def one_by_one(database: Connection) -> list[tuple[object, ...]]:
    cursor, rows = database.execute(ALL), []
    while (row := cursor.fetchone()) is not None:
        rows.append(row)
    return rows


def some_at_once(database: Connection) -> list[tuple[object, ...]]:
    return database.execute(ALL).fetchmany(9)


def each_by_its_number(database: Connection) -> list[tuple[object, ...]]:
    return [database.execute(f"{ALL} WHERE number = ?", (number,)).fetchall()[0] for number in ROWS]


def within_reading(database: Connection) -> list[tuple[object, ...]]:
    with reading(database):
        return each_by_its_number(database)


def within_a_transaction(database: Connection) -> list[tuple[object, ...]]:
    with transaction(database):
        return each_by_its_number(database)


def the_other_table(database: Connection) -> list[tuple[object, ...]]:
    rows = database.execute("SELECT name, body FROM named ORDER BY name").fetchall()
    return [(int(str(name)), body) for name, body in rows]


DOORS = (
    all_at_once,
    one_by_one,
    some_at_once,
    each_by_its_number,
    within_reading,
    within_a_transaction,
    the_other_table,
)


def damaged_pages(path: Path, tmp_path: Path) -> list[Path]:
    """The file once more for each of its pages, which is damaged in it."""
    content, paths = path.read_bytes(), []
    for start in range(0, len(content), PAGE_BYTES):
        changed = bytearray(content)
        changed[start + 100] ^= 1
        paths.append(tmp_path / f"page-{start // PAGE_BYTES + 1}.db")
        paths[-1].write_bytes(changed)
    return paths


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("is_warm", [False, True])
def test_what_is_read_is_what_was_written_or_damage_is_said(
    file: Path, tmp_path: Path, door: Door, is_warm: bool
) -> None:
    """A door answers as ever, or raises, whichever page is damaged."""
    told_count = 0
    for path in damaged_pages(file, tmp_path):
        with suppress(DamagedError), closing(connect(path, KEY)) as database:
            if is_warm:
                database.execute("SELECT count(*) FROM bodies").fetchall()
                database.execute("SELECT count(*) FROM named").fetchall()
            told_count += 1
            assert door(database) == list(ROWS.items())
            told_count -= 1
    assert told_count > 1


@pytest.mark.parametrize("last", sorted(ROWS))
def test_a_check_of_all_pages_finds_each(file: Path, tmp_path: Path, last: int) -> None:
    """A damaged page is found also where all others are in memory, so that it is the last."""
    others = [number for number in ROWS if number != last]
    for path in damaged_pages(file, tmp_path)[1:]:
        with pytest.raises(DamagedError):
            check_after(path, others)


def check_after(path: Path, numbers: list[int]) -> None:
    """Check all pages of a file of which some rows were read before."""
    with closing(connect_to_read(path, KEY)) as database:
        for number in numbers:
            database.execute(f"{ALL} WHERE number = ?", (number,)).fetchall()
        check_pages(database)


def test_what_is_saved_of_a_damaged_file_was_written(file: Path, tmp_path: Path) -> None:
    """Around a damaged page only rows are saved that were written, and all others of numbers."""
    fewest = len(ROWS)
    for path in damaged_pages(file, tmp_path):
        with closing(DamagedDatabase(path, KEY)) as source:
            with suppress(DamagedError):
                saved = set(source.rows("bodies", ("number", "body")))
                assert saved <= set(ROWS.items())
                fewest = min(fewest, len(saved))
            with suppress(DamagedError):
                named = set(source.rows("named", ("name", "body")))
                assert named <= {(str(number), body) for number, body in ROWS.items()}
    assert fewest < len(ROWS)


def test_nothing_is_committed_that_was_made_of_a_damaged_page(file: Path, tmp_path: Path) -> None:
    """A copy of a value that ends on a damaged page is not kept."""
    copy = "INSERT INTO bodies SELECT ? + number, body FROM bodies WHERE number = ?"
    for path in damaged_pages(file, tmp_path):
        with suppress(StorageError), closing(connect(path, KEY)) as database:
            with transaction(database):
                database.execute(copy, (LAST, LAST))
            check_pages(database)
            assert all_at_once(database) == [*ROWS.items(), (2 * LAST, ROWS[LAST])]
        with suppress(StorageError), closing(connect_to_read(path, KEY)) as database:
            found = database.execute(f"{ALL} WHERE number = ?", (2 * LAST,)).fetchall()
            assert found in ([], [(2 * LAST, ROWS[LAST])])


def test_a_damaged_file_is_not_written_anew(file: Path, tmp_path: Path) -> None:
    """Whoever writes all pages anew is told of the damage, and no zeros get a seal."""
    for path in damaged_pages(file, tmp_path):
        with suppress(DamagedError), closing(connect(path, KEY)) as database:
            database.execute("SELECT count(*) FROM bodies").fetchall()
            rebuild(database, bytes_max=1 << 30)
        with suppress(DamagedError), closing(connect(path, KEY)) as database:
            assert all_at_once(database) == list(ROWS.items())
