"""Worlds of which only a part is left: what is left out does not shift the rest."""

import msgspec

from sim.run.report import make_report
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World
from sim.schema.scenario import Only, Scenario, parse_scenario

SMALL = """
schema = 1
name = "small"
summary = "Six people on one network."
nodes = 6
settle_s = 60

[workload]
boot_within_s = 3
befriend_between_s = [4, 8]
contacts = 2
write_between_s = [10, 40]
messages_per_second = 0.5
text_letters = [10, 100]

[[faults]]
kind = "halves"
at_s = 15
for_s = 10
by = "node"

[[faults]]
kind = "crashes"
between_s = [12, 30]
share = 0.5
"""


def ran(only: Only) -> World:
    scenario: Scenario = msgspec.structs.replace(parse_scenario(SMALL), only=only)
    world = World(scenario, Options(seed=3, is_crypto_real=False))
    run_to_verdict(world, lambda world: None)
    return world


def test_a_part_of_a_world_does_what_the_whole_did() -> None:
    whole = ran(Only())
    crashes = [strike for strike in whole.faults.strikes if "/" in strike]
    assert whole.faults.strikes[0] == "0"
    assert len(crashes) > 1

    part = ran(Only(strikes=(crashes[-1],), letters=(1, 2)))
    assert part.faults.strikes == [crashes[-1]]
    assert part.faults.cuts.counters.cuts == 0
    assert part.faults.counters.crashes == 1
    assert part.mail_workload.planned_count == whole.mail_workload.planned_count
    written = {message.text[8:] for message in part.message_log.messages}
    assert 0 < len(written) <= 2
    assert written <= {message.text[8:] for message in whole.message_log.messages}


def test_nodes_that_are_left_out_are_never_switched_on() -> None:
    part = ran(Only(nodes=(0, 2, 3)))
    assert make_report(part, None, command="", wall_seconds=1).nodes == 3
    assert [node.index for node in part.present] == [0, 2, 3]
    assert [node.index for node in part.nodes if node.incarnation] == [0, 2, 3]
    assert {message.sender for message in part.message_log.messages} <= {0, 2, 3}
    assert part.message_log.outstanding() == []
