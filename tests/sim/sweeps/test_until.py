"""A setting gets more seeds until its mean is sure, and it is said where it is not."""

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner

from mesh.errors import UserError
from sim.__main__ import main
from sim.run.runner import Request, scenario_of
from sim.schema.scenario import parse_scenario
from sim.sweeps.origin import origin_here
from sim.sweeps.points import Point, points_of
from sim.sweeps.records import Record, record_of, write_records
from sim.sweeps.sweeping import StopRules
from sim.sweeps.until import (
    RUNS_FIRST,
    half_width_of,
    parse_goal,
    sureness_of,
    sweep_until,
)
from tests.sim.calling import call
from tests.sim.sweeps.records import record
from tests.sim.three_users import THREE_USERS

LOSS = "wire.loss"
POINTS = points_of(parse_scenario(THREE_USERS), {LOSS: [0.0, 0.5]}, range(100))


def ran(point: Point) -> Record:
    """Return a run whose bytes vary little without loss, and much with it."""
    loss = point.settings[LOSS]
    assert isinstance(loss, float)
    spread = 10 if not loss else 4_000
    sent = 10_000 + spread * (point.options.seed * 7 % 5 - 2)
    return record(point.options.seed, bytes_sent=sent, settings=point.settings)


def all_of(points: Sequence[Point], _: Sequence[Record]) -> list[Record]:
    return [ran(point) for point in points]


def test_each_setting_gets_as_many_seeds_as_it_takes() -> None:
    goals = [parse_goal("bytes-sent=20%")]
    asked: list[list[int]] = []

    def some(points: Sequence[Point], before: Sequence[Record]) -> list[Record]:
        asked.append([point.options.seed for point in points])
        return all_of(points, before)

    records = sweep_until(POINTS, goals, some)
    calm, lossy = sureness_of(records, goals)
    assert asked[0] == [*range(RUNS_FIRST), *range(RUNS_FIRST)]
    assert asked[1] == list(range(10, 20))
    assert (calm.runs, calm.is_reached) == (RUNS_FIRST, True)
    assert lossy.is_reached
    assert lossy.runs % 10 == 0
    assert RUNS_FIRST < lossy.runs < 100
    # One batch less was not enough.
    fewer = [one for one in records if one.settings[LOSS] and one.seed < lossy.runs - 10]
    assert not sureness_of(fewer, goals)[0].is_reached
    # What was run before is looked at as what is run now.
    assert sweep_until(POINTS, goals, all_of) == records


def test_what_is_not_reached_is_said_and_what_was_stopped_is_kept() -> None:
    goals = [parse_goal("bytes-sent=1")]
    short = [point for point in POINTS if point.options.seed < 15]
    sure = sureness_of(sweep_until(short, goals, all_of), goals)
    assert [(one.runs, one.is_reached) for one in sure] == [(15, False), (15, False)]

    def stopped(points: Sequence[Point], before: Sequence[Record]) -> list[Record]:
        return all_of(points, before)[: 3 if before else None]

    assert len(sweep_until(POINTS, goals, stopped)) == 2 * RUNS_FIRST + 3
    few = [ran(point) for point in short if not point.settings[LOSS]][: RUNS_FIRST - 1]
    [unsure] = sureness_of(few, goals)
    assert (unsure.runs, unsure.half_width, unsure.is_reached) == (RUNS_FIRST - 1, None, False)
    assert unsure.mean is not None
    dead = [record(seed, verdict="dead") for seed in range(20)]
    [none] = sureness_of(dead, goals)
    assert (none.runs, none.mean, none.is_reached) == (0, None, False)


def test_a_half_width_is_student_s() -> None:
    # 2.262157, 2.093024 and 1.984217 times the deviation of the mean, as tables have it.
    for count, quantile in ((10, 2.262157), (20, 2.093024), (100, 1.984217)):
        values = [0.0, 2.0] * (count // 2)
        deviation = (count / (count - 1)) ** 0.5 / count**0.5
        assert half_width_of(values) == pytest.approx(quantile * deviation, rel=2e-4)


def test_rules_that_stop_a_sweep_hold_over_all_its_batches() -> None:
    rest = StopRules(3, 60).rest([record(1, verdict="fail"), record(2)], 50)
    assert rest == StopRules(2, 10)
    assert StopRules().rest([], 50) == StopRules()


def test_a_sweep_that_was_ended_decides_again_by_what_is_in_its_log(tmp_path: Path) -> None:
    world, log = tmp_path / "small.toml", tmp_path / "small.jsonl"
    world.write_text(THREE_USERS)
    scenario = scenario_of(Request(name=str(world), seed=0))
    here = origin_here().commit
    write_records(
        log,
        [
            record_of(point, here, verdict="pass", report=ran(point).report)
            for point in points_of(scenario, {LOSS: [0.0, 0.5]}, range(10), is_crypto_real=False)
        ],
    )
    before = log.read_bytes()
    asked = ("sweep", str(world), "--set", f"{LOSS}=0,0.5", "--crypto", "modelled", "--max-runs")
    said = call(0, *asked, "10", "--until", "bytes-sent=10%", "--out", str(log))
    assert "20 of 20 runs" in said
    assert re.search(
        r"^sure +small: wire.loss = 0.0: bytes sent 10,000 ± 10.* of 10 runs$", said, re.M
    )
    assert re.search(
        r"^NOT REACHED +small: wire.loss = 0.5: .*wanted 1,000\) of 10 runs$", said, re.M
    )
    assert log.read_bytes() == before


def test_with_no_failures_left_no_batch_follows(tmp_path: Path) -> None:
    world, log = tmp_path / "small.toml", tmp_path / "small.jsonl"
    world.write_text(THREE_USERS)
    scenario = scenario_of(Request(name=str(world), seed=0))
    here = origin_here().commit
    points = points_of(scenario, {LOSS: [0.5]}, range(10), is_crypto_real=False)
    failed = [
        record_of(point, here, verdict="fail" if place < 2 else "pass", report=ran(point).report)
        for place, point in enumerate(points)
    ]
    write_records(log, failed)
    before = log.read_bytes()
    # The same value twice is one setting.
    asked = ("sweep", str(world), "--set", f"{LOSS}=0.5,0.50", "--crypto", "modelled")
    until = ("--max-runs", "20", "--until", "bytes-sent=1%", "--max-failures", "2")
    said = call(1, *asked, *until, "--out", str(log))
    assert "10 of 20 runs: 8 passed, 2 broke a promise" in said
    assert log.read_bytes() == before


@pytest.mark.parametrize("text", ["bytes-sent", "bytes-sent=", "bytes-sent=0%", "bytes-sent=nan"])
def test_a_half_width_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(UserError, match="bytes-sent=5%"):
        parse_goal(text)
    with pytest.raises(UserError, match="There are: verdict-share-that-passed, delivered-share"):
        parse_goal("bytes=5%")


def test_seeds_and_a_half_width_are_not_both_said() -> None:
    result = CliRunner().invoke(main, ["sweep", "chatter", "--until", "events=5%", "--seeds", "1"])
    assert result.exit_code == 2
    assert "--seeds says nothing with --until" in result.stderr
    result = CliRunner().invoke(main, ["sweep", "chatter", "--max-runs", "20"])
    assert "--max-runs says nothing without --until" in result.stderr
