"""A failing disk says what the library would say, and keeps what it would keep."""

import contextlib

import pytest

from mesh.database import Connection
from mesh.errors import StorageError
from mesh.storage.connection import checkpoint, transaction
from sim.hosts.databases import MemoryDatabase
from sim.hosts.failing_disk import Disk
from sim.kernel.entropy import Chance
from sim.schema.delay_laws import Constant
from sim.schema.disk_tables import FailingDisks, FullDisks, SlowDisks

FULL = FullDisks(between_s=(0, 1), for_s=(1, 2))


def disk_with_table(seed: int = 1) -> tuple[Disk, MemoryDatabase, Connection]:
    disk = Disk(Chance(seed, "disk"), now=lambda: 7)
    database = MemoryDatabase()
    connection = disk.connect(database, "store")
    with transaction(connection):
        connection.execute("CREATE TABLE numbers (number INTEGER)")
    write(connection, 1)
    return disk, database, connection


def write(connection: Connection, number: int) -> None:
    with transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (?)", (number,))


def numbers(connection: Connection) -> list[object]:
    rows = connection.execute("SELECT number FROM numbers ORDER BY number").fetchall()
    return [row[0] for row in rows]


def test_on_a_full_disk_nothing_is_written_and_everything_read() -> None:
    disk, database, connection = disk_with_table()
    disk.troubles[0] = FULL
    for number in range(2, 60):
        with pytest.raises(StorageError, match=r"^The disk is full: free some space for store.db"):
            write(connection, number)
        assert not database.whole.in_transaction
    assert not checkpoint(connection)
    with transaction(connection):
        assert numbers(connection) == [1]
    del disk.troubles[0]
    write(connection, 2)
    assert numbers(connection) == [1, 2]


def test_a_failing_disk_fails_at_reading_and_at_writing() -> None:
    disk, database, connection = disk_with_table()
    disk.troubles[0] = FailingDisks(between_s=(0, 1), for_s=(1, 2), statements=1)
    with pytest.raises(StorageError, match=r"^The disk failed while Mesh used store.db"):
        numbers(connection)
    with pytest.raises(StorageError, match="The disk failed"):
        write(connection, 2)
    assert numbers(database) == [1]


def test_whether_a_commit_that_failed_is_there_is_known_at_the_next_start() -> None:
    kept: dict[bool, int] = {True: 0, False: 0}
    for seed in range(60):
        disk, database, connection = disk_with_table(seed)
        disk.troubles[0] = FailingDisks(between_s=(0, 1), for_s=(1, 2), statements=0.3)
        with contextlib.suppress(StorageError):
            write(connection, 2)
            # It did not fail this time.
            continue
        kept[numbers(database) == [1, 2]] += 1
        assert not database.whole.in_transaction
    assert min(kept.values()) > 0


def test_a_slow_disk_adds_up_what_its_commits_take() -> None:
    disk, _, connection = disk_with_table()
    disk.troubles[0] = SlowDisks(between_s=(0, 1), for_s=(1, 2), commit=Constant(ms=30), spikes=0)
    write(connection, 2)
    write(connection, 3)
    with transaction(connection):
        numbers(connection)
    assert disk.take_waited_us() == 60_000
    assert disk.take_waited_us() == 0


def test_a_lying_disk_knows_what_was_before_each_of_its_last_commits() -> None:
    disk, _, connection = disk_with_table()
    assert not disk.is_keeping
    disk.keep_commits(2)
    for number in (2, 3, 4):
        write(connection, number)
    with transaction(connection):
        numbers(connection)
    assert disk.kept_count("store", 5) == 2
    last, all_kept = disk.lose_commits("store", 1), disk.lose_commits("store", 5)
    assert last is not None
    assert numbers(last[1]) == [1, 2, 3]
    assert all_kept is not None
    assert (all_kept[0], numbers(all_kept[1])) == (7, [1, 2])
    assert disk.lose_commits("store", 0) is None
    assert disk.lose_commits("vault", 5) is None
