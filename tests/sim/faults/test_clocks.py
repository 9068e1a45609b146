"""Clocks are struck as their table says, and no more of them than it allows."""

from math import floor

import pytest

from mesh.errors import UserError
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.sim.test_hard_worlds import USERS, fault

NODES = 6
SEEDS = range(1, 13)


def struck(seed: int, *, share: float, at_most: float | None = None) -> dict[int, int]:
    """The nodes whose clocks are wrong, and by how many microseconds."""
    lines = f"between_s = [0, 0]\nshare = {share}\nwrong_h = [800, 2000]"
    bound = "" if at_most is None else f"\nat_most = {at_most}"
    text = USERS + fault("clocks", lines + bound)
    world = World(parse_scenario(text), Options(seed=seed, is_crypto_real=False))
    before = [node.calendar.offset_us for node in world.nodes]
    world.run_until(1_000)
    moved = {node.index: node.calendar.offset_us - before[node.index] for node in world.nodes}
    wrong = {index: by_us for index, by_us in moved.items() if by_us}
    assert world.faults.strikes == [f"0/{index}" for index in wrong]
    return wrong


@pytest.mark.parametrize("at_most", [0, 0.3, 0.5])
def test_no_more_clocks_are_wrong_than_the_table_allows(at_most: float) -> None:
    for seed in SEEDS:
        assert len(struck(seed, share=1, at_most=at_most)) == floor(at_most * NODES)


def test_a_bound_spares_some_and_moves_nobody_else() -> None:
    """Those who are struck are wrong by as much as without it; who is spared is drawn."""
    spared: set[int] = set()
    for seed in SEEDS:
        free, bound = struck(seed, share=0.6), struck(seed, share=0.6, at_most=0.5)
        assert len(bound) == min(len(free), NODES // 2)
        assert bound.items() <= free.items()
        spared |= free.keys() - bound.keys()
    assert len(spared) > 2


def test_a_bound_is_a_share() -> None:
    with pytest.raises(UserError, match="at_most"):
        struck(1, share=1, at_most=2)
