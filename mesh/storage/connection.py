"""SQLCipher: the one module that knows the library, its settings and its errors.

Implements `docs/protocol/storage.md`, section "Databases". A connection of this module commits
only what stands between BEGIN and COMMIT (`transaction`), and a commit has reached the disk when
it returns. Errors of the disk become a `StorageError` with one sentence that says what to do; an
error in our own SQL is a bug and becomes an `AssertionError`.
"""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, NoReturn, Protocol

from sqlcipher3 import dbapi2

from mesh.database import Connection, Cursor
from mesh.errors import DamagedError, DiskFullError, StorageError
from mesh.limits.storage import (
    DATABASE_BUSY_TIMEOUT_MS,
    DATABASE_CACHE_BYTES,
    DATABASE_WAL_BYTES_KEPT,
    STATEMENTS_CACHED,
)

KEY_BYTES: Final = 32

_WRITES: Final = ("INSERT", "UPDATE", "DELETE", "REPLACE", "CREATE", "DROP", "ALTER")

_COMMIT: Final = "COMMIT"
_ROLLBACK: Final = "ROLLBACK"
_STATUS: Final = "PRAGMA cipher_status"
_HAS_FAILED: Final = ("0",)

# SQLite's primary result codes.
_PERM, _BUSY, _LOCKED, _NOMEM, _READONLY, _IOERR, _CORRUPT = 3, 5, 6, 7, 8, 10, 11
_FULL, _CANTOPEN, _PROTOCOL, _NOLFS, _NOTADB = 13, 14, 15, 22, 26

# The extended codes by which a full disk shows where the shared memory of the log is grown.
_IOERR_SHMSIZE, _IOERR_SHMMAP = 4874, 5386
# And those of a file that ends too early, or of a file system that says itself that it is damaged.
_IOERR_SHORT_READ, _IOERR_DATA, _IOERR_CORRUPTFS = 522, 8202, 8458


class _RawConnection(Protocol):
    """The used part of the library's untyped connection."""

    @property
    def in_transaction(self) -> bool: ...
    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor: ...
    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor: ...
    def close(self) -> None: ...


class _Rows:
    """A cursor whose errors are ours too: a damaged page may be met at any row."""

    __slots__ = ("_connection", "_cursor")

    def __init__(self, cursor: Cursor, connection: "SqlcipherConnection") -> None:
        self._cursor = cursor
        self._connection = connection

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    def fetchone(self) -> tuple[object, ...] | None:
        try:
            found = self._cursor.fetchone()
        except dbapi2.Error as error:
            _raise_ours(error, self._connection._name)
        self._connection._was_read()
        return found

    def fetchall(self) -> list[tuple[object, ...]]:
        try:
            found = self._cursor.fetchall()
        except dbapi2.Error as error:
            _raise_ours(error, self._connection._name)
        self._connection._was_read()
        return found

    def fetchmany(self, size: int) -> list[tuple[object, ...]]:
        try:
            found = self._cursor.fetchmany(size)
        except dbapi2.Error as error:
            _raise_ours(error, self._connection._name)
        self._connection._was_read()
        return found


class SqlcipherConnection:
    """One open database; nothing is written through it outside a transaction.

    In the place of a page whose seal does not fit the library hands out zeros, and fails at the
    next page that it fetches (`sqlite3Codec` in its `sqlcipher.c`). A long value that ends on such
    a page would be returned as if it had been written so. So the state of its cipher is asked for
    after each read, and before what was done with several reads is committed.
    """

    __slots__ = ("_is_sealed", "_name", "_raw")

    def __init__(self, raw: _RawConnection, name: str, *, is_sealed: bool = False) -> None:
        self._raw = raw
        self._name = name
        self._is_sealed = is_sealed

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        """Run one statement."""
        assert self._raw.in_transaction or not sql.lstrip().startswith(_WRITES), sql
        if sql == _COMMIT:
            self._require_seals()
        try:
            rows = _Rows(self._raw.execute(sql, parameters), self)
        except (dbapi2.Error, dbapi2.Warning) as error:
            _raise_ours(error, self._name)
        except MemoryError:
            # So it is told where a page is to be written after one was met whose seal is broken.
            self._require_seals()
            raise
        if sql == _ROLLBACK:
            # What failed may have done so as it took zeros for what was written.
            self._require_seals()
        return rows

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        """Run one writing statement for each row."""
        assert self._raw.in_transaction, sql
        try:
            return _Rows(self._raw.executemany(sql, rows), self)
        except (dbapi2.Error, dbapi2.Warning) as error:
            _raise_ours(error, self._name)

    def _was_read(self) -> None:
        """Raise DamagedError if a page that was just read is not what was written."""
        # In a transaction its end asks, and nothing of it counts before.
        if not self._raw.in_transaction:
            self._require_seals()

    def _require_seals(self) -> None:
        if self._is_sealed and self._raw.execute(_STATUS).fetchone() == _HAS_FAILED:
            raise damaged(self._name)

    def close(self) -> None:
        """Let go of the file; what was not committed is rolled back."""
        try:
            self._raw.close()
        except dbapi2.Error as error:
            _raise_ours(error, self._name)


def connect(
    path: Path | None, key: bytes | bytearray | None, *, is_alone: bool = False
) -> Connection:
    """Open a database on disk with its 32-byte key, or without both one in memory.

    A file that does not exist is made, readable for whoever the folder lets in. `is_alone`: nobody
    else may read it meanwhile; so it opens on a disk that is full, by itself.
    """
    assert (path is None) == (key is None)
    name = ":memory:" if path is None else str(path)
    try:
        raw: _RawConnection = dbapi2.connect(
            name,
            timeout=DATABASE_BUSY_TIMEOUT_MS / 1000,
            # Transactions are ours, and the engine's thread is not the one that opens.
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED,
        )
    except dbapi2.Error as error:
        _raise_ours(error, name)
    connection = SqlcipherConnection(raw, name)
    try:
        if key is not None:
            if is_alone:
                # The index of the log is in memory then, and not in a file beside it.
                connection.execute("PRAGMA locking_mode = EXCLUSIVE").fetchall()
            _unlock(connection, key)
        _set_up(connection, is_on_disk=path is not None)
    except StorageError as error:
        raw.close()
        if is_alone or path is None or not _has_no_room_beside(error):
            raise
        return connect(path, key, is_alone=True)
    except BaseException:
        raw.close()
        raise
    return connection


def _has_no_room_beside(error: StorageError) -> bool:
    """Say whether a database does not open because no file can be made beside it."""
    code = getattr(error.__cause__, "sqlite_errorcode", None)
    return isinstance(error, DiskFullError) or code == _IOERR


def connect_to_read(path: Path, key: bytes | bytearray) -> Connection:
    """Open a database that stays as it is, also while its node runs."""
    try:
        raw: _RawConnection = dbapi2.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=DATABASE_BUSY_TIMEOUT_MS / 1000,
            isolation_level=None,
            check_same_thread=False,
        )
    except dbapi2.Error as error:
        _raise_ours(error, str(path))
    connection = SqlcipherConnection(raw, str(path))
    try:
        _unlock(connection, key)
    except BaseException:
        raw.close()
        raise
    return connection


@contextlib.contextmanager
def filling(connection: Connection) -> Iterator[None]:
    """Let a new database take many rows at once, in any order; it is on the disk with the next
    checkpoint after the block. StorageError if a row is missing that another one refers to.
    """
    for pragma in ("synchronous = OFF", "foreign_keys = OFF"):
        connection.execute(f"PRAGMA {pragma}").fetchall()
    yield
    if connection.execute("PRAGMA foreign_key_check").fetchone() is not None:
        raise StorageError("A row is missing to which another one refers.")
    connection.execute("PRAGMA synchronous = FULL").fetchall()


def check_pages(connection: Connection) -> None:
    """Read every page that is in use; raises StorageError at the first that is damaged.

    The library tries the seal of each page, and then whether the tables hang together.
    """
    rows = connection.execute("PRAGMA quick_check(1)").fetchall()
    if rows != [("ok",)]:
        assert isinstance(connection, SqlcipherConnection)
        raise damaged(connection._name)


@contextlib.contextmanager
def transaction(connection: Connection) -> Iterator[None]:
    """All that is written inside is committed together, durably, or not at all."""
    with _from_beginning(connection, "BEGIN IMMEDIATE"):
        yield


@contextlib.contextmanager
def reading(connection: Connection) -> Iterator[None]:
    """All that is read inside is of one instant. Raises DamagedError at the end if a page of it
    was not what was written.
    """
    with _from_beginning(connection, "BEGIN"):
        yield


@contextlib.contextmanager
def _from_beginning(connection: Connection, begin: str) -> Iterator[None]:
    connection.execute(begin)
    try:
        yield
        connection.execute(_COMMIT)
    except BaseException as error:
        try:
            connection.execute(_ROLLBACK)
        except DamagedError as damage:
            raise damage from error
        except StorageError:
            # SQLite may have given the transaction up by itself; the first error is to be told.
            pass
        raise


@contextlib.contextmanager
def savepoint(connection: Connection) -> Iterator[None]:
    """Inside a transaction: what is written inside stays or goes together. They may be nested."""
    connection.execute("SAVEPOINT inner")
    try:
        yield
        connection.execute("RELEASE inner")
    except BaseException:
        with contextlib.suppress(StorageError):
            connection.execute("ROLLBACK TO inner")
            connection.execute("RELEASE inner")
        raise


def checkpoint(connection: Connection, *, is_patient: bool = True) -> bool:
    """Move all commits into the database file and empty the log, where old pages outlive them.

    Returns whether that was done: who reads may hold it up, and `is_patient` waits for them; a full
    disk may, and what is in the log is as durable as what is in the file.
    """
    if not is_patient:
        connection.execute("PRAGMA busy_timeout = 0").fetchall()
    try:
        row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except DiskFullError:
        return False
    finally:
        if not is_patient:
            connection.execute(f"PRAGMA busy_timeout = {DATABASE_BUSY_TIMEOUT_MS}").fetchall()
    assert row is not None
    return row[0] == 0


def rebuild(connection: Connection, *, bytes_max: int) -> bool:
    """Write a database anew, unless it is larger than so much; return whether that was done.

    Deleting overwrites a row where it stands. But where pages were split or joined before, copies
    of rows may stand in the unused parts of pages, about one for a thousand rows: `secure_delete`
    does not reach those, and a rebuilt file has none.
    """
    row = connection.execute(
        "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"
    ).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    if row[0] > bytes_max:
        return False
    connection.execute("VACUUM")
    return True


def overwrite_freed_memory(connection: Connection) -> None:
    """Have all memory overwritten that is freed from now on: of pages, rows and keys.

    SQLCipher does that for all databases of the process then, which makes them two to ten times
    slower: a process that never locks a vault does not pay for it.
    """
    connection.execute("PRAGMA cipher_memory_security = ON")


def changes_count(connection: Connection) -> int:
    """Return how many rows were written and deleted through a connection since it was opened."""
    row = connection.execute("SELECT total_changes()").fetchone()
    assert row is not None
    count = row[0]
    assert isinstance(count, int)
    return count


def _unlock(connection: SqlcipherConnection, key: bytes | bytearray) -> None:
    assert len(key) == KEY_BYTES
    # The library would write its own words about a wrong key to stderr.
    connection.execute("PRAGMA cipher_log_level = NONE")
    # A raw key: 256 random bits need no stretching. PRAGMA takes no parameters.
    connection.execute(f"PRAGMA key = \"x'{key.hex()}'\"")
    # Before, the cipher's state is that of one that has failed.
    connection._is_sealed = True
    # The key is only tried at the first page that is read.
    connection.execute("SELECT count(*) FROM sqlite_master").fetchone()


def _set_up(connection: SqlcipherConnection, *, is_on_disk: bool) -> None:
    if is_on_disk:
        mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != ("wal",):
            raise StorageError(
                f"The folder of {connection._name} cannot hold a database with a write-ahead log: "
                "move the profile to a local disk."
            )
    for pragma in (
        # A power cut must not take back what a peer or a person was told is stored.
        "synchronous = FULL",
        # On macOS only this reaches the disk itself and not its cache; elsewhere it does nothing.
        "fullfsync = ON",
        "checkpoint_fullfsync = ON",
        "secure_delete = ON",
        "foreign_keys = ON",
        # Sorting must not spill plain rows into a temporary file.
        "temp_store = MEMORY",
        # A mapped file turns a disk error into a killed process.
        "mmap_size = 0",
        f"cache_size = {-DATABASE_CACHE_BYTES // 1024}",
        f"journal_size_limit = {DATABASE_WAL_BYTES_KEPT}",
    ):
        connection.execute(f"PRAGMA {pragma}").fetchall()


def _raise_ours(error: Exception, name: str) -> NoReturn:
    """Raise what an error of the library means in the house's terms, in one sentence."""
    extended = getattr(error, "sqlite_errorcode", None)
    code = extended & 0xFF if isinstance(extended, int) else None
    if code == _FULL or extended in (_IOERR_SHMSIZE, _IOERR_SHMMAP):
        raise DiskFullError(f"The disk is full: free some space for {name}.") from error
    if code == _CORRUPT or extended in (_IOERR_SHORT_READ, _IOERR_DATA, _IOERR_CORRUPTFS):
        raise damaged(name) from error
    if code == _NOTADB:
        raise DamagedError(
            f"The database {name} does not open with its key: it is damaged, or it or its key "
            "file belongs to another profile; put both back from the same backup.",
            name,
        ) from error
    if code in (_READONLY, _CANTOPEN, _PERM):
        sentence = (
            f"The database {name} cannot be opened for writing: check that its folder exists, "
            "belongs to you and is on a disk that is not read-only."
        )
    elif code in (_BUSY, _LOCKED, _PROTOCOL):
        sentence = f"Another program holds the database {name}: close it and start Mesh again."
    elif code in (_IOERR, _NOLFS):
        sentence = f"The disk failed while Mesh used {name} ({error}): check the disk."
    elif code == _NOMEM:
        sentence = f"There was not enough memory to use the database {name}: close other programs."
    elif str(error).endswith("no transaction is active") or "no such savepoint" in str(error):
        # We always begin before we end, so SQLite has rolled back by itself, for one of the above.
        sentence = f"The database {name} gave up a transaction: check the disk."
    else:
        raise AssertionError(f"{name}: {error}") from error
    raise StorageError(sentence) from error


def damaged(name: str, how: str = "") -> DamagedError:
    """Return what is raised where a database is not what was written."""
    return DamagedError(f"The database {name} is damaged{how}.", name)
