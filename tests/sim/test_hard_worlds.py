"""Every family of hardship in a small world of real engines: it befalls, and all arrives."""

from functools import lru_cache

import pytest

from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario

# One process runs them all, since it keeps the worlds that have run.
pytestmark = [pytest.mark.world, pytest.mark.xdist_group("hard worlds")]

USERS = """
schema = 1
name = "hard"
summary = "Six people on one network, and what befalls them."
nodes = 6
settle_s = 120
wire = { announcement_copied = 0.2, announcement_late = 0.2, queue_kb = 30 }

[workload]
boot_within_s = 3
befriend_between_s = [4, 8]
contacts = 2
write_between_s = [12, 50]
messages_per_second = 0.8
text_letters = [10, 100]
long_text_share = 0
"""


def fault(kind: str, lines: str) -> str:
    return f'\n[[faults]]\nkind = "{kind}"\n{lines}\n'


SPELL = "between_s = [12, 25]\nfor_s = [10, 25]\nshare = 0.6\n"

FAMILIES = {
    "bytes": fault("corruptions", SPELL + "chunks = 0.1")
    + fault("truncations", SPELL + "chunks = 0.1"),
    "silence": fault("clogs", SPELL + 'ways = "one"')
    + fault("half-open", "between_s = [15, 45]\nshare = 0.6"),
    "slowness": fault("trickles", SPELL)
    + fault("holds", SPELL)
    + fault("delays", SPELL + 'delay = { law = "log-normal", median_ms = 200, sigma = 1 }')
    + fault("losses", SPELL + "bursts = { enters = 0.02, leaves = 0.2 }")
    + fault("slow-cpus", SPELL)
    + fault("pauses", SPELL),
    "coming and going": fault("churn", "between_s = [12, 45]\nup_s = 12\ndown_s = 6")
    + fault("duty-cycles", "between_s = [12, 45]\nawake_s = 5\nperiod_s = 12")
    + fault("flash-crowd", "at_s = 15\nshare = 0.3"),
    "cuts": fault("partitions", 'at_s = 15\nfor_s = 25\nmode = "ring"\nflaps_s = [6, 3]')
    + fault("partitions", 'at_s = 20\nfor_s = 25\nmode = "isolate"\nsymmetric = false')
    + fault("swizzles", "at_s = 18\nfor_s = 25"),
    "leases": fault("leases", "between_s = [12, 45]\nshare = 0.8")
    + fault("crashes", "between_s = [12, 40]\nshare = 0.5"),
}


@lru_cache
def ran(faults: str) -> World:
    world = World(parse_scenario(USERS + faults), Options(seed=4, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    return world


@pytest.mark.parametrize("family", FAMILIES)
def test_everything_arrives_whatever_befalls(family: str) -> None:
    world = ran(FAMILIES[family])
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 8
    struck = dict.fromkeys(strike.partition("/")[0] for strike in world.faults.strikes)
    tables = range(len(world.scenario.faults))
    # A crowd comes late without being struck.
    lasting = [number for number in tables if world.scenario.faults[number].ends_s > 18]
    assert [number for number in lasting if str(number) not in struck] == []


def test_what_befalls_bytes_ends_links_and_no_engine() -> None:
    world = ran(FAMILIES["bytes"])
    counters = world.network.counters
    assert counters.chunks_corrupted > 0
    assert counters.streams_truncated > 0
    assert counters.announcements_copied > 0
    assert counters.announcements_late > 0


def test_of_those_who_failed_for_ever_nothing_is_demanded_and_the_others_find_together() -> None:
    world = ran(fault("mass-failure", "at_s = 25\nshare = 0.5"))
    assert world.faults.node_faults.counters.failures == 3
    assert len(world.present) == 3
    assert 0 < world.message_log.delivered_count < world.message_log.confirmed_count
    gone = [node.index for node in world.nodes if node.is_gone]
    for message in world.message_log.messages:
        if message.confirmed_at is not None and message.delivered_at is None:
            assert message.sender in gone or message.recipient in gone


@pytest.mark.parametrize("renamed_share", [0, 1])
def test_mail_finds_those_whose_address_another_has_now(renamed_share: float) -> None:
    """The router gives what it has crosswise, twice; who reaches a former address meets another."""
    lines = f"share = 1\nreused_share = 1\nrenamed_share = {renamed_share}"
    renewed = fault("leases", f"between_s = [20, 22]\nat_once = true\n{lines}")
    world = ran(renewed + fault("leases", f"between_s = [30, 45]\n{lines}"))
    counters = world.network.counters
    assert counters.leases_renewed == 12
    assert counters.addresses_reused > 6
    assert world.message_log.delivered_count == world.message_log.confirmed_count > 8
