"""Small worlds of real engines on each kind of ground: everything arrives."""

import pytest

from sim.tables.scenario import parse_scenario
from sim.world import Options, World

pytestmark = pytest.mark.world

PEOPLE = """
schema = 1
name = "grounds"
summary = "A few people on some ground."
nodes = 7
settle_s = 240

[topology]
{topology}

[workload]
boot_within_s = 3
befriend_between_s = [4, 8]
contacts = 2
write_between_s = [15, 45]
messages_per_second = 0.7
text_letters = [10, 100]
long_text_share = 0
"""

COURIERS = """kind = "couriers"
network_nodes = 4
couriers = 2
stay_s = [8, 20]
travel_s = [3, 6]
until_s = 60"""

WALKS = """kind = "waypoints"
area_m = [40, 40]
range_m = 10
moves_s = 60"""


def ran(topology: str) -> World:
    scenario = parse_scenario(PEOPLE.format(topology=topology))
    world = World(scenario, Options(seed=2, is_crypto_real=False))
    world.run(lambda world: None)
    return world


@pytest.mark.parametrize("topology", ['kind = "line"', 'kind = "geometric"\ndegree = 4'])
def test_mail_crosses_a_fixed_graph_hop_by_hop(topology: str) -> None:
    world = ran(topology)
    assert world.ledger.delivered_count == world.ledger.confirmed_count > 8
    edges = dict.fromkeys(world.ground.edges)
    links = [(min(link), max(link)) for link in world.network.links()]
    # Engines choose their links, and have no others to choose from.
    assert all(link in edges for link in links)


@pytest.mark.parametrize("topology", [COURIERS, WALKS], ids=["couriers", "walks"])
def test_mail_is_carried_where_no_path_ever_stands(topology: str) -> None:
    world = ran(topology)
    assert world.ledger.delivered_count == world.ledger.confirmed_count > 8
    assert world.terrain.moves_count + world.terrain.meetings_count > 3
    end = world.ground.ends_at
    early = [letter for letter in world.ledger.letters if (letter.delivered_at or end) < end]
    assert early


def test_of_those_who_never_come_together_nothing_is_demanded() -> None:
    world = ran(WALKS + "\ngathers = false")
    assert world.ledger.delivered_count < world.ledger.confirmed_count
