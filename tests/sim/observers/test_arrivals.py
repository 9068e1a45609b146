"""The arrival of each envelope at each node, and what a report says of it."""

import pytest

from mesh.storage.connection import transaction
from mesh.storage.store.store import Store
from mesh.wire.envelope import Envelope, decode_stub
from sim.hosts.databases import new_store
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.observers.arrivals import Arrivals
from sim.run.report import render
from tests.sim.test_hardships import fault, outcome
from tests.storage.envelopes import make_envelope


def test_an_arrival_is_the_first_time_at_another_node() -> None:
    now = 0
    arrivals = Arrivals(lambda: now)
    one, other = make_envelope(1), make_envelope(2)
    databases = [new_store() for _ in range(3)]

    def store(node: int, envelope: Envelope) -> None:
        with transaction(databases[node]):
            Store(databases[node]).add([envelope])

    with arrivals.observing():
        for now, node, envelope in ((10, 0, one), (40, 1, one), (50, 2, other), (90, 1, one)):  # noqa: B007 (read by the watcher)
            PURITY_GUARDS.node = node
            store(node, envelope)
            PURITY_GUARDS.node = None
        # Nobody's engine is at work: such is a hostile node's, which is not looked at.
        store(2, one)
        PURITY_GUARDS.node = 1
        with transaction(databases[1]):
            Store(databases[1]).add_stubs([decode_stub(other.stub)])
        PURITY_GUARDS.node = None
    assert [arrivals.has_had_body(node, one.id) for node in range(3)] == [True, True, False]
    assert not arrivals.has_had_body(1, other.id)
    arrivals.copied(1, copy=3)
    assert arrivals.has_had_body(3, one.id)
    assert not arrivals.has_had_body(3, other.id)
    assert arrivals.body_left_at(0, one.id) == 40
    assert arrivals.body_left_at(1, one.id) == 10
    assert arrivals.body_left_at(2, other.id) is None, "a stub is no body"
    everybody = arrivals.among([0, 1, 2])
    assert (everybody.envelopes_count, list(everybody.times)) == (2, [30, 40])
    assert everybody.coverage == pytest.approx(4 / 6)
    # Of those who are not asked for nothing counts, but when somebody had it first.
    assert list(arrivals.among([1]).times) == [30, 40]
    assert arrivals.among([1]).coverage == 1
    arrivals.forget()
    assert arrivals.among([0, 1, 2]).envelopes_count == 0
    assert not arrivals.has_had_body(3, one.id)


@pytest.mark.world
def test_who_was_away_has_everything_too_but_later() -> None:
    ran = outcome(fault("absences", between_s=[20, 30], share=0.4, for_s=[300, 300]))
    assert ran.broken is None
    everywhere = ran.report.everywhere
    assert everywhere is not None
    assert (everywhere.coverage, everywhere.nodes) == (1, 5)
    assert everywhere.p50_ms < 1_000 < 200_000 < everywhere.max_ms < 301_000
    assert f"everywhere {everywhere.envelopes:,} envelopes, of which a node has 100" in render(
        ran.report
    )
