"""An error of a scenario is said in a sentence, with the key and what it takes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import UserError
from sim.schema.errors import find_error
from sim.schema.scenario import Scenario, load_scenario, parse_scenario, scenario_names

SMALLEST = """
schema = 1
name = "smallest"
summary = "Two nodes."
nodes = 2
[workload]
write_between_s = [40, 50]
"""


@pytest.mark.parametrize(
    "line,sentence",
    [
        ("colour = 'red'", "there is no key 'colour'; there are: begins_at_s, "),
        ("wire = {lose = 0.1}", r"in wire there is no key 'lose' \(did you mean loss\?\)"),
        ("wire = {loss = 1.5}", "wire.loss must be 1 at most, and is 1.5"),
        ("tick_us = 1.5", "tick_us must be a whole number, and is 1.5"),
        ("thinking_ms = nan", "thinking_ms must be a number that ends, and is nan"),
        ("lasts_s = inf", "lasts_s must be a number that ends, and is inf"),
        ("thinking_ms = true", "thinking_ms must be a number, and is True"),
        ("order = 'shufle'", r"order = 'shufle' is none of fifo, shuffle \(did you mean shuffle"),
        ("topology = {kind = 'gird'}", r"topology.kind = 'gird' .* \(did you mean grid\?\)"),
        ("topology = {kind = 'grid', colums = 3}", "did you mean columns"),
        ("topology = {kind = 'waypoints'}", "topology.moves_s is missing"),
        ("topology = 3", "topology must be a table, and is 3"),
        ("faults = [{kind = 'crashes', between_s = [1]}]", r"faults\[0\].between_s must be a list"),
        ("faults = [{kind = 'crashes', between_s = [9, 3]}]", "ends before it begins"),
        ("faults = [{kind = 'crashes'}]", r"faults\[0\].between_s is missing"),
        ("faults = [{share = 1}]", r"faults\[0\] must say its kind: one of absences, "),
        ("faults = 7", "faults must be a list, and is 7"),
        ("wire = {latency = {law = 'empirical', ms = [1]}}", "must have 2 members at least"),
        ("swarm = {families = [], between_s = [1, 2]}", "must have 1 members at least"),
        ("topology = {kind = 'graphml', file = 3}", "topology.file must be a text in quotes"),
        ("tick_us = 99999999999", "tick_us must be 1000000 at most"),
        ("thinking_ms = 1e9", "thinking_ms must be 60000 at most"),
        ("key_quota = 99999999999", "key_quota must be 4294967295 at most"),
        ("wire = {jitter = {law = 'constant', ms = '3'}}", "wire.jitter.ms must be a number"),
        (
            "hostile = [{kind = 'flood', share = 0.1, kib = '4'}]",
            "kib = '4' must be written without",
        ),
        (
            "faults = [{kind = 'slow-cpus', between_s = [1, 2], for_s = [1, 2], times = 1e300}]",
            "times must be 10000 at most",
        ),
        (
            "faults = [{kind = 'lost-fsyncs', between_s = [1, 2], commits = [1, 999]}]",
            r"commits\[1\] must be 100 at most",
        ),
        (
            "hostile = [{kind = 'flood', share = 0.6}, {kind = 'garbage', share = 0.6}]",
            "all hostile tables must be less than 1, and are 1.2",
        ),
        ("versions = {older = 0.7, later = 0.7}", "versions: older, later and released are 1.4"),
        (
            "topology = {kind = 'contacts', file = 'x', format = 'one', from_s = 9, until_s = 3}",
            "topology.until_s = 3 is not after from_s = 9",
        ),
        ("only = {nodes = [0, 2]}", "only.nodes names node 2, and there are 2"),
        ("only = {nodes = [-1]}", "only.nodes names node -1"),
        ("only = {strikes = ['x/1']}", "'x/1' does not begin with the number of a fault"),
        ("only = {strikes = ['0/1']}", "'0/1' is of fault 0, and there are 0"),
        ("expect = {sometimes = ['rolled-bak']}", r"\(did you mean rolled-back\?\)\.$"),
        (f"faults = {'[' * 5000}{']' * 5000}", "recursion"),
    ],
)
def test_a_wrong_line_is_told_with_what_would_be_right(line: str, sentence: str) -> None:
    with pytest.raises(UserError, match=sentence):
        parse_scenario(SMALLEST.replace("nodes = 2", f"nodes = 2\n{line}"))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats(-2, 9) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["kind", "loss", "at_s", "mode", "law", "x"]), inner)
    ),
    max_leaves=5,
)
KEYS = ["nodes", "order", "wire", "topology", "faults", "swarm", "expect", "workload", "only"]


def test_every_scenario_that_comes_along_is_read_again_as_it_is_written() -> None:
    for name in scenario_names():
        tree: object = msgspec.json.decode(msgspec.json.encode(load_scenario(name)))
        assert find_error(tree, Scenario) is None, name


@given(st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=4))
def test_what_the_decoder_refuses_is_complained_of(changed: dict[str, object]) -> None:
    tables: dict[str, object] = {
        "schema": 1,
        "name": "x",
        "summary": "X.",
        "workload": {"write_between_s": [1, 2]},
        **changed,
    }
    complaint = find_error(tables, Scenario)
    try:
        msgspec.convert(tables, type=Scenario, strict=True)
    except msgspec.ValidationError:
        assert complaint is not None
    else:
        assert complaint is None or "ends before" in complaint
