"""Spreading over fixed graphs: everybody is reached at the promised cost; rivals cost theirs."""

from functools import cache

import pytest

from sim.kernel.entropy import Chance
from sim.lab.dissemination.graphs import clusters, largest_part, random_regular
from sim.lab.dissemination.measuring import Case, Figures, measure, measure_heal

# One process runs them all, since it keeps the figures.
pytestmark = [pytest.mark.world, pytest.mark.xdist_group("measuring")]

SMALL = {"nodes": 120, "posts": 12, "warm_posts": 25}


@cache
def figures(**settings: object) -> Figures:
    # A mapping of mixed values cannot be matched to the fields by their types.
    return measure(Case(**{**SMALL, **settings}))  # type: ignore[arg-type]


def test_everybody_gets_everything_at_half_the_copies_of_flooding() -> None:
    ours, flood = figures(who="mesh"), figures(who="flood")
    assert ours.coverage == flood.coverage == 1
    assert ours.copies < 2.6
    assert flood.copies > 2 * ours.copies
    assert ours.p99_ms < 4 * flood.p99_ms


def test_gossipsub_sends_between_its_degree_less_one_and_flooding() -> None:
    rival = figures(who="gossipsub")
    assert rival.coverage == 1
    assert 4.5 < rival.copies <= figures(who="flood").copies


def test_a_third_of_liars_stops_nothing() -> None:
    for is_lying in (False, True):
        ours = figures(who="mesh", shape="clusters", liars=0.3, are_liars_lying=is_lying)
        assert ours.coverage == 1


def test_after_a_crash_of_two_fifths_everybody_left_is_reached() -> None:
    assert figures(who="mesh", crashed=0.4).coverage == 1


def test_halves_that_meet_exchange_what_each_lacks_once() -> None:
    healed = measure_heal(Case(who="mesh", nodes=80, posts=20))
    assert healed.coverage == 1
    assert healed.copies <= 1.05


def test_the_same_seed_gives_the_same_figures() -> None:
    small = Case(who="mesh", nodes=30, posts=12, warm_posts=25)
    assert measure(small) == measure(small)


@pytest.mark.parametrize("seed", range(4))
def test_graphs_have_the_degrees_that_were_asked_for(seed: int) -> None:
    chance = Chance(seed, "graph")
    edges = random_regular(200, (6, 8), chance)
    degrees = [sum(node in edge for edge in edges) for node in range(200)]
    assert 5 <= min(degrees) <= max(degrees) <= 8
    assert len(largest_part(range(200), edges)) == 200
    joined = clusters(10, 20, (6, 8), 3, chance)
    assert len(largest_part(range(200), joined)) == 200
    assert all(one < other for one, other in joined)
