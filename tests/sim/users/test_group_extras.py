"""Groups of a size that is drawn send files, set timers, write for later and what disappears."""

import pytest

from sim.run.runner import Request, scenario_of
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World, opened_world
from sim.schema.scenario import as_drawn, load_scenario
from sim.schema.settings import Value, with_settings
from tests.searching import only_in_search

CREWS = load_scenario("crews")


def test_as_many_are_there_as_are_to_be_in_the_group_and_most_worlds_are_small() -> None:
    drawn = [as_drawn(CREWS, seed) for seed in range(1, 501)]
    counts = sorted(scenario.nodes for scenario in drawn)
    assert counts[0] == 2
    assert 55 <= counts[-1] <= 60
    # Each doubling as often: half of them are below the middle of 2 and 60 on that scale.
    assert 8 <= counts[250] <= 16
    for scenario in drawn:
        groups = scenario.workload.groups
        assert groups is not None
        assert groups.members == (scenario.nodes, scenario.nodes)
    assert as_drawn(drawn[0], 1) == drawn[0]


def test_who_says_how_many_there_are_has_so_many_in_the_group_and_none_are_drawn() -> None:
    for count in (3, 100, 2_000):
        scenario = as_drawn(scenario_of(Request("crews", seed=1, nodes=count)), 1)
        groups = scenario.workload.groups
        assert groups is not None
        assert scenario.nodes == count
        assert groups.members == (min(count, 1_000),) * 2


@pytest.mark.world
def test_a_small_crew_does_all_that_takes_more_than_one_command() -> None:
    done: dict[str, int] = {}
    for seed in (5, 9):
        with opened_world(CREWS, Options(seed, is_crypto_real=False)) as world:
            run_to_verdict(world, lambda _: None)
            for name, count in world.group_doings.counts.items():
                done[name] = done.get(name, 0) + count
            assert world.users.sent_files.count
    extras = {"AddFile", "AskFileBlock", "CancelScheduled", "ReadItems", "ScheduleText", "SetTimer"}
    assert extras <= set(done)


@pytest.mark.world
@pytest.mark.slow
@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param(12, marks=pytest.mark.timeout(900)),
        pytest.param(60, marks=[only_in_search, pytest.mark.timeout(4 * 3600)]),
    ],
)
def test_a_big_crew_changes_on_both_sides_of_a_cut_and_reads_each_other(nodes: int) -> None:
    settings: dict[str, Value] = {"nodes": nodes}
    settings |= {f"workload.groups.members.{end}": nodes for end in (0, 1)}
    scenario = with_settings(load_scenario("big-crew"), settings)
    world = World(scenario, Options(seed=1, is_crypto_real=False))
    run_to_verdict(world, lambda _: None)
    counts = world.group_doings.counts
    assert counts["JoinGroup"] == nodes - 1
    assert {"RemoveMember", "RotateGroup", "SetMemberRole"} <= set(counts)
