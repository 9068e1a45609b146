"""A search that aims runs first what promises to reach what no run has reached."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec
from click.testing import CliRunner

from sim.__main__ import main
from sim.schema.coverage_goals import SITUATIONS
from sim.schema.scenario import load_scenario
from sim.sweeps.aiming import (
    BATCH_RUNS,
    Promise,
    never_together,
    pairs_of,
    sweep_aimed,
    troubles_of,
)
from sim.sweeps.points import Point, points_of
from sim.sweeps.records import Record, write_records
from tests.sim.sweeps.records import record

SWARM: Final = load_scenario("hostile-swarm")
POINTS: Final = points_of(SWARM, {}, range(1, 301))

BROUGHT: Final = {
    "hostile, garbage": "disk-stop",
    "hostile, replay": "evicted",
    "hostile, sybil": "lapsed",
    "hostile, flood": "refused",
}
"""In worlds that nobody runs: which trouble brings which situation."""


def ran(point: Point) -> Record:
    """Return the run of a world in which each trouble brings its situation, and nothing else."""
    troubles = troubles_of(SWARM, point.options.seed)
    return reaching(
        point.options.seed, *(BROUGHT[trouble] for trouble in troubles if trouble in BROUGHT)
    )


def reaching(seed: int, *situations: str) -> Record:
    made = record(seed)
    assert made.report is not None
    report = msgspec.structs.replace(made.report, sometimes=dict.fromkeys(situations, 1))
    return msgspec.structs.replace(made, report=report)


def some(points: Sequence[Point], _: Sequence[Record]) -> list[Record]:
    return [ran(point) for point in points]


def missing(records: Sequence[Record]) -> int:
    """Return how many of the pairs that can come have not."""
    count = len(BROUGHT)
    return count * (count - 1) // 2 - sum(1 for runs in pairs_of(records).values() if runs)


def test_rare_pairs_come_that_do_not_by_seeds_in_turn() -> None:
    in_turn = missing(some(POINTS[:80], []))
    aimed = missing(sweep_aimed(POINTS, 80, some))
    assert (aimed, in_turn) == (2, 6)


def test_what_runs_depends_on_what_was_reached_alone() -> None:
    asked: list[int] = []

    def noted(points: Sequence[Point], before: Sequence[Record]) -> list[Record]:
        assert len(before) == len(asked)
        asked.extend(point.options.seed for point in points)
        return some(points, before)

    once = sweep_aimed(POINTS, 35, noted)
    assert [one.seed for one in once] == asked
    assert len(set(asked)) == len(asked) == 35
    assert sweep_aimed(POINTS, 35, some) == once
    # Every second run is the next in turn, so no seed waits for ever.
    assert asked[0] == 1
    assert set(range(1, 12)) <= set(asked)


def test_a_search_that_is_ended_stops() -> None:
    def cut_short(points: Sequence[Point], before: Sequence[Record]) -> list[Record]:
        return some(points[: 3 if before else len(points)], before)

    assert len(sweep_aimed(POINTS, 100, cut_short)) == BATCH_RUNS + 3


def test_a_trouble_that_brought_something_new_promises_more_than_one_that_did_not() -> None:
    records = [reaching(1, "disk-stop"), reaching(2, "disk-stop"), reaching(3), reaching(4)]
    promise = Promise(records, [["failing-disks"], ["failing-disks"], ["clocks"], ["clocks"]])
    disks, clocks = (promise.chances([one]) for one in ("failing-disks", "clocks"))
    assert disks["disk-stop"] > clocks["disk-stop"]
    worth = promise.of(disks)
    promise.take(disks)
    assert promise.of(disks) < worth


def test_pairs_that_never_met_are_told_of_what_was_reached() -> None:
    records = [reaching(1, "evicted", "refused"), reaching(2, "lapsed")]
    assert never_together(records) == [("evicted", "lapsed"), ("refused", "lapsed")]
    assert pairs_of(records)["evicted", "refused"] == 1


def test_the_draw_of_a_seed_is_named_by_family_mode_and_hostile_kind() -> None:
    named = {one for seed in range(1, 60) for one in troubles_of(SWARM, seed)}
    assert {"clocks", "partitions, ring", "hostile, garbage"} <= named
    assert not named & set(SITUATIONS)


def test_aiming_needs_a_swarm_and_takes_no_shard() -> None:
    for words, said in (
        (["hub", "--aim"], "[swarm]"),
        (["swarm", "--aim", "--shard", "1/2"], "depends on all that ran"),
        (["swarm", "--aim", "--until", "bytes-sent=2%"], "seeds go on in turn"),
    ):
        told = CliRunner().invoke(main, ["sweep", *words])
        assert told.exit_code == 2
        assert said in told.output


def test_a_sweep_says_which_pairs_never_met(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    write_records(log, [reaching(1, "evicted", "refused"), reaching(2, "lapsed")])
    told = CliRunner().invoke(main, ["merge", str(log), "--out", str(tmp_path / "all.jsonl")])
    assert "1 of 3 pairs" in told.output
    assert "evicted + lapsed" in told.output
