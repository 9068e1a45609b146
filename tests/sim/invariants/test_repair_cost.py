"""The cost of mending a cut is held against what was missing (L8).

That L8 breaks where sets are compared badly, the corpus shows: `all-ids-listed`.
"""

from collections.abc import Mapping

import pytest

from mesh.engine.engine import Engine
from mesh.wire.retirement import RETIREMENT_BYTES
from sim.invariants.invariants import BrokenInvariant
from sim.invariants.repair_cost import (
    BODIES_FREE_BYTES,
    BODIES_FREE_COUNT,
    BODY_COPIES_MAX,
    DIFFERENCE_BYTES,
    HELD_BACK_US,
    LINK_BYTES,
    RepairCost,
    _Wound,
    require_little,
)
from sim.patching import Patch, patched
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.sim.test_hardships import HEALING, USERS, fault

BODIES = BODY_COPIES_MAX * 9_000 + BODIES_FREE_BYTES
COMPARING = DIFFERENCE_BYTES * (10 + 4) + 3 * LINK_BYTES

TWO_WHO_WRITE_APART = """
schema = 1
name = "two-who-write-apart"
summary = "What each wrote while the cut was there goes out by stems when it is over."
nodes = 2
settle_s = 60
[topology]
network_nodes = 2
[workload]
boot_within_s = 2.0
befriend_between_s = [3.0, 6.0]
contacts = 1
write_between_s = [8.0, 60]
messages_per_second = 1.5
long_text_share = 0.0
text_letters = [5, 60]
doings_share = 1
"""

LONG_TEXTS_APART = """
schema = 1
name = "long-texts-apart"
summary = "Two halves write long texts while a cut lies between them, and all is pushed into it."
nodes = 16
settle_s = 60
[topology]
network_nodes = 16
[wire]
noise = false
[workload]
boot_within_s = 2
befriend_between_s = [3, 6]
contacts = 2
write_between_s = [20, 45]
messages_per_second = 0.6
long_text_share = 1
long_text_letters = [20_000, 40_000]
[[faults]]
kind = "halves"
at_s = 15
for_s = 33
by = "node"
"""

READ_APART = """
schema = 1
name = "read-apart"
summary = "Two halves write and read, and what each took off the mesh is told later."
nodes = 8
retire_delay_s = [1, 5]
relay_delay_s = 60
settle_s = 120
[topology]
network_nodes = 8
[workload]
boot_within_s = 2
befriend_between_s = [3, 10]
contacts = 4
write_between_s = [20, 150]
messages_per_second = 1
[[faults]]
kind = "halves"
at_s = 18
for_s = 220
by = "node"
"""


def require(*, bodies_bytes: int, comparing_bytes: int, largest_bytes: int = 1_000) -> None:
    require_little(
        missing_count=10,
        came_count=4,
        missing_bytes=9_000,
        largest_bytes=largest_bytes,
        bodies_bytes=bodies_bytes,
        comparing_bytes=comparing_bytes,
        links_count=3,
    )


def test_bodies_and_comparing_are_bounded_by_what_is_missing() -> None:
    require(bodies_bytes=BODIES, comparing_bytes=COMPARING)
    with pytest.raises(BrokenInvariant, match=r"L8: \d+ bytes of bodies were sent where 9000"):
        require(bodies_bytes=BODIES + 1, comparing_bytes=COMPARING)
    with pytest.raises(BrokenInvariant, match=r"L8: \d+ bytes were sent to compare .* by 10 ids"):
        require(bodies_bytes=BODIES, comparing_bytes=COMPARING + 1)


def test_one_large_body_that_comes_over_several_links_does_not_decide() -> None:
    large = 30_000
    free = BODIES_FREE_COUNT * large - BODIES_FREE_BYTES
    require(bodies_bytes=BODIES + free, comparing_bytes=COMPARING, largest_bytes=large)
    with pytest.raises(BrokenInvariant, match="L8"):
        require(bodies_bytes=BODIES + free + 1, comparing_bytes=COMPARING, largest_bytes=large)


def repaired_count(faults: str) -> int:
    text = USERS.replace("[workload]", f"{HEALING}\n[workload]", 1) + faults
    world = World(parse_scenario(text), Options(seed=1, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    return world.observers.repair_cost.repaired_count


@pytest.mark.world
def test_each_cut_that_ends_with_something_missing_is_followed_and_no_other() -> None:
    assert repaired_count("") == 0
    one = fault("halves", at_s=20, for_s=20)
    assert repaired_count(one) == 1
    # The second begins where the first ends: only then does nothing lie between nodes.
    assert repaired_count(one + fault("partitions", at_s=39, for_s=20)) == 1


@pytest.mark.world
def test_what_lay_in_stems_and_differs_once_it_spreads_is_no_cost_of_the_cut() -> None:
    apart = fault("halves", at_s=30, for_s=75)
    world = World(
        parse_scenario(TWO_WHO_WRITE_APART + apart), Options(seed=1, is_crypto_real=False)
    )
    run_to_verdict(world, lambda world: None)
    assert world.observers.repair_cost.repaired_count == 1


@pytest.mark.world
def test_what_was_pushed_into_a_cut_is_not_pushed_on_to_those_who_get_it_there_too() -> None:
    """It came 2.4 times where it was."""
    found: list[float] = []

    def note(self: RepairCost, wound: _Wound, running: Mapping[int, Engine]) -> None:
        found.append(wound.bodies_bytes / wound.missing_bytes)
        judge(self, wound, running)

    judge = RepairCost._judge
    world = World(parse_scenario(LONG_TEXTS_APART), Options(seed=1, is_crypto_real=False))
    with patched(Patch(RepairCost, "_judge", note)):
        run_to_verdict(world, lambda world: None)
    assert len(found) == 1
    assert found[0] < 1.5


@pytest.mark.world
def test_what_relays_hold_back_is_not_waited_for() -> None:
    """All but retirements is here soon; they take up to a minute, on purpose."""
    over: list[tuple[int, int]] = []

    def note(self: RepairCost, wound: _Wound, running: Mapping[int, Engine]) -> None:
        left = [
            wound.sizes[id_]
            for node, engine in running.items()
            for id_ in wound.lacks[node]
            if id_ not in engine.replicator.sets
        ]
        assert set(left) == {RETIREMENT_BYTES}
        over.append((self.loop.now - wound.began_at, len(left)))
        judge(self, wound, running)

    judge = RepairCost._judge
    world = World(parse_scenario(READ_APART), Options(seed=1, is_crypto_real=False))
    with patched(Patch(RepairCost, "_judge", note)):
        run_to_verdict(world, lambda world: None)
    [(after_us, left_count)] = over
    assert HELD_BACK_US <= after_us < 2 * HELD_BACK_US
    assert left_count > 20
