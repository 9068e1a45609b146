"""The runs that an export is made of: folders that `run --out` kept, and logs of sweeps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sim.recording.artifacts import read_run, read_world
from sim.recording.keeping import rows_folder_of
from sim.recording.rows import ROWS_FILE
from sim.run.world import Options
from sim.sweeps.points import Point
from sim.sweeps.records import Record, read_records, record_of, run_name


@dataclass(frozen=True, slots=True)
class Source:
    """A run. Without `rows` nobody kept its messages, contacts and transfers."""

    record: Record
    rows: Path | None


def sources_of(paths: Iterable[Path]) -> Iterator[Source]:
    """Return each run once; UserError of what is neither a folder of a run nor a log."""
    seen: dict[str, None] = {}
    for path in paths:
        for source in [_kept(path)] if path.is_dir() else _swept(path):
            name = run_name(source.record)
            if name not in seen:
                seen[name] = None
                yield source


def _kept(folder: Path) -> Source:
    report, _ = read_run(folder)
    scenario, meta = read_world(folder)
    options = Options(
        seed=meta.seed, bug=meta.bug, is_crypto_real=meta.is_crypto_real, older=meta.older
    )
    record = record_of(
        Point(scenario=scenario, settings={}, options=options),
        meta.commit,
        verdict=report.verdict,
        cpu_seconds=meta.cpu_seconds,
        report=report,
    )
    return Source(record, _there(folder / ROWS_FILE))


def _swept(log: Path) -> Iterator[Source]:
    folder = rows_folder_of(log)
    for record in read_records([log]):
        yield Source(record, _there(folder / f"{run_name(record)}.mp"))


def _there(path: Path) -> Path | None:
    return path if path.is_file() else None
