"""Many engines in one group: all come by one link, and what each of them writes all read."""

import pytest

from sim.invariants.groups import groups_of
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import load_scenario
from sim.schema.settings import Value, with_settings
from tests.searching import only_in_search

pytestmark = [pytest.mark.world, pytest.mark.slow]


# More than 250 expect the fewest numbers of each other, and renew their keys more rarely.
@pytest.mark.parametrize(
    "nodes",
    [
        pytest.param(40, marks=pytest.mark.timeout(900)),
        pytest.param(251, marks=[only_in_search, pytest.mark.timeout(4 * 3600)]),
    ],
)
def test_all_come_into_one_group_by_one_link_and_read_each_other(nodes: int) -> None:
    settings: dict[str, Value] = {"nodes": nodes}
    settings |= {f"workload.groups.members.{end}": nodes for end in (0, 1)}
    if nodes < 100:
        settings["workload.write_between_s.1"] = 60
    scenario = with_settings(load_scenario("large-group"), settings)
    world = World(scenario, Options(seed=1, is_crypto_real=False))
    # Every invariant holds, and with L13 that all read what everybody wrote.
    run_to_verdict(world, lambda world: None)
    doings = world.group_doings
    assert doings.counts == {"MakeGroup": 1, "JoinGroup": nodes - 1, "WriteItem": nodes}
    assert world.users.refusals == {}
    assert world.groups_unread() == []
    views = list(doings.views.values())
    assert len(views) == nodes
    for view in views:
        assert (view.group.state, view.group.members_count) == ("in", nodes)
        assert len(view.members) == nodes
        assert sum(item.kind == "text" for item in view.items) == nodes
    # All write under one epoch: who came later has the keys of all who came before.
    engines = [host.engine for host in world.hosts.values()]
    chosen = {group.chosen() for engine in engines for group in groups_of(engine)}
    assert len({None if epoch is None else epoch.id for epoch in chosen}) == 1
