"""Migrations: whole steps, each once, and never back."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

from mesh.database import Connection, Cursor
from mesh.errors import StorageError
from mesh.ids import PostingKey
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import (
    Migrations,
    migrate,
    migrate_store,
    migrate_vault,
    schema_version,
)
from mesh.storage.store.schema import STORE_MIGRATIONS
from mesh.storage.vault.schema import VAULT_MIGRATIONS
from mesh.storage.vault.vault import Vault

KEY = bytes(range(32))

NOTES: Migrations = (
    ("CREATE TABLE notes (note TEXT)", "INSERT INTO notes VALUES ('one')"),
    ("ALTER TABLE notes ADD COLUMN number INTEGER", "UPDATE notes SET number = 1"),
    ("CREATE INDEX notes_by_number ON notes (number)",),
)


class FailingDisk:
    """A connection whose disk fails at the statement with this number."""

    def __init__(self, inner: Connection, healthy_count: int) -> None:
        self._inner = inner
        self._healthy_count = healthy_count

    def execute(self, sql: str, parameters: Sequence[object] = (), /) -> Cursor:
        self._healthy_count -= 1
        if self._healthy_count < 0:
            raise StorageError("the disk failed")
        return self._inner.execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[object]], /) -> Cursor:
        return self._inner.executemany(sql, rows)

    def close(self) -> None:
        self._inner.close()


def schema(connection: Connection) -> list[tuple[object, ...]]:
    return connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY name").fetchall()


def test_a_new_store_has_the_newest_schema() -> None:
    connection = connect(None, None)
    migrate_store(connection)
    assert schema_version(connection) == len(STORE_MIGRATIONS)


def test_migrating_twice_changes_nothing() -> None:
    connection = connect(None, None)
    migrate_store(connection)
    before = schema(connection)
    migrate_store(connection)
    assert schema(connection) == before


@pytest.mark.parametrize("older", [0, 1, 2])
def test_an_older_database_steps_up_to_the_same_schema(older: int) -> None:
    fresh, stepped = connect(None, None), connect(None, None)
    migrate(fresh, NOTES, name="notes")
    migrate(stepped, NOTES[:older], name="notes")
    assert schema_version(stepped) == older
    migrate(stepped, NOTES, name="notes")
    assert schema(stepped) == schema(fresh)
    assert stepped.execute("SELECT * FROM notes").fetchall() == [("one", 1)]


def test_a_later_schema_is_refused_with_both_numbers() -> None:
    connection = connect(None, None)
    migrate(connection, NOTES, name="notes")
    with pytest.raises(StorageError, match=r"notes has schema 3.*up to 2.*Update Mesh"):
        migrate(connection, NOTES[:2], name="notes")
    assert schema_version(connection) == 3


def test_a_disk_that_fails_at_any_statement_leaves_a_whole_version(tmp_path: Path) -> None:
    wholes = []
    for version in range(len(NOTES) + 1):
        connection = connect(None, None)
        migrate(connection, NOTES[:version], name="notes")
        wholes.append(schema(connection))
    path = tmp_path / "notes.db"
    seen = []
    for healthy_count in range(20):
        path.unlink(missing_ok=True)
        connection = connect(path, KEY)
        try:
            migrate(FailingDisk(connection, healthy_count), NOTES, name="notes")
        except StorageError:
            # The process ends here: not even ROLLBACK reaches the disk.
            connection.close()
        connection = connect(path, KEY)
        assert schema(connection) == wholes[schema_version(connection)]
        seen.append(schema_version(connection))
        migrate(connection, NOTES, name="notes")
        assert schema(connection) == wholes[-1]
        connection.close()
    assert seen == sorted(seen)
    assert sorted(set(seen)) == [0, 1, 2, 3]


def test_stamps_that_did_not_say_what_they_admit_are_made_again() -> None:
    connection = connect(None, None)
    migrate(connection, VAULT_MIGRATIONS[:2], name="vault")
    with transaction(connection):
        connection.execute(
            "INSERT INTO posting_keys VALUES (?, ?, 0, 7, ?, 3)", (b"k" * 32, b"s" * 32, b"t" * 12)
        )
    migrate_vault(connection)
    (row,) = Vault(connection).posting_keys.posting_keys_with_seed()
    assert (row.seed, row.stamp, row.stamp_bits) == (b"s" * 32, None, 0)


def test_posting_keys_of_an_older_vault_keep_their_seeds_and_get_numbers() -> None:
    connection = connect(None, None)
    migrate(connection, VAULT_MIGRATIONS[:2], name="vault")
    rows = [(b"k" * 32, b"s" * 32, 0, 7, bytes(12), 3), (b"o" * 32, None, 1, 5, None, 0)]
    with transaction(connection):
        connection.executemany("INSERT INTO posting_keys VALUES (?, ?, ?, ?, ?, ?)", rows)
    migrate_vault(connection)
    kept = Vault(connection).posting_keys
    (row,) = kept.posting_keys_with_seed()
    assert (row.public, row.seed, row.day, row.stamp, row.uses) == (*rows[0][:2], 7, bytes(12), 3)
    assert kept.posting_keys() == [b"k" * 32, b"o" * 32]
    with transaction(connection):
        newer = kept.add_posting_key(
            PostingKey(b"n" * 32), seed=b"s" * 32, audience=0, day=7, stamp=None
        )
    assert newer > row.number
