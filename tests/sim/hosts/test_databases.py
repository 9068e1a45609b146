"""Copies of databases in memory, and the disks of a host between two lives."""

import pytest

from mesh.crypto.signing import is_signature_valid
from mesh.engine.settings import EngineSettings
from mesh.storage.connection import transaction
from mesh.storage.migrations import migrate_store, migrate_vault
from sim.hosts.databases import MemoryDatabase, new_store, new_vault
from sim.hosts.host import Host, WhichDatabase
from sim.hosts.host_factory import SIMULATED_MESH
from sim.hosts.modelled_kem import ModelledKem
from sim.kernel.entropy import Chance, SeededEntropy


def write(database: MemoryDatabase, number: int) -> None:
    with transaction(database):
        database.execute("CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY)")
        database.execute("INSERT INTO numbers VALUES (?)", (number,))


def numbers(database: MemoryDatabase) -> list[object]:
    return [row[0] for row in database.execute("SELECT number FROM numbers").fetchall()]


def host() -> Host:
    return Host(
        settings=EngineSettings(parameters=SIMULATED_MESH),
        entropy=SeededEntropy(1, "laptop"),
        chance=Chance(1, "minting"),
        kem=ModelledKem(),
        verify=is_signature_valid,
    )


def test_a_copy_holds_what_was_committed_and_lives_by_itself() -> None:
    database = MemoryDatabase()
    write(database, 1)
    copy = database.copy()
    write(database, 2)
    write(copy, 3)
    assert numbers(database) == [1, 2]
    assert numbers(copy) == [1, 3]


def test_no_copy_is_made_in_the_middle_of_a_transaction() -> None:
    database = MemoryDatabase()
    database.execute("BEGIN")
    with pytest.raises(AssertionError):
        database.copy()


@pytest.mark.parametrize(
    "which, store, vault",
    [("store", [1], [1, 2]), ("vault", [1, 2], [1]), ("both", [1], [1])],
)
def test_putting_back_a_snapshot_loses_what_came_after_it(
    which: WhichDatabase, store: list[object], vault: list[object]
) -> None:
    machine = host()
    for database in (machine.store, machine.vault):
        write(database, 1)
    snapshot = machine.snapshot()
    for database in (machine.store, machine.vault):
        write(database, 2)
    machine.put_back(snapshot, which)
    assert (numbers(machine.store), numbers(machine.vault)) == (store, vault)
    # The snapshot can be put back again.
    write(machine.vault, 9)
    machine.put_back(snapshot, "both")
    assert numbers(machine.vault) == [1]


def test_a_wiped_laptop_is_as_new() -> None:
    machine = host()
    with transaction(machine.vault):
        machine.vault.execute("INSERT INTO marks VALUES ('read', 1)")
    machine.wipe()
    assert machine.vault.execute("SELECT count(*) FROM marks").fetchone() == (0,)


def schema(database: MemoryDatabase) -> list[tuple[object, ...]]:
    version = database.execute("PRAGMA user_version").fetchall()
    return database.execute("SELECT * FROM sqlite_master ORDER BY name").fetchall() + version


def test_a_new_database_is_what_the_migrations_make_and_shares_nothing_with_the_next() -> None:
    for new, migrate in ((new_store, migrate_store), (new_vault, migrate_vault)):
        migrated = MemoryDatabase()
        migrate(migrated)
        one, other = new(), new()
        assert schema(one) == schema(other) == schema(migrated)
        write(one, 1)
        assert schema(one) != schema(other) == schema(new())
