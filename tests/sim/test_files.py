"""Files over several hops: past a relay that drops half, and asked for again after a week apart."""

import pytest

from mesh.storage.vault.rows import integer
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

pytestmark = pytest.mark.world

RING = """
schema = 1
name = "files"
summary = "Files go both ways round a ring, in which one relay gives half of what it has."
nodes = 7
settle_s = 600

[topology]
kind = "ring"

[workload]
boot_within_s = 3
befriend_between_s = [4, 30]
contacts = 2
write_between_s = [40, 120]
messages_per_second = 0.2
text_letters = [10, 100]
long_text_share = 0
files_share = 0.5

[[hostile]]
kind = "selective"
share = 0.125
"""

APART = """
schema = 1
name = "files"
summary = "Two write to each other, and meet when the blocks of their files have lapsed."
nodes = 2
tick_us = 10_000
retire_delay_s = [60, 600]
relay_delay_s = 60
settle_s = 1_800
probe_s = 200_000

[topology]
network_nodes = 2

[workload]
boot_within_s = 5
befriend_between_s = [10, 60]
contacts = 1
write_between_s = [600, 40_000]
messages_per_second = 0.0002
text_letters = [10, 100]
files_share = 1

[[faults]]
kind = "halves"
at_s = 300
for_s = 800_000
"""


def run(text: str, seed: int) -> World:
    world = World(parse_scenario(text), Options(seed=seed, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    return world


def counted(world: World, which: str) -> int:
    return sum(
        integer(world.hosts[node.index].vault.execute(f"SELECT count(*) FROM {which}"))
        for node in world.present
    )


@pytest.mark.parametrize("seed", [1, 2])
def test_past_a_relay_that_drops_half_all_files_arrive(seed: int) -> None:
    world = run(RING, seed)
    assert world.mail_workload.sent_files.count >= 5
    assert counted(world, "files WHERE state = 'fetching'") == 0
    assert world.mail_workload.sent_files.whole_count >= 3


def test_blocks_that_lapsed_before_two_met_are_asked_for_and_posted_again() -> None:
    world = run(APART, 1)
    sent = world.mail_workload.sent_files
    assert sent.count >= 3
    assert counted(world, "postings WHERE is_again") > 0
    assert counted(world, "files WHERE state = 'fetching'") == 0
    assert sent.whole_count >= 2
