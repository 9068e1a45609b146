"""Runs the points of a sweep that are not in its log yet, and says how it goes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec

from sim.run.runner import Ran, run_scenario
from sim.sweeps.executors import Dead, Executor
from sim.sweeps.origin import Origin, require_origin
from sim.sweeps.points import Point
from sim.sweeps.records import Record, RecordLog, RunKey, record_of


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a sweep. `eta_s` is None until the first run has ended."""

    done_count: int
    total_count: int
    failed_count: int
    dead_count: int
    eta_s: float | None


@dataclass(frozen=True, slots=True)
class StopRules:
    """The condition on which a sweep ends before all of it was run."""

    failures_max: int | None = None
    seconds_max: float | None = None

    def are_met(self, failed_count: int, seconds: float) -> bool:
        """Say whether a sweep ends with so many failures, after so long."""
        return (self.failures_max is not None and failed_count >= self.failures_max) or (
            self.seconds_max is not None and seconds >= self.seconds_max
        )

    def rest(self, before: Sequence[Record], seconds: float) -> "StopRules":
        """Return what is left of these after some runs that took so long."""
        failed = sum(record.verdict == "fail" for record in before)
        return StopRules(
            None if self.failures_max is None else max(0, self.failures_max - failed),
            None if self.seconds_max is None else max(0, self.seconds_max - seconds),
        )


def sweep(
    points: Sequence[Point],
    *,
    log: RecordLog,
    executor: Executor,
    commit: str,
    stop: StopRules,
    progress: Callable[[Progress], None],
    run: Callable[[Point], Record] | None = None,
    is_kept: Callable[[Record], bool] = lambda record: True,
) -> list[Record]:
    """Run what the log lacks; returns the records of all points that were run, now or before.

    `run` is what each worker does with a point; without it whatever code a worker has runs it.
    `is_kept` says of a run in the log whether all of it is there that is wanted; else it runs
    again.
    """
    wanted = {_key_of(point, commit): point for point in points}
    # What died is tried again: it may have been the machine.
    known = recorded(points, log=log, commit=commit)
    found = {record.key: record for record in known if record.verdict != "dead" and is_kept(record)}
    rest = [point for key, point in wanted.items() if key not in found]
    started = time.monotonic()
    now = _progress(found, len(wanted), None)
    progress(now)
    if stop.are_met(now.failed_count, 0):
        rest = []
    outcomes = executor.map_unordered(run or run_point, rest)
    for ran_count, (point, outcome) in enumerate(outcomes, start=1):
        record = _record(point, outcome, commit)
        log.add(record)
        found[record.key] = record
        passed_s = time.monotonic() - started
        eta_s = passed_s / ran_count * (len(rest) - ran_count)
        now = _progress(found, len(wanted), eta_s)
        progress(now)
        if stop.are_met(now.failed_count, passed_s):
            break
    return [found[key] for key in wanted if key in found]


def recorded(points: Sequence[Point], *, log: RecordLog, commit: str) -> list[Record]:
    """Return what a log holds of these points."""
    known = {record.key: record for record in log.records}
    keys = [_key_of(point, commit) for point in points]
    return [known[key] for key in keys if key in known]


def _ran(point: Point) -> Ran:
    return run_scenario(point.scenario, point.options, command=point.command)


def run_point(point: Point, ran_by: Callable[[Point], Ran] = _ran) -> Record:
    """Run one point in this process; the record has no commit yet.

    `ran_by` runs its world, and may keep more of it than its report.
    """
    began = time.process_time()
    ran = ran_by(point)
    return record_of(
        point,
        "",
        verdict=ran.report.verdict,
        cpu_seconds=round(time.process_time() - began, 3),
        report=ran.report,
    )


def run_point_of(origin: Origin, point: Point, ran_by: Callable[[Point], Ran] = _ran) -> Record:
    """Run one point in this process, if it runs what the sweep does; OriginError else."""
    require_origin(origin)
    return msgspec.structs.replace(run_point(point, ran_by), lock=origin.lock)


def _record(point: Point, outcome: Record | Dead, commit: str) -> Record:
    if isinstance(outcome, Dead):
        return record_of(point, commit, verdict="dead", why_dead=outcome.why)
    return msgspec.structs.replace(outcome, commit=commit)


def _key_of(point: Point, commit: str) -> RunKey:
    return record_of(point, commit, verdict="dead").key


def _progress(
    found: dict[RunKey, Record],
    total_count: int,
    eta_s: float | None,
) -> Progress:
    verdicts = [record.verdict for record in found.values()]
    return Progress(
        done_count=len(verdicts),
        total_count=total_count,
        failed_count=verdicts.count("fail"),
        dead_count=verdicts.count("dead"),
        eta_s=eta_s,
    )
