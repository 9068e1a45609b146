"""A world that is forked at an instant: its forks do not know of each other."""

import pytest

from sim.run.forks import CAN_FORK, ForkLost, try_forks
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

pytestmark = pytest.mark.skipif(not CAN_FORK, reason="This system cannot fork a process.")

SCENARIO = """
schema = 1
name = "forked"
summary = "Four nodes that write to each other."
nodes = 4
settle_s = 60
probe_s = 5

[workload]
boot_within_s = 2
befriend_between_s = [3, 5]
contacts = 1
write_between_s = [8, 20]
messages_per_second = 1
long_text_share = 0
"""

REST_US = 12_000_000


def world() -> World:
    return World(parse_scenario(SCENARIO), Options(seed=5, is_crypto_real=False))


def to_the_end(world: World) -> str:
    run_to_verdict(world, lambda world: None)
    return world.trace.hexdigest()


def without_the_first(world: World) -> str:
    world.nodes[0].crash(is_silent=True)
    world.loop.after(5_000_000, world.nodes[0].boot)
    return to_the_end(world)


def test_a_future_that_changes_nothing_is_the_run_itself() -> None:
    rested = world()
    rested.run_until(REST_US)
    changed, same, again = try_forks(rested, [without_the_first, to_the_end, to_the_end], str)
    assert same == again == to_the_end(world())
    assert changed != same
    assert rested.loop.now == REST_US
    assert to_the_end(rested) == same


def test_a_future_that_fails_says_how() -> None:
    def fails(world: World) -> str:
        raise ValueError("no such future")

    with pytest.raises(ForkLost, match="no such future"):
        try_forks(world(), [fails], str)
