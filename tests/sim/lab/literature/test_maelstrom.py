"""Maelstrom's guide and the challenges of Gossip Glomers."""

import pytest

from sim.lab.literature.maelstrom import CHALLENGES, GUIDE, GUIDE_SHARE, glomers, guide
from sim.lab.literature.studies import Scope, broken
from tests.searching import only_in_search, seeds


@pytest.mark.parametrize(
    "topology",
    # Where all are joined to all the same broadcast sends much, and `meshsim published` repeats it.
    [pytest.param(name, marks=only_in_search if name == "total" else ()) for name in GUIDE],
)
def test_the_plain_broadcast_costs_what_maelstroms_guide_shows(topology: str) -> None:
    [experiment] = [one for one in guide(Scope()) if one.name == topology]
    assert not broken(experiment)
    # The guide samples what we know.
    _, sampled_ms, slowest_ms = GUIDE[topology]
    assert sampled_ms is None or sampled_ms == pytest.approx(slowest_ms, rel=GUIDE_SHARE)


@pytest.mark.slow
# The floor that ships; what holds with partitions has the other one.
@pytest.mark.parametrize("floor", [pytest.param(1, marks=only_in_search), 3])
@pytest.mark.parametrize("name", list(CHALLENGES))
def test_the_efficient_broadcasts_stay_below_their_bounds(name: str, floor: int) -> None:
    [experiment] = [one for one in glomers(Scope()) if one.name == f"{name}, floor {floor}"]
    held = {golden.figure for golden in experiment.goldens if golden.bound is not None}
    assert held == {"messages", "median", "slowest", "lost"}
    assert not broken(experiment)


@pytest.mark.slow
@pytest.mark.parametrize("seed", seeds(1, in_search=20))
@pytest.mark.parametrize("name", list(CHALLENGES))
def test_partitions_lose_nothing(name: str, seed: int) -> None:
    wanted = f"{name} with partitions, floor 1"
    [experiment] = [one for one in glomers(Scope(floors=(1,))) if one.name == wanted]
    assert not broken(experiment, (seed,))
