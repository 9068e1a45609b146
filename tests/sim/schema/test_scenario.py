"""Scenarios are read strictly, and say where they are wrong."""

import pytest

from mesh.errors import UserError
from sim.schema.fault_tables import Crashes, Halves
from sim.schema.scenario import load_scenario, parse_scenario, scenario_names

SMALLEST = """
schema = 1
name = "smallest"
summary = "Two nodes."
nodes = 2
[workload]
write_between_s = [40, 50]
"""


def test_the_scenarios_that_come_along_can_be_read() -> None:
    assert "partition-heal" in scenario_names()
    for name in scenario_names():
        assert load_scenario(name).name == name
        assert load_scenario(name).summary.endswith(".")


def test_partition_heal_cuts_crashes_and_writes_beyond_the_heal() -> None:
    scenario = load_scenario("partition-heal")
    kinds = [type(fault) for fault in scenario.faults]
    assert kinds == [Halves, Crashes]
    halves = scenario.faults[0]
    assert isinstance(halves, Halves)
    begins_s, ends_s = scenario.workload.write_between_s
    assert begins_s < halves.at_s < halves.at_s + halves.for_s < ends_s <= scenario.quiet_at_s


@pytest.mark.parametrize(
    "line,complaint",
    [
        ("colour = 'red'", "colour"),
        ("tick_us = 'often'", "tick_us"),
        ("order = 'random'", "order"),
        ("faults = [{kind='flood', at_s=1}]", "flood"),
        ("faults = [{kind='halves', at_s=1, for_s=0}]", "for_s"),
        ("wire = {loss = 1.5}", "loss"),
        ("nodes = ", "Invalid"),
    ],
)
def test_a_wrong_line_is_told_in_one_sentence(line: str, complaint: str) -> None:
    parse_scenario(SMALLEST)
    with pytest.raises(UserError, match=complaint):
        parse_scenario(SMALLEST.replace("nodes = 2", f"nodes = 2\n{line}"))


def test_an_unknown_name_is_answered_with_those_that_exist() -> None:
    with pytest.raises(UserError, match="partition-heal"):
        load_scenario("../secrets")
