"""Stragglers for good are left out of what is demanded, and nobody else is (L7).

That L7 breaks where it should, the corpus shows: `slowest-first`.
"""

import pytest

from sim.invariants.invariants import BrokenInvariant
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

pytestmark = pytest.mark.world

LINE = """
schema = 1
name = "line"
summary = "A line of radios."
nodes = {nodes}
settle_s = {settle_s}

[topology]
kind = "{kind}"

[workload]
boot_within_s = 2
befriend_between_s = [3, 6]
contacts = 2
write_between_s = [8, 30]
messages_per_second = 0.5
text_letters = [10, 100]
"""

STRAGGLERS = """
[[faults]]
kind = "stragglers"
at_s = {at_s}
share = {share}
ways = {ways}
"""


def ran(
    *,
    share: float,
    ways: list[str],
    kind: str = "line",
    nodes: int = 6,
    settle_s: float = 60,
    at_s: int = 15,
    seed: int = 1,
) -> tuple[World, BrokenInvariant | None]:
    text = LINE.format(nodes=nodes, settle_s=settle_s, kind=kind)
    text += STRAGGLERS.format(at_s=at_s, share=share, ways=ways)
    world = World(parse_scenario(text), Options(seed=seed, is_crypto_real=False))
    try:
        run_to_verdict(world, lambda world: None)
    except BrokenInvariant as error:
        return world, error
    return world, None


def test_the_core_is_the_longest_piece_of_a_line_without_its_straggler() -> None:
    world, broken = ran(share=0.17, ways=["mute"])
    assert broken is None
    (struck,) = world.faults.stragglers.struck
    core = [node.index for node in world.faults.stragglers.core(world.present)]
    below, above = list(range(struck)), list(range(struck + 1, 6))
    assert core == max(below, above, key=len)


def test_each_way_of_straggling_leaves_the_others_whole_and_ends_with_the_run() -> None:
    for way in ("slow", "deaf", "mute"):
        world, broken = ran(share=0.25, ways=[way], kind="clusters", nodes=8)
        assert broken is None
        assert list(world.faults.stragglers.struck.values()) == [way] * 2
        assert world.network.reach.sides() is None
        assert all(node.processor.thinking_us == 4_000 for node in world.nodes)
