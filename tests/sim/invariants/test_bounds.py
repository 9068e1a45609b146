"""The census of an engine, and what is held against it: memory and dials."""

import pytest

from mesh.commands.identity import CreateIdentity
from mesh.ids import Address, EnvelopeId, Instant, LinkId, Monotonic, RequestId, UnixSeconds
from mesh.inputs import Asked, Connected
from mesh.replication.seen_sets import Element
from sim.hosts.host import Host
from sim.invariants.bounds import (
    CAPS,
    DIALS_PER_MINUTE_MAX,
    census,
    require_bounded,
    require_patient,
)
from sim.invariants.invariants import BrokenInvariant
from sim.invariants.quiescence import BACKLOGS
from sim.kernel.calendar import EPOCH_US
from tests.sim.engines import host_of

START = Instant(Monotonic(0), EPOCH_US)


def booted() -> Host:
    host = host_of(1)
    engine, first = host.boot(START)
    engine.handle(first, START)
    return host


def test_the_census_names_tables_deep_inside() -> None:
    host = booted()
    assert host.engine is not None
    found = census(host.engine)
    assert {"SeenSets._elements", "TargetTable._by_name", "Counters.by_name"} <= set(found)
    require_bounded(0, host.engine, host.store, host.vault)


def test_the_census_sees_what_only_the_handler_of_a_command_holds() -> None:
    host = booted()
    assert host.engine is not None
    host.engine.handle([Asked(RequestId(1), CreateIdentity("Ann"))], START)
    assert "TrustDecisions._halves" in census(host.engine)


def test_every_table_that_has_a_bound_or_may_not_wait_is_there() -> None:
    host = booted()
    engine = host.engine
    assert engine is not None
    engine.handle([Connected(LinkId(1), None, Address("fd00::2", 1))], START)
    engine.replicator.link_up(LinkId(2), START, is_dialled_by_us=False)
    assert {*CAPS, *BACKLOGS} <= set(census(engine))


def test_to_know_what_is_not_stored_breaks_s10() -> None:
    host = booted()
    assert host.engine is not None
    lost = EnvelopeId(bytes(32))
    host.engine.replicator.load([(lost, Element(UnixSeconds(1_000), 0, 0))])
    with pytest.raises(BrokenInvariant, match=r"S10.*1 envelopes and retirements are known, and 0"):
        require_bounded(0, host.engine, host.store, host.vault)


def test_a_table_that_outgrows_what_is_stored_breaks_s10() -> None:
    host = booted()
    assert host.engine is not None
    vars(host.engine)["_forgotten_by_everybody"] = list(range(5_000))
    with pytest.raises(BrokenInvariant, match=r"S10.*Engine._forgotten_by_everybody"):
        require_bounded(0, host.engine, host.store, host.vault)


def test_dialling_one_host_without_end_breaks_s10_unless_one_is_hostile() -> None:
    dials = {(3, "fd00::1", 2): DIALS_PER_MINUTE_MAX + 1, (3, "fd00::2", 2): DIALS_PER_MINUTE_MAX}
    require_patient(dials, {1: None})
    with pytest.raises(BrokenInvariant, match=r"S10.*fd00::1"):
        require_patient(dials, {3: None})
