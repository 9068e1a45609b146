"""A sweep from points to a log, gone on with, merged and compared."""

import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

import distributed
import msgspec
import pytest
from click.testing import CliRunner

from mesh.errors import UserError
from sim.__main__ import main
from sim.schema.scenario import parse_scenario
from sim.sweeps.comparing import compare
from sim.sweeps.executors import DaskPool, Dead, LocalPool
from sim.sweeps.origin import origin_here
from sim.sweeps.points import Point, points_of
from sim.sweeps.records import Record, RecordLog, read_records, record_of, write_records
from sim.sweeps.sweeping import Progress, StopRules, run_point, sweep
from tests.searching import only_in_search
from tests.sim.three_users import THREE_USERS

Task = TypeVar("Task")
Result = TypeVar("Result")

SCENARIO = parse_scenario(THREE_USERS)


def points(seeds: list[int], *, bug: str | None = None) -> list[Point]:
    """The same small world with each of these seeds."""
    return points_of(SCENARIO, {}, seeds, bug=bug, is_crypto_real=False)


def swept(path: Path, seeds: list[int], commit: str = "one") -> tuple[list[Record], list[int]]:
    done: list[int] = []

    def progress(now: Progress) -> None:
        done.append(now.done_count)

    with RecordLog(path) as log:
        records = sweep(
            points(seeds),
            log=log,
            executor=LocalPool(2, timeout_s=100),
            commit=commit,
            stop=StopRules(),
            progress=progress,
        )
    return records, done


def test_a_sweep_goes_on_from_its_log_and_runs_nothing_twice(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    first, done = swept(path, [1])
    assert [record.verdict for record in first] == ["pass"]
    assert done == [0, 1]
    # A crash has cut the second line.
    line = path.read_bytes()
    path.write_bytes(line + line[: len(line) // 2])
    both, done = swept(path, [1, 2])
    assert done == [1, 2]
    assert [record.seed for record in both] == [1, 2]
    assert len(read_records([path])) == 2
    again, done = swept(path, [1, 2])
    assert done == [2]
    assert again == both
    # Another commit is another run.
    _, done = swept(path, [1], commit="two")
    assert done == [0, 1]


class Here:
    """Runs in this process, one after the other."""

    def map_unordered(
        self, run: Callable[[Task], Result], tasks: Sequence[Task]
    ) -> Iterator[tuple[Task, Result | Dead]]:
        for task in tasks:
            yield task, run(task)

    def close(self) -> None:
        """Nothing stands."""


def test_a_run_of_the_log_that_is_not_kept_whole_runs_again(tmp_path: Path) -> None:
    def run(stop: StopRules, kept: Sequence[int]) -> tuple[list[int], list[Record]]:
        ran: list[int] = []

        def run_one(point: Point) -> Record:
            ran.append(point.options.seed)
            return record_of(point, "", verdict="fail")

        with RecordLog(tmp_path / "log.jsonl") as log:
            records = sweep(
                points([1, 2, 3]),
                log=log,
                executor=Here(),
                commit="one",
                stop=stop,
                progress=lambda now: None,
                run=run_one,
                is_kept=lambda record: record.seed in kept,
            )
        return ran, records

    assert run(StopRules(), [])[0] == [1, 2, 3]
    assert run(StopRules(), [1, 3])[0] == [2]
    # With as many failures as end it, nothing is run.
    ran, records = run(StopRules(failures_max=2), [1, 3])
    assert ran == []
    assert [record.seed for record in records] == [1, 3]
    assert len(read_records([tmp_path / "log.jsonl"])) == 3


@pytest.mark.slow
def test_a_world_runs_on_dask_as_it_does_here() -> None:
    [point] = points([1])
    pool = DaskPool(None, jobs=1, timeout_s=60)
    try:
        [(_, there)] = pool.map_unordered(run_point, [point])
    finally:
        pool.close()
    here = run_point(point)
    assert isinstance(there, Record)
    assert there.report is not None
    assert here.report is not None
    assert there.report.trace_hash == here.report.trace_hash
    assert there.verdict == here.verdict == "pass"


@pytest.mark.slow
def test_a_cluster_whose_workers_run_two_tasks_at_once_is_refused() -> None:
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0"
        ) as cluster,
        pytest.raises(UserError, match="--nthreads 1"),
    ):
        DaskPool(cluster.scheduler_address, jobs=1, timeout_s=60)


@pytest.mark.world
def test_a_worse_head_is_found_and_the_same_head_is_not() -> None:
    ran = [run_point(point) for point in points([1, 2, 3], bug="told-as-delivered")]
    head = [msgspec.structs.replace(one, bug=None) for one in ran if one.verdict == "fail"]
    seeds = [record.seed for record in head]
    assert len(seeds) > 1
    base = [run_point(point) for point in points(seeds)]
    assert not any(each.is_regression for each in compare(base, base))
    found = {each.metric.name: each for each in compare(base, head)}
    assert found["verdict: share that passed"].is_regression
    assert found["verdict: share that passed"].pairs_count == len(seeds)


@pytest.mark.world
def test_commands_sweep_merge_compare_and_shrink(tmp_path: Path) -> None:
    def call(code: int, *arguments: str) -> str:
        result = CliRunner().invoke(main, list(arguments))
        assert result.exit_code == code, result.output
        return result.output

    own = tmp_path / "of mine.toml"
    own.write_text(THREE_USERS)
    short = ("--duration", "10", "--crypto", "modelled")
    for shard in ("1/2", "2/2"):
        out = str(tmp_path / f"{shard[0]}.jsonl")
        part = ("--seeds", "1..2", "--shard", shard, "--rows")
        said = call(0, "sweep", str(own), *short, *part, "--out", out)
        assert "1 of 1 runs: 1 passed, 0 broke a promise, 0 died" in said
    logs = [str(tmp_path / "1.jsonl"), str(tmp_path / "2.jsonl")]
    tables = tmp_path / "tables"
    assert "2 runs, " in call(0, "export", *logs, "--csv", str(tables))
    assert (tables / "messages.csv").read_text(encoding="utf-8").count("\n") > 2
    assert "2 runs in" in call(0, "merge", *logs, "--out", str(tmp_path / "all.jsonl"))
    table = call(0, "compare", str(tmp_path / "all.jsonl"), logs[0])
    assert "delivered share" in table
    assert "WORSE" not in table
    call(2, "sweep", "partition-heal", "--shard", "3/2")
    call(2, "sweep", "partition-heal", "--set", "wire.los=1")

    seeds = ("--seeds", "3", "--bug", "told-as-delivered")
    said = call(1, "sweep", str(own), *short, *seeds, "--out", str(tmp_path / "b.jsonl"))
    line = next(line for line in said.splitlines() if "python -m sim run" in line)
    invariant, _, command = line.partition(": python -m sim ")
    assert f"{invariant.strip()}: " in call(1, *shlex.split(command))

    bug = ("--seed", "1", "--bug", "tag-unread", "--runs", "8")
    said = call(0, "shrink", str(own), *short, *bug, "--out", str(tmp_path / "shrunk"))
    assert said.startswith("S1 with 0 faults, 2 nodes")
    assert len(list((tmp_path / "shrunk").glob("*.toml"))) == 1
    assert call(3, "shrink", str(own), *short, "--seed", "1", "--quiet").startswith(
        "This run breaks no promise"
    )


@pytest.mark.world
def test_a_run_of_the_log_with_other_libraries_runs_again(tmp_path: Path) -> None:
    own, log = tmp_path / "small.toml", tmp_path / "log.jsonl"
    own.write_text(THREE_USERS)
    asked = ["sweep", str(own), "--crypto", "modelled", "--seeds", "1", "--jobs", "1"]

    def runs_after(lock: str) -> int:
        write_records(log, [msgspec.structs.replace(one, lock=lock) for one in read_records([log])])
        result = CliRunner().invoke(main, [*asked, "--out", str(log)])
        assert result.exit_code == 0, result.output
        assert "1 of 1 runs: 1 passed" in result.output
        return len(log.read_bytes().splitlines())

    log.write_bytes(b"")
    assert runs_after("") == 1
    assert {one.lock for one in read_records([log])} == {origin_here().lock}
    assert runs_after(origin_here().lock) == 1
    # Of one from before records had a lock nobody knows that it was another.
    assert runs_after("") == 1
    assert runs_after("0123456789ab") == 2
    assert {one.lock for one in read_records([log])} == {origin_here().lock}


# CI shrinks a world above, and replays what such hunts have found in `test_corpus.py`.
@only_in_search
@pytest.mark.world
def test_a_planted_bug_is_hunted_named_and_made_small(tmp_path: Path) -> None:
    arguments = ["sweep", "--bugs", "--bug", "tag-unread", "--runs", "8", "--out", str(tmp_path)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    row = result.output.splitlines()[1].split()
    assert row[:4] == ["tag-unread", "S1", "hunting-ground", "1"]
    faults, nodes = int(row[4]), int(row[5])
    assert faults <= 5
    assert nodes <= 8
    text = (tmp_path / "tag_unread.toml").read_text(encoding="utf-8")
    repeats = "python -m sim run shrunk/tag-unread --seed 1 --crypto modelled --bug tag-unread"
    assert text.startswith(f"# S1 breaks: {repeats}\n")
    assert parse_scenario(text).only.nodes is not None
    assert CliRunner().invoke(main, [*arguments, "--shard", "2/2"]).output.count("\n") == 1
    assert CliRunner().invoke(main, ["sweep"]).exit_code == 2


def test_a_sweep_of_seeds_that_there_are_not_is_refused() -> None:
    result = CliRunner().invoke(main, ["sweep", "--bugs", "--seeds", "4..1"])
    assert result.exit_code == 2
    assert "'4..1' holds no seed" in result.stderr
