"""Each chore of everyday life with each fault in its middle: what is drawn, and a small slice.

All pairs are run by `python -m sim pairs`; here are a few that differ, and what was found.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

import pytest
from msgspec.structs import replace

from sim.commands.pairs import CHORE, FAULT, run_of, table_of
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.coverage_goals import COMMANDS, SITUATIONS
from sim.schema.pair_table import ChoreKind, Pair, PairFault, TimedKind
from sim.schema.pairs import MIDDLES, WITHOUT, Drawn
from sim.schema.scenario import as_drawn, load_scenario, parse_scenario
from sim.schema.swarm import AnyFault
from sim.sweeps.points import Point
from sim.sweeps.records import Record, record_of
from sim.users.all_chores import CHORES
from sim.users.followed_chore import ALSO_DONE_BY, DONE_BY, TIMED_DONE_BY

PAIRS: Final = load_scenario("pairs")

SLICE: Final[Mapping[tuple[ChoreKind, PairFault], str]] = {
    ("rewrite", "crash-in-transaction"): "within",
    ("withdraw", "crash-in-store"): "within",
    ("withdraw", "crash-before-answer"): "within",
    ("compare", "lock-between"): "within",
    ("read", "vault-back"): "behind",
    ("introduce", "cut-stall"): "within",
    # These two failed: the simulator took a refusal for a decision, and a second machine for a
    # stranger.
    ("turn-down", "full-disk"): "within",
    ("hide", "second-machine"): "within",
}
"""What came of a few pairs with the first seed."""


def record(chore: ChoreKind, fault: PairFault, report: Report | None) -> Record:
    point = Point(
        scenario=PAIRS, settings={CHORE: chore, FAULT: fault}, options=Options(1), command="again"
    )
    return record_of(point, "", verdict="fail" if report is None else report.verdict, report=report)


def ran(chore: ChoreKind, fault: PairFault, *, seed: int = 1) -> Report:
    assert PAIRS.pair is not None
    scenario = replace(PAIRS, pair=replace(PAIRS.pair, chore=chore, fault=fault))
    return run_scenario(scenario, Options(seed, is_crypto_real=False)).report


def test_every_chore_has_its_name_in_the_schema_and_a_command_that_it_is_there_for() -> None:
    assert {*get_args(ChoreKind), *get_args(TimedKind)} == set(CHORES)
    assert list(DONE_BY) == list(get_args(ChoreKind))
    assert list(TIMED_DONE_BY) == list(get_args(TimedKind))
    for name in (*DONE_BY.values(), *ALSO_DONE_BY.values(), *TIMED_DONE_BY.values()):
        assert f"command-{name}" in COMMANDS


def test_every_kind_of_fault_falls_in_the_middle_of_chores_or_has_its_reason() -> None:
    assert list(MIDDLES) == list(get_args(PairFault))
    used = {
        str(table.__struct_config__.tag)
        for middle in MIDDLES.values()
        for table in middle.tables(20)
    }
    kinds = {str(kind.__struct_config__.tag) for kind in get_args(AnyFault)}
    assert used | set(WITHOUT) == kinds
    assert used & set(WITHOUT) == set()
    assert all(reason.endswith(".") for reason in WITHOUT.values())


def test_what_shows_that_a_fault_befell_is_counted() -> None:
    report = ran("rename", "cut-stall")
    for middle in MIDDLES.values():
        assert middle.shows in SITUATIONS or middle.shows in report.faults


@pytest.mark.parametrize("fault", get_args(PairFault))
def test_a_pair_strikes_whom_it_should_when_it_should(fault: PairFault) -> None:
    drawn = Drawn(Pair(chore="follow", fault=fault, at_s=11), seed=3, nodes=3)
    scenario = as_drawn(replace(PAIRS, pair=drawn.pair), 3)
    assert scenario.pair is None
    assert scenario.workload.chores[0].by == drawn.doer
    begins_s = [one.between_s[0] for one in scenario.faults if hasattr(one, "between_s")]
    # What was lost before is followed, and all else falls near the beginning.
    assert begins_s[-1] == 10
    assert all(abs(one - drawn.begins_s) <= 1 for one in begins_s[:-1])
    assert scenario.quiet_at_s < drawn.begins_s + 40
    assert (scenario.probe_s > 0) is drawn.is_harsh
    assert len(set(drawn.strikes)) == len(drawn.strikes) > 0


def test_a_world_without_a_pair_is_as_it_was_written() -> None:
    plain = replace(PAIRS, pair=None)
    assert as_drawn(plain, 1) is plain


def test_a_pair_stands_beside_no_other_faults() -> None:
    text = (
        'schema = 1\nname = "x"\nsummary = "y"\n[workload]\nwrite_between_s = [1, 2]\n'
        '[pair]\nchore = "look"\nfault = "wiped"\nat_s = 3\n'
        '[[faults]]\nkind = "halves"\nat_s = 1\nfor_s = 1\n'
    )
    with pytest.raises(Exception, match="it goes with no faults"):
        parse_scenario(text)


@pytest.mark.world
@pytest.mark.parametrize("pair", SLICE)
def test_a_few_pairs_hold_and_are_reached(pair: tuple[ChoreKind, PairFault]) -> None:
    report = ran(*pair)
    assert report.broken == []
    assert run_of(record(*pair, report)).outcome == SLICE[pair]


@pytest.mark.world
def test_a_chore_that_nobody_did_and_a_fault_that_did_not_befall_are_said() -> None:
    report = ran("rename", "cut-stall")
    assert report.verdict == "pass"
    held = run_of(record("rename", "cut-stall", report))
    undone = replace(report, sometimes={**report.sometimes, "chore-done": 0})
    unstruck = replace(report, sometimes={**report.sometimes, "stream-stalled": 0})
    not_done = run_of(record("rename", "cut-stall", undone))
    not_struck = run_of(record("rename", "cut-stall", unstruck))
    died = run_of(record("rename", "cut-stall", None))
    assert [one.outcome for one in (held, not_done, not_struck, died)] == [
        "behind",
        "not-reached",
        "not-reached",
        "broken",
    ]
    assert not_done.why == "the chore was not done"
    assert not_struck.why == "the fault did not befall"
    table = table_of([held, not_done], of_count=2, log=Path("pairs.jsonl"))
    assert "rename ?" in table
    assert "again" in table
    assert run_of(record("look", "crash-in-store", unstruck)).outcome == "excused"
