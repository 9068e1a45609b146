"""A thousand engines on one ground: they find each other, and what few users write reaches all."""

import pytest

from sim.run.deliveries import Deliveries
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

pytestmark = [pytest.mark.world, pytest.mark.slow]

THOUSAND = """
schema = 1
name = "thousand"
summary = "A thousand houses, each wired to four drawn others, and a few people who met before."
nodes = 1000
settle_s = 30

[topology]
kind = "regular"
degree = 4

[wire]
noise = false

[workload]
boot_within_s = 4
contacts = 1
met_before_share = 0.004
befriend_between_s = [3000, 3000]
write_between_s = [9, 10]
messages_per_second = 200
text_letters = [10, 100]
long_text_share = 0
"""


@pytest.mark.timeout(600)
def test_a_thousand_nodes_are_joined_and_carry_what_some_write() -> None:
    world = World(parse_scenario(THOUSAND), Options(seed=1, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    # Every invariant held, and with L4 that all are joined.
    assert sum(node.is_up for node in world.nodes) == 1_000
    written = world.message_log.confirmed_count
    assert 2 <= written <= 5
    assert world.message_log.delivered_count == written
    carried = [
        host.store.execute("SELECT id FROM envelopes").fetchall() for host in world.hosts.values()
    ]
    assert all(len(each) == written for each in carried)
    assert Deliveries(world).copies_per_delivery <= 2.6
