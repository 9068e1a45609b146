"""The demands on nodes that rest, each shown failing."""

from collections.abc import Mapping

import pytest

from mesh.engine.engine import Engine
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.replication.seen_sets import Element
from mesh.storage.connection import transaction
from mesh.storage.store.store import Store
from mesh.wire.envelope import LIFETIME_SECONDS, decode_stub
from sim.hosts.databases import new_store
from sim.invariants.invariants import BrokenInvariant
from sim.invariants.quiescence import (
    KEEP_ALIVE_BYTES,
    require_bodies,
    require_eager,
    require_no_backlog,
    require_quiet,
)
from sim.invariants.quiescence import require_same_sets as require_same
from sim.kernel.calendar import EPOCH_US
from tests.sim.engines import host_of
from tests.storage.envelopes import make_envelope

START = Instant(Monotonic(0), EPOCH_US)
NOON = UnixSeconds(START.unix_seconds)
ONE = (EnvelopeId(b"\x01" * 32), Element(NOON, 0, 0))


def engines(count: int) -> Mapping[int, Engine]:
    booted: dict[int, Engine] = {}
    for node in range(count):
        host = host_of(node)
        host.boot(START)
        assert host.engine is not None
        booted[node] = host.engine
    return booted


def test_nodes_that_know_different_things_break_l2() -> None:
    both = engines(2)
    require_same(both, NOON)
    both[1].replicator.load([ONE])
    with pytest.raises(
        BrokenInvariant, match=r"L2.*lacks 0 ids that node 0 knows, and knows 1 more"
    ):
        require_same(both, NOON)


def test_what_has_lapsed_may_be_gone_from_one_and_not_from_the_other() -> None:
    both = engines(2)
    both[1].replicator.load([ONE])
    lapses = UnixSeconds(NOON + LIFETIME_SECONDS[0])
    require_same(both, UnixSeconds(lapses + 1))
    with pytest.raises(BrokenInvariant, match="L2"):
        require_same(both, lapses)


def test_a_body_that_is_awaited_while_another_has_it_breaks_l12() -> None:
    envelope = make_envelope(1)
    stores = {node: new_store() for node in range(3)}
    stub = decode_stub(envelope.stub)
    with transaction(stores[0]):
        Store(stores[0]).add_stubs([stub])
    with transaction(stores[1]):
        # It would not keep the body, and waits for nothing.
        Store(stores[1]).add_stubs([stub], are_missed=False)
    require_bodies(stores, NOON)
    with transaction(stores[2]):
        Store(stores[2]).add([envelope])
    lapses = envelope.header.lapses
    require_bodies(stores, UnixSeconds(lapses + 1))
    with pytest.raises(BrokenInvariant, match=r"L12.*node 2 has") as caught:
        require_bodies(stores, lapses)
    assert caught.value.node == 0
    with transaction(stores[0]):
        Store(stores[0]).add([envelope])
    require_bodies(stores, lapses)


def test_traffic_that_does_not_cease_breaks_l3() -> None:
    require_quiet(2 * KEEP_ALIVE_BYTES * 60, [(0, 1), (1, 2)])
    with pytest.raises(BrokenInvariant, match="L3"):
        require_quiet(2 * KEEP_ALIVE_BYTES * 60 + 1, [(0, 1), (1, 2)])


def test_something_that_waits_for_ever_breaks_l5() -> None:
    engine = engines(1)[0]
    require_no_backlog({0: engine})
    engine.replicator.load([ONE])
    engine.replicator.link_up(LinkId(1), START, is_dialled_by_us=False)
    engine.replicator.outgoing.announce(LinkId(1), [ONE[0]])
    with pytest.raises(BrokenInvariant, match=r"L5.*_LinkState.announcing"):
        require_no_backlog({0: engine})


def test_a_body_that_never_leaves_breaks_l5() -> None:
    engine = engines(1)[0]
    engine.replicator.load([ONE])
    engine.replicator.link_up(LinkId(1), START, is_dialled_by_us=False)
    vars(engine.replicator)["_eager_push"].wanted(LinkId(1), [ONE[0]], START, is_live=False)
    with pytest.raises(BrokenInvariant, match=r"L5.*FairQueue._waiting"):
        require_no_backlog({0: engine})


def test_a_node_that_pushes_to_nobody_breaks_l6() -> None:
    engine = engines(1)[0]
    for number in range(4):
        engine.replicator.link_up(LinkId(number), START, is_dialled_by_us=False)
    require_eager({0: engine}, is_all_honest=True)
    eager = vars(engine.replicator)["_eager_links"]
    for number in range(3):
        engine.replicator.scores.broke(LinkId(number), START)
        eager.doubted(LinkId(number), START)
    require_eager({0: engine}, is_all_honest=False)
    with pytest.raises(BrokenInvariant, match=r"L6.*over 1 of its 4 links, of which it doubts 0"):
        require_eager({0: engine}, is_all_honest=True)
    vars(eager)["_eager"].clear()
    with pytest.raises(BrokenInvariant, match=r"L6.*over 0 of its 4 links, of which it doubts 3"):
        require_eager({0: engine}, is_all_honest=False)
