"""The rest of a mesh after most of it has failed, with the machines that a node has."""

import pytest

from mesh.limits.peering import LINKS_ACTIVE_MAX
from sim.lab.models.survivors import Internet

WARM_S = 900
REPAIR_S = 30


@pytest.mark.world
@pytest.mark.parametrize("failed", [0.9, 0.95])
def test_survivors_of_a_mass_failure_reach_each_other_within_half_a_minute(
    failed: float,
) -> None:
    internet = Internet(nodes=300, seed=1)
    internet.run(WARM_S)
    assert internet.reached() == 1
    assert all(len(member.links) <= LINKS_ACTIVE_MAX for member in internet.members)
    internet.fail(failed)
    assert internet.reached() < 0.5
    internet.run(REPAIR_S)
    # Of fifteen one may know nobody who lives; `meshsim lab survive` tells more of ten thousand.
    survivors = sum(member.is_up for member in internet.members)
    assert internet.reached() >= (1 - 1 / survivors) ** 2


@pytest.mark.world
def test_who_does_not_even_refuse_costs_the_time_of_a_dial_each() -> None:
    shares: list[float] = []
    for is_silent in (False, True):
        internet = Internet(nodes=200, seed=3, is_silent=is_silent)
        internet.run(WARM_S // 3)
        internet.fail(0.9)
        internet.run(REPAIR_S)
        shares.append(internet.reached())
    refused, silent = shares
    assert silent < refused


def test_the_same_seed_fails_the_same_way() -> None:
    ends: list[tuple[int, float, float]] = []
    for _ in range(2):
        internet = Internet(nodes=100, seed=5)
        internet.run(60)
        internet.fail(0.7)
        internet.run(2)
        ends.append((internet.loop.events_count, internet.links_mean, internet.reached()))
    assert ends[0] == ends[1]
