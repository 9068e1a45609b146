"""Survivors and spreading: the same experiments as at full size, among fewer nodes."""

import pytest

from sim.published.spreading import GROUNDS, HEALED_NODES, spreading
from sim.published.studies import Scope, broken, rows_of
from sim.published.survivors import NODES, REACHED, survivors

pytestmark = pytest.mark.world


def test_survivors_are_looked_at_before_they_repair_and_after() -> None:
    [ninety, _] = survivors(Scope(nodes=(200,)))
    [links, at_once, _, repaired] = rows_of("survivors", ninety, [ninety.run(1)])
    assert links.ours > 3
    assert at_once.ours < 0.5 < repaired.ours
    # The bound is for ten thousand; of twenty one may know nobody who lives.
    assert repaired.verdict == "beside"


def test_of_ten_thousand_the_least_is_held() -> None:
    experiments = survivors(Scope())
    bounds = [one.goldens[-1].bound for one in experiments]
    assert [bound.least for bound in bounds if bound is not None] == [0.99, 0.88]
    assert [one.name for one in experiments] == [f"{f:.0%} of {NODES:,} fail" for f in REACHED]


@pytest.mark.parametrize("ground", list(GROUNDS))
def test_on_every_ground_everybody_gets_everything(ground: str) -> None:
    wanted = f"{ground}, 60 nodes, mesh"
    [experiment] = [one for one in spreading(Scope(nodes=(60,))) if one.name == wanted]
    assert not broken(experiment)


def test_at_full_size_the_aims_are_held_of_our_node_alone() -> None:
    experiments = spreading(Scope())
    held = {
        (one.name, golden.figure): golden.bound.most
        for one in experiments
        for golden in one.goldens
        if golden.bound is not None and golden.figure != "coverage"
    }
    assert held == {
        ("random, 1 KiB, 1,000 nodes, mesh", "copies"): 2.6,
        ("random, 1 KiB, 1,000 nodes, mesh", "p99"): 150,
        ("random, 16 KiB, 1,000 nodes, mesh", "copies"): 2.2,
        ("random, 30 % lie, 1,000 nodes, mesh", "p99"): 200,
        ("LANs, 30 % lie, 1,000 nodes, mesh", "p99"): 560,
        ("random, 40 % crash, 1,000 nodes, mesh", "p99"): 300,
        ("random, 1 KiB, 10,000 nodes, mesh", "copies"): 2.6,
        ("random, 1 KiB, 10,000 nodes, mesh", "p99"): 190,
        (f"halves meet, {HEALED_NODES} nodes", "copies"): 1.05,
    }
