"""The real engine over recorded contacts, between the bounds that routers of the literature give.

The same messages go over the same contacts under each: nobody delivers sooner than Epidemic whose
transfers take no time, and to give six copies away and wait is what a mesh that carries everything
must at least equal.
"""

from typing import Final

import pytest

from sim.models.routing import DirectDelivery, Epidemic, Post, Router, Routing, SprayAndWait
from sim.network.topology import stand
from sim.tables.scenario import Scenario, parse_scenario
from sim.world import Options, World

AT_ONCE: Final = 10**15
SEED: Final = 1

SCENARIO = """
schema = 1
name = "contacts"
summary = "People who meet now and then."
nodes = 8
tick_us = 10_000

[topology]
kind = "contacts"
file = "SFHH_tij.dat.xz"
format = "tij"
pad_s = 20
until_s = 9_000
gathers = false

[wire]
noise = false

[workload]
boot_within_s = 60
befriend_between_s = [60, 300]
contacts = 3
write_between_s = [400, 6_000]
messages_per_second = 0.008
text_letters = [9_900, 10_100]
long_text_share = 0
"""


def routed(router: Router, scenario: Scenario, posts: list[Post], speed: int) -> dict[str, int]:
    contacts = stand(scenario.nodes, scenario.topology, SEED).contacts
    return Routing(router, contacts, posts, bytes_per_second=speed).run().latencies_us


@pytest.mark.slow
def test_the_engine_delivers_no_sooner_than_epidemic_and_no_less_than_spray_and_wait() -> None:
    scenario = parse_scenario(SCENARIO)
    world = World(scenario, Options(seed=SEED, is_crypto_real=False))
    world.run(lambda world: None)
    written = [letter for letter in world.ledger.letters if letter.is_held]
    posts = [
        Post(letter.asked_at, str(letter.number), letter.sender, letter.recipient, 16_384)
        for letter in written
    ]
    assert len(posts) > 20
    ours = {
        str(letter.number): letter.delivered_at - letter.asked_at
        for letter in written
        if letter.delivered_at is not None
    }
    soonest = routed(Epidemic(), scenario, posts, AT_ONCE)
    sprayed = routed(SprayAndWait(), scenario, posts, 250_000)
    direct = routed(DirectDelivery(), scenario, posts, 250_000)
    assert ours.keys() <= soonest.keys()
    assert all(soonest[name] <= took for name, took in ours.items())
    assert len(ours) >= len(sprayed) > len(direct)
