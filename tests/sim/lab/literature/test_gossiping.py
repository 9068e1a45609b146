"""Gossip that others measured: libp2p's simulator and iroh-gossip's bounds, at sizes for every day.

`meshsim lab published simsub iroh` runs all sizes.
"""

import pytest

from sim.lab.literature.gossiping import IROH_BOUNDS, iroh, simsub
from sim.lab.literature.studies import Experiment, Scope, broken
from tests.searching import only_in_search

pytestmark = pytest.mark.world


def held(experiment: Experiment) -> set[str]:
    return {golden.figure for golden in experiment.goldens if golden.bound is not None}


@pytest.mark.slow
@pytest.mark.parametrize("nodes", [250, pytest.param(500, marks=only_in_search)])
def test_our_gossipsub_sends_the_payloads_of_libp2ps_simulator(nodes: int) -> None:
    [experiment] = simsub(Scope(nodes=(nodes,)))
    assert not broken(experiment, (2,))


def test_each_sender_is_tried_at_each_size_and_floor() -> None:
    names = [one.name for one in iroh(Scope(nodes=(20, 100), floors=(1, 2, 3)))]
    assert len(dict.fromkeys(names)) == len(IROH_BOUNDS) * 2 * 3


@pytest.mark.parametrize("number", range(len(IROH_BOUNDS)), ids=list(IROH_BOUNDS))
def test_with_a_floor_of_one_a_tree_keeps_iroh_gossips_bounds(number: int) -> None:
    experiment = iroh(Scope(nodes=(60,), floors=(1,)))[number]
    assert held(experiment) == {"redundancy", "hops", "missed"}
    assert not broken(experiment)


def test_with_more_eager_links_all_is_held_but_the_copies() -> None:
    experiments = iroh(Scope(nodes=(60,), floors=(3,)))
    assert [held(one) for one in experiments] == 3 * [{"hops", "missed"}]
    assert not broken(experiments[1])


def test_in_a_small_mesh_a_burst_goes_on_for_thirty_rounds() -> None:
    experiment = iroh(Scope(nodes=(20,), floors=(1,)))[-1]
    assert experiment.name == "all at once, 20 nodes, floor 1"
    assert not broken(experiment)


def test_a_tree_has_fewer_copies_than_the_floor_that_ships() -> None:
    tree, shipped = iroh(Scope(nodes=(40,), floors=(1, 3)))[:2]
    assert tree.run(1)["redundancy"] < 0.2 < 0.5 < shipped.run(1)["redundancy"]
