"""Hundreds of engines on one ground find each other, and what few users write reaches all."""

import pytest

from sim.run.deliveries import Deliveries
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.searching import only_in_search

pytestmark = [pytest.mark.world, pytest.mark.slow]

THOUSAND = """
schema = 1
name = "thousand"
summary = "Many houses, each wired to four drawn others, and a few people who met before."
nodes = {nodes}
settle_s = 30

[topology]
kind = "regular"
degree = 4

[wire]
noise = false

[workload]
boot_within_s = 4
contacts = 1
met_before_share = {share}
befriend_between_s = [3000, 3000]
write_between_s = [9, 10]
messages_per_second = 200
text_letters = [10, 100]
long_text_share = 0
"""


# Three hundred have many times the links that one node may have, and lie several hops apart.
@pytest.mark.timeout(600)
@pytest.mark.parametrize("nodes", [300, pytest.param(1_000, marks=only_in_search)])
def test_many_nodes_are_joined_and_carry_what_some_write(nodes: int) -> None:
    scenario = parse_scenario(THOUSAND.format(nodes=nodes, share=4 / nodes))
    world = World(scenario, Options(seed=1, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    # Every invariant held, and with L4 that all are joined.
    assert sum(node.is_up for node in world.nodes) == nodes
    written = world.message_log.confirmed_count
    assert 2 <= written <= 5
    assert world.message_log.delivered_count == written
    carried = [
        host.store.execute("SELECT id FROM envelopes").fetchall() for host in world.hosts.values()
    ]
    assert all(len(each) == written for each in carried)
    assert Deliveries(world).copies_per_delivery <= 2.6
