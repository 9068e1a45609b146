"""Whole small worlds of real engines: they pass, and a planted bug is named.

That they repeat, also under other hash seeds, is tried in `test_determinism.py`.
"""

from functools import lru_cache

import pytest

from sim.invariants.invariants import L1, L5, BrokenInvariant
from sim.run.report import Report, make_report
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

# One process runs them all, since it keeps the outcomes of its worlds.
pytestmark = [pytest.mark.world, pytest.mark.xdist_group("small worlds")]

SMALL = """
schema = 1
name = "small"
summary = "Ten nodes on two networks, cut and healed, some of them crashing."
nodes = 10
settle_s = 120

[topology]
kind = "clusters"
network_nodes = 5
bridges = 2

[workload]
boot_within_s = 3
befriend_between_s = [4, 8]
contacts = 2
write_between_s = [10, 70]
messages_per_second = 1

[[faults]]
kind = "halves"
at_s = 25
for_s = 30
reset_share = 0.5

[[faults]]
kind = "crashes"
between_s = [9, 60]
share = 0.4
down_s = [1, 10]
"""


HARD = SMALL.replace("reset_share = 0.5", "reset_share = 1.0")
"""No stream outlives the cut, so that what was written into one does not cross it afterwards."""


@lru_cache
def outcome(
    seed: int, *, bug: str | None = None, is_real: bool = False, scenario: str = SMALL
) -> tuple[Report, BrokenInvariant | None]:
    """Run the small world; the same question is answered from memory."""
    world = World(parse_scenario(scenario), Options(seed=seed, bug=bug, is_crypto_real=is_real))
    broken: BrokenInvariant | None = None
    try:
        run_to_verdict(world, lambda world: None)
    except BrokenInvariant as error:
        broken = error
    return make_report(world, broken, command="repeat", wall_seconds=1), broken


def test_everything_arrives_in_spite_of_cuts_and_crashes() -> None:
    report, broken = outcome(7, is_real=True)
    assert broken is None, broken
    assert report.verdict == "pass"
    assert report.messages_written == report.messages_delivered > 30
    assert report.faults["crashes"] == report.faults["restarts"] > 2
    assert report.faults["crashes_within_batch"] > 0
    assert {"together", "apart, across", "healed"} <= set(report.latency)
    # What must cross the cut waits for the heal; the rest must not.
    assert report.latency["apart, across"].max_ms > 1_000
    assert report.latency["together"].p50_ms < 1_000
    assert report.copies_per_delivery >= 1
    assert report.bytes_sent > 100_000
    assert report.refusals == {}


def test_without_anti_entropy_what_crossed_the_cut_never_arrives() -> None:
    assert outcome(7, scenario=HARD)[1] is None
    report, broken = outcome(7, bug="no-anti-entropy", scenario=HARD)
    assert broken is not None
    assert broken.invariant is L1
    assert report.verdict == "fail"
    assert report.broken[0].id == "L1"
    assert "have not arrived" in report.broken[0].detail


def test_another_seed_is_another_world() -> None:
    one, other = outcome(7, scenario=HARD), outcome(8, scenario=HARD)
    assert one[0].trace_hash != other[0].trace_hash
    assert other[1] is None


def test_a_world_at_rest_is_quiet_and_knows_the_same_everywhere() -> None:
    fewer = SMALL.replace("nodes = 10", "nodes = 6").replace(
        "network_nodes = 5", "network_nodes = 3"
    )
    scenario = parse_scenario(fewer.replace("settle_s = 120", "settle_s = 120\nrest_s = 180"))
    world = World(scenario, Options(seed=7, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    assert world.loop.now >= 250_000_000
    assert world.observers.frames.counts["Push"] > 100


def test_a_chunk_that_vanishes_breaks_s18() -> None:
    world = World(parse_scenario(SMALL), Options(seed=7, is_crypto_real=False))
    world.network.require_conservation()
    world.network.counters.chunks_sent += 1
    with pytest.raises(BrokenInvariant, match="S18"):
        world.network.require_conservation()


SLOW = """
schema = 1
name = "slow"
summary = "Two nodes that think too long to answer before all is over."
nodes = 2
settle_s = 1

[workload]
boot_within_s = 1
befriend_between_s = [2, 4]
contacts = 1
write_between_s = [10, 20]

[[faults]]
kind = "slow-cpus"
between_s = [19, 20]
for_s = [100, 100]
times = 10_000
share = 1
"""


def test_a_person_whom_a_node_that_rests_has_not_answered_breaks_a_promise() -> None:
    _, broken = outcome(1, scenario=SLOW)
    assert broken is not None
    assert broken.invariant == L5
    assert "has not answered its person" in broken.detail
