"""Chance comes in streams by name: what one of them draws does not shift the others."""

import dataclasses
from functools import lru_cache

import pytest

from sim.network.wires import Spell
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

# One process runs them all, since it keeps the worlds that have run.
pytestmark = [pytest.mark.world, pytest.mark.xdist_group("streams")]

PLACE = """
schema = 1
name = "streams"
summary = "Eight nodes on a drawn graph; some crash, some lines are slow."
nodes = 8
settle_s = 90

[topology]
kind = "regular"
degree = 4

[[faults]]
kind = "crashes"
between_s = [14, 40]
share = 0.6
down_s = [3, 8]
within_batch_share = 0

[[faults]]
kind = "trickles"
between_s = [5, 30]
for_s = [5, 20]
share = 0.5
bytes_per_second = 5_000
"""

USERS = """
[workload]
boot_within_s = 3
befriend_between_s = [4, 8]
contacts = {contacts}
write_between_s = [10, 40]
messages_per_second = {rate}
crossing_share = {crossing}
read_share = {crossing}
"""

FEW = USERS.format(contacts=1, rate=0.3, crossing=0)
MANY = USERS.format(contacts=3, rate=1.5, crossing=0.5)
SEED = 4


@dataclasses.dataclass(frozen=True)
class Fate:
    """A world that has run, and in which second each node went off or on."""

    world: World
    power: list[tuple[int, bool, int]]


@lru_cache
def fate(users: str, *, more: str = "", seed: int = SEED) -> Fate:
    world = World(parse_scenario(PLACE + more + users), Options(seed=seed, is_crypto_real=False))
    power: list[tuple[int, bool, int]] = []
    is_up: dict[int, bool] = {}

    def look(world: World) -> None:
        for node in world.nodes:
            if is_up.get(node.index, False) != node.is_up:
                is_up[node.index] = node.is_up
                power.append((node.index, node.is_up, world.loop.now // 1_000_000))

    run_to_verdict(world, look)
    return Fate(world, power)


def spells(world: World) -> dict[tuple[int, int], list[Spell]]:
    nodes = range(world.scenario.nodes)
    return {(a, b): world.wire_faults.spells_of(a, b) for a in nodes for b in nodes if a != b}


def test_other_people_shift_neither_the_ground_nor_what_befalls() -> None:
    few, many = fate(FEW), fate(MANY)
    assert len(many.world.message_log.messages) > 2 * len(few.world.message_log.messages)
    assert few.world.layout == many.world.layout
    struck = [strike for strike in few.world.faults.strikes if strike.startswith("0/")]
    assert len(struck) > 2
    assert [strike for strike in many.world.faults.strikes if strike.startswith("0/")] == struck
    found = spells(few.world)
    assert found == spells(many.world)
    assert sum(map(len, found.values())) > 10


def test_other_people_shift_no_crash_in_time() -> None:
    few, many = fate(FEW).power, fate(MANY).power
    crashes = {node: when for node, is_up, when in few if not is_up}
    assert len(crashes) > 2
    # Who is about to crash is asked for its counts first, and may be in the middle of a batch.
    for node, is_up, when in many:
        if not is_up:
            assert abs(when - crashes.pop(node)) <= 1
    assert crashes == {}


def test_one_more_fault_leaves_the_others_and_the_people_as_they_were() -> None:
    one_more = '\n[[faults]]\nkind = "locks"\nbetween_s = [12, 30]\nfor_s = [5, 9]\nshare = 1\n'
    before, after = fate(FEW).world, fate(FEW, more=one_more).world
    strikes = [strike for strike in after.faults.strikes if not strike.startswith("2/")]
    assert sorted(s for s in before.faults.strikes if s.startswith("0/")) == sorted(
        s for s in strikes if s.startswith("0/")
    )
    assert after.faults.counters.locks == 8
    assert spells(before) == spells(after)
    written = [(message.sender, message.recipient) for message in before.message_log.messages]
    assert written == [
        (message.sender, message.recipient) for message in after.message_log.messages
    ]


def test_another_seed_shifts_all_of_it() -> None:
    one, other = fate(FEW).world, fate(FEW, seed=SEED + 1).world
    assert one.layout != other.layout
    assert one.faults.strikes != other.faults.strikes
    assert spells(one) != spells(other)
