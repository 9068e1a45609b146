"""Survivors and spreading: the same experiments as at full size, among fewer nodes."""

import pytest

from sim.lab.literature.spreading import GROUNDS, HEALED_NODES, spreading
from sim.lab.literature.studies import Scope, broken, rows_of
from sim.lab.literature.survivors import LOOKED_AT, WARM_S, survivors
from sim.lab.models.survivors import Internet

pytestmark = pytest.mark.world


def test_survivors_are_looked_at_before_they_repair_and_after() -> None:
    [experiment] = survivors(Scope(nodes=(200,)))
    rows = {row.figure: row for row in rows_of("survivors", experiment, [experiment.run(1)])}
    assert rows["links before"].ours > 3
    assert rows["90% fail: at once"].ours < 0.5 < rows["90% fail: after 30 s"].ours
    assert rows["95% fail: at once"].ours < rows["95% fail: after 30 s"].ours
    # The bound is for ten thousand; of twenty one may know nobody who lives.
    assert {row.verdict for row in rows.values()} == {"beside"}


def test_the_share_that_fails_second_fares_as_if_it_were_alone() -> None:
    [experiment] = survivors(Scope(nodes=(100,)))
    internet = Internet(nodes=100, seed=2)
    internet.run(WARM_S)
    internet.fail(0.95)
    internet.run(LOOKED_AT["after 1 s"])
    assert experiment.run(2)["95% fail: after 1 s"] == internet.reached()


def test_of_ten_thousand_the_least_is_held() -> None:
    [experiment] = survivors(Scope())
    least = {one.figure: one.bound.least for one in experiment.goldens if one.bound is not None}
    assert experiment.name == "10,000 nodes"
    assert least == {"90% fail: after 30 s": 0.99, "95% fail: after 30 s": 0.88}


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
