"""The rows of the runs of a sweep: each worker keeps those of its run in a file of their own."""

from pathlib import Path

from sim.recording.observing import Observer, head_of
from sim.recording.rows import RowFile
from sim.recording.trace_file import RecordedTrace
from sim.run.runner import Ran, run_scenario
from sim.sweeps.points import Point
from sim.sweeps.records import Record, record_of, run_name


def rows_folder_of(log: Path) -> Path:
    """Return the folder of the rows of the runs of a log; it stands beside it."""
    return log.with_suffix(".rows")


def rows_file_of(folder: Path, record: Record) -> Path:
    """Return the file of the rows of a run in such a folder, whether it is there or not."""
    return folder / f"{run_name(record)}.mp"


def run_with_rows(folder: Path, commit: str, point: Point) -> Ran:
    """Run a point of a sweep and keep its rows, whole or not at all."""
    place = rows_file_of(folder, record_of(point, commit, verdict="dead"))
    draft = place.with_suffix(".part")
    head = head_of(point.scenario.name, point.options.seed, point.scenario.nodes)
    try:
        with draft.open("wb") as file:
            trace, rows = RecordedTrace(None, head), RowFile(file, head)
            observer = Observer(trace, rows)
            ran = run_scenario(
                point.scenario,
                point.options,
                observer.look,
                command=point.command,
                trace=trace,
                observing=observer.observing,
            )
            rows.end(ran.world)
        draft.replace(place)
    finally:
        draft.unlink(missing_ok=True)
    return ran
