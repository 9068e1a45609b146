"""A scenario is written as TOML from which the same scenario is read."""

import pytest

from sim.schema.scenario import load_scenario, parse_scenario, scenario_names
from sim.schema.toml_text import toml_of

SHORT = """schema = 1
name = "short"
summary = "Two people."
nodes = 2

[[faults]]
kind = "halves"
at_s = 5.0
for_s = 3.0

[workload]
contacts = 1
write_between_s = [1.0, 9.0]

[only]
strikes = []
letters = [3]
"""


@pytest.mark.parametrize("name", scenario_names())
def test_what_was_written_reads_back_as_the_same(name: str) -> None:
    scenario = load_scenario(name)
    assert parse_scenario(toml_of(scenario)) == scenario


def test_what_has_its_default_is_not_written() -> None:
    scenario = parse_scenario(SHORT)
    assert parse_scenario(toml_of(scenario)) == scenario
    keys = [line.partition(" = ")[0] for line in toml_of(scenario).splitlines()]
    assert sorted(keys) == sorted([*(line.partition(" = ")[0] for line in SHORT.splitlines())])
