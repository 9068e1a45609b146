"""SQLCipher as we set it up: durable, closed to who lacks the key, and clear about the disk."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from mesh.database import Connection
from mesh.errors import StorageError
from mesh.storage.connection import checkpoint, connect, savepoint, transaction
from tests.mounts import run_on_disk

KEY = bytes(range(32))
MARKER = b"the whale swims at midnight"

PAGE_BYTES = 4096
SALT_BYTES = 16
# At the end of each page SQLCipher keeps the IV and an HMAC-SHA512.
IV_BYTES = 16
HMAC_BYTES = 64


def decrypted_pages(path: Path) -> bytes:
    """All pages of a database, decrypted without SQLCipher."""
    content = path.read_bytes()
    plain = []
    for start in range(0, len(content), PAGE_BYTES):
        page = content[start : start + PAGE_BYTES]
        end = PAGE_BYTES - HMAC_BYTES
        iv = page[end - IV_BYTES : end]
        sealed = page[SALT_BYTES if start == 0 else 0 : end - IV_BYTES]
        decryptor = Cipher(algorithms.AES(KEY), modes.CBC(iv)).decryptor()
        plain.append(decryptor.update(sealed) + decryptor.finalize())
    return b"".join(plain)


def make_notes(path: Path, notes: list[bytes]) -> Connection:
    connection = connect(path, KEY)
    with transaction(connection):
        connection.execute("CREATE TABLE notes (number INTEGER PRIMARY KEY, note BLOB NOT NULL)")
        connection.executemany("INSERT INTO notes (note) VALUES (?)", [(note,) for note in notes])
    return connection


def notes(connection: Connection) -> list[object]:
    return [row[0] for row in connection.execute("SELECT note FROM notes").fetchall()]


@pytest.fixture
def memory() -> Connection:
    connection = connect(None, None)
    with transaction(connection):
        connection.execute("CREATE TABLE notes (note)")
    return connection


def test_a_database_opens_again_with_its_key(tmp_path: Path) -> None:
    make_notes(tmp_path / "a.db", [MARKER]).close()
    assert notes(connect(tmp_path / "a.db", KEY)) == [MARKER]


def test_a_wrong_key_is_told_in_a_sentence_and_nothing_is_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    make_notes(tmp_path / "a.db", [MARKER]).close()
    with pytest.raises(StorageError, match=r"a\.db does not open with its key"):
        connect(tmp_path / "a.db", bytes(32))
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("content", [b"SQLite format 3\0" + bytes(4080), b"no database" * 500])
def test_a_file_that_is_none_of_ours_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.db").write_bytes(content)
    with pytest.raises(StorageError, match="does not open with its key"):
        connect(tmp_path / "a.db", KEY)
    assert (tmp_path / "a.db").read_bytes() == content


def test_damage_in_the_middle_is_told_when_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make_notes(path, [bytes(1000)] * 200).close()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    connection = connect(path, KEY)
    cursor = connection.execute("SELECT note FROM notes")
    assert len(cursor.fetchmany(10)) == 10
    with pytest.raises(StorageError, match="is damaged"):
        cursor.fetchmany(200)


def test_the_first_row_that_is_damaged_is_told_too(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make_notes(path, [bytes(1000)] * 200).close()
    content = bytearray(path.read_bytes())
    for start in range(PAGE_BYTES, len(content), PAGE_BYTES):
        content[start] ^= 1
    path.write_bytes(content)
    connection = connect(path, KEY)
    with pytest.raises(StorageError, match="is damaged"):
        connection.execute("SELECT note FROM notes").fetchall()


def test_a_database_that_another_holds_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    holder = make_notes(path, [])
    other = connect(path, KEY)
    # The wait is the library's own; here it would only make the test slow.
    other.execute("PRAGMA busy_timeout = 0")
    with transaction(holder):
        holder.execute("INSERT INTO notes (note) VALUES (x'00')")
        with pytest.raises(StorageError, match="Another program holds"), transaction(other):
            pass


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="check that its folder exists"):
        connect(tmp_path / "none" / "a.db", KEY)


WRITE_UNTIL_FULL = """
import sys
from pathlib import Path
from mesh.errors import StorageError
from mesh.storage.connection import connect, transaction
path = Path(sys.argv[1]) / "a.db"
connection = connect(path, bytes(32))
stored = 0
if sys.argv[2] == "first":
    with transaction(connection):
        connection.execute("CREATE TABLE notes (note BLOB)")
    try:
        for stored in range(1000):
            with transaction(connection):
                connection.execute("INSERT INTO notes VALUES (?)", (bytes(10_000),))
    except StorageError as error:
        print(error)
    print(stored)
else:
    print(connection.execute("SELECT count(*) FROM notes").fetchone()[0])
    print(connection.execute("PRAGMA integrity_check").fetchone()[0])
"""


def test_a_full_disk_is_told_and_what_was_committed_stays(tmp_path: Path) -> None:
    said = run_on_disk(tmp_path, "size=1m", WRITE_UNTIL_FULL).splitlines()
    assert said[0].startswith("The disk is full: free some space")
    assert int(said[1]) > 10
    assert said[1] == said[2]
    assert said[3] == "ok"


OPEN_TWICE = """
import sys
from pathlib import Path
from mesh.errors import StorageError
from mesh.storage.connection import connect, transaction
try:
    connection = connect(Path(sys.argv[1]) / "a.db", bytes(32))
    with transaction(connection):
        connection.execute("CREATE TABLE notes (note BLOB)")
    print("written")
except StorageError as error:
    print(error)
"""


def test_a_read_only_disk_is_told(tmp_path: Path) -> None:
    said = run_on_disk(
        tmp_path, "size=1m", OPEN_TWICE, then='mount -o remount,ro "$DISK"'
    ).splitlines()
    assert said[0] == "written"
    assert "is on a disk that is not read-only" in said[1]


def test_a_transaction_that_fails_leaves_nothing(memory: Connection) -> None:
    with contextlib.suppress(ZeroDivisionError), transaction(memory):
        memory.execute("INSERT INTO notes VALUES (1)")
        raise ZeroDivisionError
    assert notes(memory) == []


def test_a_savepoint_that_fails_takes_back_only_its_own(memory: Connection) -> None:
    with transaction(memory):
        memory.execute("INSERT INTO notes VALUES (1)")
        with contextlib.suppress(ZeroDivisionError), savepoint(memory):
            memory.execute("INSERT INTO notes VALUES (2)")
            with savepoint(memory):
                memory.execute("INSERT INTO notes VALUES (3)")
            raise ZeroDivisionError
        with savepoint(memory):
            memory.execute("INSERT INTO notes VALUES (4)")
    assert notes(memory) == [1, 4]


def test_the_first_error_is_told_when_sqlite_rolled_back_by_itself(memory: Connection) -> None:
    def give_up() -> None:
        with transaction(memory), savepoint(memory):
            memory.execute("ROLLBACK")
            raise StorageError("the first")

    with pytest.raises(StorageError, match="the first"):
        give_up()


@pytest.mark.parametrize(
    "sql", ["INSERT INTO notes VALUES (1)", "\n    DELETE FROM notes", "CREATE TABLE other (x)"]
)
def test_nothing_is_written_outside_a_transaction(memory: Connection, sql: str) -> None:
    with pytest.raises(AssertionError):
        memory.execute(sql)
    with pytest.raises(AssertionError):
        memory.executemany("INSERT INTO notes VALUES (?)", [(1,)])


@pytest.mark.parametrize(
    "sql", ["SELECT * FROM nowhere", "SELEKT 1", "SELECT ?", "SELECT 1; SELECT 2", "ROLL BACK"]
)
def test_an_error_in_our_own_sql_is_a_bug(memory: Connection, sql: str) -> None:
    with pytest.raises(AssertionError):
        memory.execute(sql)


def test_a_broken_constraint_is_a_bug(memory: Connection) -> None:
    with transaction(memory):
        memory.execute("CREATE TABLE once (x UNIQUE)")
    with pytest.raises(AssertionError), transaction(memory):
        memory.executemany("INSERT INTO once VALUES (?)", [(1,), (1,)])
    assert memory.execute("SELECT * FROM once").fetchall() == []


@pytest.mark.parametrize(
    "pragma, value",
    [
        ("journal_mode", "wal"),
        ("synchronous", 2),
        ("fullfsync", 1),
        ("secure_delete", 1),
        ("foreign_keys", 1),
        ("temp_store", 2),
    ],
)
def test_each_setting_is_in_force(tmp_path: Path, pragma: str, value: object) -> None:
    connection = connect(tmp_path / "a.db", KEY)
    assert connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_no_file_of_a_database_holds_what_was_written(tmp_path: Path) -> None:
    (tmp_path / "planted").write_bytes(bytes(5000) + MARKER)
    connection = make_notes(tmp_path / "a.db", [MARKER * 10] * 50)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes["a.db-wal"] > 10_000
    found = [path.name for path in tmp_path.iterdir() if MARKER in path.read_bytes()]
    assert found == ["planted"]
    assert checkpoint(connection)
    found = [path.name for path in tmp_path.iterdir() if MARKER in path.read_bytes()]
    assert found == ["planted"]


def test_what_was_deleted_is_not_even_in_the_decrypted_file(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = make_notes(path, [MARKER, b"another", MARKER * 400])
    assert checkpoint(connection)
    assert decrypted_pages(path).count(MARKER) > 300
    with transaction(connection):
        connection.execute("DELETE FROM notes WHERE note <> ?", (b"another",))
    assert checkpoint(connection)
    pages = decrypted_pages(path)
    assert b"another" in pages
    assert MARKER not in pages
    assert (tmp_path / "a.db-wal").read_bytes() == b""


def test_a_checkpoint_says_that_a_reader_holds_it_up(tmp_path: Path) -> None:
    writer = make_notes(tmp_path / "a.db", [MARKER])
    reader = connect(tmp_path / "a.db", KEY)
    writer.execute("PRAGMA busy_timeout = 0")
    reader.execute("BEGIN")
    assert notes(reader) == [MARKER]
    with transaction(writer):
        writer.execute("DELETE FROM notes")
    assert not checkpoint(writer)
    reader.execute("COMMIT")
    assert checkpoint(writer)


WRITE_FOREVER = """
import sys
from pathlib import Path
from mesh.storage.connection import connect, transaction
connection = connect(Path(sys.argv[1]), bytes(range(32)))
for number in range(int(sys.argv[2]), 10**9, 3):
    with transaction(connection):
        for offset in range(3):
            connection.execute("INSERT INTO notes VALUES (?, zeroblob(3000))", (number + offset,))
    print(number + 2, flush=True)
"""


def test_a_killed_writer_loses_nothing_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    make_notes(path, []).close()
    next_number = 0
    for commits in (1, 2, 7, 31, 90):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITE_FOREVER, path, str(next_number)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        acknowledged = -1
        for _ in range(commits):
            acknowledged = int(writer.stdout.readline())
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        # What it had said by the time it died counts too.
        for line in writer.stdout.read().splitlines():
            acknowledged = int(line)
        writer.stdout.close()
        connection = connect(path, KEY)
        numbers = connection.execute("SELECT number FROM notes ORDER BY number").fetchall()
        assert numbers == [(number,) for number in range(len(numbers))]
        assert len(numbers) in (acknowledged + 1, acknowledged + 4)
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        connection.close()
        next_number = len(numbers)
