"""Disks rot while nodes are off: stores are replaced, vaults saved, and all of it is said."""

from collections.abc import Sequence
from functools import lru_cache

import pytest

from mesh.errors import DamagedError
from mesh.ids import Instant
from mesh.inputs import Input
from sim.hosts.disk_files import DiskDatabase, DiskFiles
from sim.hosts.disk_host import DiskHost
from sim.hosts.driver_protocol import AnyEngine
from sim.invariants.rot import rows_of
from sim.kernel.entropy import Chance
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options, World
from sim.schema.scenario import load_scenario, parse_scenario

pytestmark = pytest.mark.world

USERS = """
schema = 1
name = "rotting"
summary = "Three people on one network."
nodes = 3
probe_s = 60
renew_after_probes = 3
settle_s = 120
[topology]
network_nodes = 3
[workload]
boot_within_s = 1
befriend_between_s = [2, 4]
contacts = 2
write_between_s = [6, 16]
messages_per_second = 1
text_letters = [10, 100]
long_text_share = 0
"""

ROTS = '\n[[faults]]\nkind = "rots"\nbetween_s = [10, 12]\nshare = 1\ndown_s = [1, 2]\n'


@lru_cache
def ran(faults: str, seed: int = 1) -> Report:
    scenario = parse_scenario(USERS + faults)
    return run_scenario(scenario, Options(seed=seed, is_crypto_real=False)).report


def test_after_stores_that_rotted_all_at_once_arrives_what_any_other_store_had() -> None:
    report = ran(ROTS + 'which = "store"\n')
    assert report.verdict == "pass", report.broken
    assert report.faults["stores_damaged"] == report.faults["rots"] == 3
    # It was in two stores, which both rotted: whoever carries for others may lose it with all.
    lost = report.messages_written - report.messages_delivered
    assert lost == report.faults["mail_in_no_other_store"] == 1


@pytest.mark.parametrize("damage", ["decayed", "cut-short"])
def test_after_vaults_that_rotted_people_write_to_each_other_again(damage: str) -> None:
    report = ran(ROTS + f'which = "vault"\ndamage = "{damage}"\n')
    assert report.verdict == "pass", report.broken
    faults = report.faults
    assert faults["vaults_damaged"] == 3
    assert faults["vaults_saved"] + faults["identities_lost"] == 3
    assert faults["vaults_saved"] or damage == "cut-short"


def test_who_has_a_backup_puts_it_back_where_too_little_can_be_read() -> None:
    report = ran(ROTS + 'which = "vault"\ndamage = "cut-short"\nbackup_s = [1, 3]\n')
    assert report.verdict == "pass", report.broken
    assert report.faults["backups_put_back"] >= 1
    assert report.faults["identities_lost"] == 0


def run(driven: AnyEngine, batches: Sequence[Sequence[Input]], now: Instant) -> None:
    for batch in batches:
        driven.handle(batch, now)


def test_the_same_seed_gives_the_same_trace_over_files_too() -> None:
    faults = ROTS + 'which = "both"\n'
    first = ran(faults)
    # Who was stopped by the vault is told of the store as well.
    assert first.verdict == "pass", first.broken
    ran.cache_clear()
    assert ran(faults).trace_hash == first.trace_hash


def test_a_database_is_the_same_in_a_file_and_after_it() -> None:
    world = World(load_scenario("desk"), Options(seed=1, is_crypto_real=False))
    world.run_until(30_000_000)
    files = DiskFiles()
    for which, database in (("store", world.hosts[0].store), ("vault", world.hosts[0].vault)):
        files.lay(which, database)  # type: ignore[arg-type]  # it is one of the two
        opened = files.opened(which)  # type: ignore[arg-type]  # as above
        assert isinstance(opened, DiskDatabase)
        assert rows_of(opened) == rows_of(database) == rows_of(opened.copy())
        schema = "SELECT type, name, sql FROM sqlite_master ORDER BY type, name"
        assert opened.execute(schema).fetchall() == database.execute(schema).fetchall()
        version = opened.execute("PRAGMA user_version").fetchall()
        assert version == database.execute("PRAGMA user_version").fetchall()
        opened.close()


def test_a_rot_is_there_at_the_next_start_and_not_before() -> None:
    world = World(parse_scenario(USERS + ROTS), Options(seed=1, is_crypto_real=False))
    world.run_until(8_000_000)
    host, node = world.hosts[0], world.nodes[0]
    assert isinstance(host, DiskHost)
    node.crash(is_silent=True)
    before = rows_of(host.vault)
    host.rot(("vault",), "emptied", Chance(5, "emptied"))
    assert rows_of(host.vault) == before
    with world.running():
        driven, first = host.boot(node._now())
        with pytest.raises(DamagedError, match="mesh vault salvage"):
            run(driven, [first, [], []], node._now())
    assert host.rotted is not None
    assert host.rotted.damaged == ("vault",)
    host.crash()
    # Until its person saves it nobody reads anything else than what was there.
    assert rows_of(host.vault) == before
