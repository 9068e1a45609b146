"""Three in ten nodes call everybody from the start: no honest one is left with them alone."""

import pytest

from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.searching import only_in_search

pytestmark = pytest.mark.world

WORLD = """
schema = 1
name = "surrounded"
summary = "Three networks of fourteen, and eighteen nodes that call everybody and give nothing."
nodes = 42
settle_s = 15
rest_s = 0

[topology]
kind = "clusters"
network_nodes = 14

[wire]
noise = false
latency_ms = [5, 25]
loss = 0
bandwidth_mbit = 100

[workload]
boot_within_s = 4
contacts = 1
met_before_share = 0.05
befriend_between_s = [3000, 3000]
write_between_s = [8, 9]
messages_per_second = 2

[[hostile]]
kind = "lying-digests"
share = 0.15

[[hostile]]
kind = "black-hole"
share = 0.15
"""


@pytest.mark.parametrize("seed", [4, pytest.param(2, marks=only_in_search)])
def test_who_calls_everybody_from_the_start_isolates_nobody(seed: int) -> None:
    """In each of these worlds one part was alone while nodes let in eight callers at most."""
    world = World(parse_scenario(WORLD), Options(seed=seed, is_crypto_real=False))
    # L4 among the invariants: honest nodes are joined by links among themselves.
    run_to_verdict(world, lambda world: None)
    assert world.adversaries.count == 18
    assert world.adversaries.links_count() >= 18 * 14
