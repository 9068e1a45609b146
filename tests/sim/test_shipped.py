"""The scenarios that come along: each can be built and is described, some are replayed small."""

import re
from pathlib import Path

import pytest
from msgspec import inspect
from msgspec.structs import replace

from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.fault_tables import Halves
from sim.schema.scenario import Scenario, as_drawn, load_scenario, scenario_names
from sim.schema.settings import with_settings
from sim.schema.topology_tables import Clusters
from sim.topology.topology import lay_out

PAGE = Path(__file__).parents[2] / "docs" / "simulator.md"


@pytest.mark.parametrize("name", scenario_names())
def test_each_stands_on_its_ground_and_is_described(name: str) -> None:
    scenario = as_drawn(load_scenario(name), 1)
    layout = lay_out(scenario.nodes, scenario.topology, 1)
    assert len(layout.networks) == scenario.nodes
    assert scenario.workload.write_between_s[0] < scenario.quiet_at_s
    assert f"`{name}`" in PAGE.with_name("scenarios.md").read_text(encoding="utf-8")


def test_at_least_twenty_come_along() -> None:
    assert len(scenario_names()) >= 20


SMALL: dict[str, dict[str, int | float]] = {
    "village-line": {"nodes": 5, "workload.messages_per_second": 0.3},
    "couriers": {"nodes": 8, "workload.messages_per_second": 0.2},
    "broken-wires": {"nodes": 5, "workload.messages_per_second": 0.4},
    "mass-failure": {"nodes": 6, "workload.messages_per_second": 0.4},
}


@pytest.mark.world
@pytest.mark.parametrize("name", SMALL)
def test_a_small_replay_passes(name: str) -> None:
    scenario = with_settings(load_scenario(name), {**SMALL[name], "workload.contacts": 2})
    report = run_scenario(scenario, Options(seed=1, is_crypto_real=False)).report
    assert report.verdict == "pass", report.broken
    assert report.messages_delivered > 5


@pytest.mark.world
def test_two_villages_that_were_apart_for_ten_minutes_give_each_other_all_that_was_written() -> (
    None
):
    scenario = load_scenario("two-days-apart")
    scenario = replace(
        scenario,
        nodes=4,
        topology=Clusters(network_nodes=2, bridges=1),
        workload=replace(scenario.workload, write_between_s=(100, 1_000), messages_per_second=0.1),
        faults=(Halves(at_s=120, for_s=600),),
    )
    report = run_scenario(scenario, Options(seed=1, is_crypto_real=False)).report
    assert report.verdict == "pass", report.broken
    across = report.latency["apart, across"]
    assert across.messages > 20
    # The oldest had waited for nearly all of the cut.
    assert across.max_ms > 500_000
    assert report.messages_delivered == report.messages_written


def test_a_scenario_of_ones_own_finds_the_files_beside_it(tmp_path: Path) -> None:
    (tmp_path / "walk.ns2").write_text("$node_(0) set X_ 0\n$node_(1) set X_ 3\n")
    (tmp_path / "mine.toml").write_text(
        'schema = 1\nname = "mine"\nsummary = "Two."\nnodes = 2\n'
        '[topology]\nkind = "setdest"\nfile = "walk.ns2"\nrange_m = 5\nmoves_s = 9\n'
        "[workload]\nwrite_between_s = [1, 2]\n"
    )
    scenario = load_scenario(str(tmp_path / "mine.toml"))
    assert len(lay_out(2, scenario.topology, 1).contacts) == 1


def words_of(kind: inspect.Type, found: dict[str, None]) -> None:
    """Every key and every name of a kind that a scenario may hold."""
    match kind:
        case inspect.StructType():
            if isinstance(kind.tag, str):
                found[kind.tag] = None
            for field in kind.fields:
                found[field.encode_name] = None
                words_of(field.type, found)
        case inspect.UnionType():
            for each in kind.types:
                words_of(each, found)
        case inspect.VarTupleType(item_type=item):
            words_of(item, found)
        case inspect.LiteralType(values=values):
            found.update(dict.fromkeys(str(value) for value in values))
        case _:
            pass


def test_every_kind_and_key_of_a_scenario_is_in_the_docs() -> None:
    found: dict[str, None] = {}
    words_of(inspect.type_info(Scenario), found)
    pages = [PAGE, PAGE.with_name("scenarios.md")]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    said = dict.fromkeys(re.findall(r"[a-z0-9]+(?:[-_][a-z0-9]+)*", text))
    assert [word for word in found if word not in said] == []
