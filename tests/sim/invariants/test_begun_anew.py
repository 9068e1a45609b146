"""A node is held against another engine over copies of its databases (S29)."""

from collections.abc import Iterator
from typing import Final

import pytest
from msgspec.structs import replace

from mesh.engine.engine import Engine
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.ids import Address, EnvelopeId, Instant, Monotonic, UnixSeconds
from mesh.messenger.conversations.conversations import Conversations
from mesh.messenger.sessions.transit import Transit
from mesh.peering.dialer import Dialer
from mesh.ratchet.comparison import Stage
from mesh.replication.retiring import Retiring
from mesh.replication.seen_sets import Element
from mesh.storage.connection import transaction
from mesh.storage.store.stem_rows import StemRow, StemRows
from mesh.storage.store.store import Store
from mesh.storage.vault.rows import ContactRow, OutboxRow
from mesh.wire.retirement import Retirement
from sim.bugs.bugs import BUGS
from sim.bugs.injection import Bug
from sim.invariants.begun_anew import half_of
from sim.invariants.invariants import S29, BrokenInvariant
from sim.mutants.corpus import corpus
from sim.observers import beginning_anew
from sim.patching import Patch
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options, World, opened_world
from sim.schema.scenario import load_scenario, parse_scenario

pytestmark = pytest.mark.world


def ran(monkeypatch: pytest.MonkeyPatch, bug: str | None) -> Report:
    """The report of a short world in which every node has a look at each minute and at the end."""
    monkeypatch.setattr(beginning_anew, "EVENTS_PER_LOOK", 1)
    scenario = load_scenario("shrunk/taken-back-and-sent")
    return run_scenario(scenario, Options(1, bug=bug, is_crypto_real=False)).report


def test_what_only_memory_says_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    def still_counted(transit: Transit, row: OutboxRow) -> None:
        """The rows are right, and what is in memory is not told."""
        transit._let_bytes_go(row.id)

    stale = Bug("It is stale.", patches=(Patch(Transit, "never_leaves", still_counted),))
    monkeypatch.setitem(BUGS, "stale", stale)
    (broken,) = ran(monkeypatch, "stale").broken
    assert broken.id == "S29"
    assert "outbox_count" in broken.detail


def test_where_nothing_is_stale_all_is_answered_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    report = ran(monkeypatch, None)
    assert report.broken == []
    assert report.watched["asked_anew"] > 20


# --- What is looked at --------------------------------------------------------------------------

LOOKED_AT: Final = """
schema = 1
name = "looked-at"
summary = "One is locked from 25 s on, another one's disk is full from 70 s on."
nodes = 3

[topology]
network_nodes = 3

[workload]
boot_within_s = 1
befriend_between_s = [2, 4]
contacts = 2
write_between_s = [5, 20]

[[faults]]
kind = "locks"
between_s = [25, 25]
for_s = [100, 100]
share = 1

[[faults]]
kind = "full-disks"
between_s = [70, 70]
for_s = [30, 30]
share = 1

[only]
strikes = ["0/0", "1/1"]
"""


@pytest.fixture
def resting() -> Iterator[World]:
    """A world at 50 s."""
    scenario = parse_scenario(LOOKED_AT)
    with opened_world(scenario, Options(1, is_crypto_real=False)) as world:
        world.run_until(50_000_000)
        yield world


def looked(world: World, node: int) -> bool:
    with world.running():
        return world.observers.beginning_anew.look_at(world.nodes[node])


def test_a_locked_node_and_one_whose_disk_is_well_so_far_are_looked_at(resting: World) -> None:
    assert half_of(engine_of(resting, 0)).messenger is None
    assert resting.hosts[1].disk is not None
    assert [looked(resting, node) for node in range(3)] == [True, True, True]
    resting.run_until(75_000_000)
    # What it is asked for could fail.
    assert [looked(resting, node) for node in range(3)] == [True, False, True]


@pytest.mark.parametrize("node", range(3))
def test_ids_that_memory_alone_knows_are_seen(resting: World, node: int) -> None:
    sets = engine_of(resting, node).replicator.sets
    known = sets.ids()[0]
    sets.add(EnvelopeId(bytes(32)), sets.element(known))
    with pytest.raises(BrokenInvariant, match="knows") as caught:
        looked(resting, node)
    assert caught.value.invariant is S29


@pytest.mark.parametrize("node", range(3))
def test_bodies_that_memory_alone_misses_are_seen(resting: World, node: int) -> None:
    engine = engine_of(resting, node)
    engine.replicator.missing_bodies.load(engine.replicator.sets.ids()[:1])
    with pytest.raises(BrokenInvariant, match="misses") as caught:
        looked(resting, node)
    assert caught.value.invariant is S29


def test_a_body_need_not_be_missed_while_its_retirement_is_held_back(resting: World) -> None:
    store = resting.hosts[2].store
    known = next(row.id for row in Store(store).index_rows())
    with transaction(store):
        store.execute("INSERT INTO missing SELECT arrival FROM envelopes WHERE id = ?", (known,))
    with pytest.raises(BrokenInvariant, match="misses"):
        looked(resting, 2)
    retiring: Retiring = vars(vars(engine_of(resting, 2))["_forwarder"])["_retiring"]
    now = Instant(Monotonic(resting.nodes[2].lived_us), 0)
    assert retiring.hold(Retirement(known, bytes(16)), now)
    assert looked(resting, 2)


def test_a_body_is_missed_while_it_is_hidden_behind_a_stub(resting: World) -> None:
    engine = engine_of(resting, 2)
    known = next(row.id for row in Store(resting.hosts[2].store).index_rows() if row.has_body)
    engine.replicator.missing_bodies.load([known])
    engine.stemming.hide_body(known)
    assert looked(resting, 2)


def test_a_stem_of_which_memory_alone_knows_is_seen(resting: World) -> None:
    engine_of(resting, 2).stemming.load_element(
        EnvelopeId(bytes(32)), Element(UnixSeconds(0), 0, 0)
    )
    with pytest.raises(BrokenInvariant, match="knows") as caught:
        looked(resting, 2)
    assert caught.value.invariant is S29


def test_what_memory_lets_spread_and_the_store_has_on_its_stem_is_seen(resting: World) -> None:
    store = resting.hosts[2].store
    known = next(row.id for row in Store(store).index_rows() if row.has_body)
    with transaction(store):
        StemRows(store).put([StemRow(known, b"", is_given=True, due_ms=0)])
    with pytest.raises(BrokenInvariant, match="lets spread") as caught:
        looked(resting, 2)
    assert caught.value.invariant is S29


HEARD_ON_A_FULL_DISK: Final = """
schema = 1
name = "heard-on-a-full-disk"
summary = "Disks are full for so short that nodes still take them for full when they are not."
nodes = 5

[topology]
network_nodes = 5

[workload]
boot_within_s = 1
befriend_between_s = [2, 4]
contacts = 2
write_between_s = [5, 40]
messages_per_second = 6

[[faults]]
kind = "full-disks"
between_s = [8, 20]
for_s = [0.2, 1]
share = 1
"""


@pytest.fixture
def heard() -> Iterator[tuple[World, int]]:
    """A world, and the node there which has heard of a stem since its disk was full."""
    scenario = parse_scenario(HEARD_ON_A_FULL_DISK)
    with opened_world(scenario, Options(1, is_crypto_real=False)) as world:
        for now in range(8_000_000, 22_000_000, 20_000):
            world.run_until(now)
            for node, host in world.hosts.items():
                buffer = host.engine and buffer_of(host.engine)
                if buffer and buffer.room.is_full and buffer.stems and host.is_readable:
                    yield world, node
                    return
    raise AssertionError("no node hears of any")


def test_a_stem_that_was_heard_of_on_a_full_disk_may_be_one_again(
    heard: tuple[World, int],
) -> None:
    world, node = heard
    assert looked(world, node)
    engine = engine_of(world, node)
    ended: dict[tuple[EnvelopeId, bytes], None] = vars(buffer_of(engine).stems)["_rows"]
    ((id_, _),) = ended
    assert id_ in engine.replicator.sets
    # It would not be written once there is room.
    ended.clear()
    with pytest.raises(BrokenInvariant, match="lets spread"):
        looked(world, node)


def buffer_of(engine: Engine) -> EnvelopeBuffer:
    buffer = vars(engine.stemming)["_buffer"]
    assert isinstance(buffer, EnvelopeBuffer)
    return buffer


def test_a_locked_node_with_an_address_that_memory_alone_has_is_seen(resting: World) -> None:
    dialer: Dialer = vars(engine_of(resting, 0))["_dialer"]
    now = Instant(Monotonic(resting.nodes[0].lived_us), 0)
    dialer.targets.configure(Address("fd00:1:1::9", 41_730), now)
    with pytest.raises(BrokenInvariant, match="AskPeers") as caught:
        looked(resting, 0)
    assert caught.value.invariant is S29


def engine_of(world: World, node: int) -> Engine:
    engine = world.hosts[node].engine
    assert engine is not None
    return engine


def test_how_far_a_comparison_is_stands_in_the_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    def remembered(talk: Conversations, contact: ContactRow) -> Stage:
        """It is read once."""
        stages: dict[int, Stage] = vars(talk).setdefault("_stages", {})
        return stages.setdefault(contact.id, _STAGE(talk, contact))

    bug = Bug("It is stale.", patches=(Patch(Conversations, "_stage", remembered),))
    monkeypatch.setattr(beginning_anew, "EVENTS_PER_LOOK", 1)
    scenario = load_scenario("pairs")
    assert scenario.pair is not None
    scenario = replace(scenario, pair=replace(scenario.pair, chore="compare", fault="slow-cpu"))
    assert run_scenario(scenario, Options(1, is_crypto_real=False)).report.broken == []
    monkeypatch.setitem(BUGS, "stale", bug)
    (broken,) = run_scenario(scenario, Options(1, bug="stale", is_crypto_real=False)).report.broken
    assert broken.id == "S29"
    assert "comparison" in broken.detail


_STAGE: Final = Conversations._stage


def test_a_node_whose_transaction_is_open_is_not_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beginning_anew, "EVENTS_PER_LOOK", 1)
    entry = corpus()["commit-not-awaited"]
    options = Options(entry.seed, bug="commit-not-awaited", is_crypto_real=False)
    (broken,) = run_scenario(load_scenario("shrunk/commit-not-awaited"), options).report.broken
    assert broken.id == entry.promise
