"""Each planted bug is found on its ground, under the name of the invariant that it breaks."""

import pytest

from sim.bugs.bugs import BUGS
from sim.invariants.invariants import INVARIANTS
from sim.mutants.corpus import (
    FAULTS_MAX,
    NODES_MAX,
    broken_without_bug,
    corpus,
    find_bug,
    replay_shrunk,
)
from sim.schema.scenario import SHRUNK, scenario_names
from tests.searching import only_in_search

SEEDS_TRIED = 16
"""The stored seed, and a few after it: every change of the engine shifts what a seed does."""


def on_ground(ground: str, *values: object) -> object:
    """A case that runs in one process with all others of its ground, which share worlds."""
    return pytest.param(*values, marks=pytest.mark.xdist_group(ground))


def test_every_bug_has_its_ground_and_its_name() -> None:
    assert set(corpus()) == set(BUGS)
    assert len(BUGS) >= 14
    for entry in corpus().values():
        assert entry.scenario in scenario_names()
        assert entry.promise in {invariant.id for invariant in INVARIANTS}


# CI replays what such a search found: the small worlds of the next test.
@only_in_search
@pytest.mark.world
@pytest.mark.parametrize("bug", [on_ground(corpus()[bug].scenario, bug) for bug in sorted(BUGS)])
def test_a_planted_bug_is_found_and_named(bug: str) -> None:
    seed = corpus()[bug].seed
    assert find_bug(bug, range(seed, seed + SEEDS_TRIED)) is not None


@pytest.mark.world
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_small_world_shows_a_planted_bug_and_keeps_every_promise_without_it(bug: str) -> None:
    # Up to where the bug shows; a search runs it to its end.
    ran = replay_shrunk(bug)
    again = f"python -m sim sweep --bugs --bug {bug} --out sim/mutants/shrunk"
    assert ran is not None, f"search anew: {again}"
    assert len(ran.world.strikes) <= FAULTS_MAX
    assert ran.world.machines_count <= NODES_MAX


@only_in_search
@pytest.mark.world
@pytest.mark.parametrize("bug", sorted(BUGS))
def test_a_small_world_keeps_every_promise_to_its_end_without_a_bug(bug: str) -> None:
    assert broken_without_bug(SHRUNK + bug, corpus()[bug].seed) == []


# A search asks this of each seed on which it finds a bug; the small worlds above are asked it too.
GROUNDS = sorted({(entry.scenario, entry.seed) for entry in corpus().values()})


@only_in_search
@pytest.mark.world
@pytest.mark.parametrize(
    "ground, seed", [on_ground(ground, ground, seed) for ground, seed in GROUNDS]
)
def test_with_the_same_seed_nothing_breaks_without_the_bug(ground: str, seed: int) -> None:
    assert broken_without_bug(ground, seed) == []
