"""The runs that an export is made of: folders that `run --out` kept, and logs of sweeps."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from mesh.errors import UserError
from sim.recording.artifacts import read_run, read_world
from sim.recording.keeping import rows_file_of, rows_folder_of
from sim.recording.rows import ROWS_FILE
from sim.run.world import Options
from sim.sweeps.points import Point
from sim.sweeps.records import Record, read_records, record_of, run_name


@dataclass(frozen=True, slots=True)
class Source:
    """A run. Without `rows` nobody kept its messages, contacts and transfers."""

    record: Record
    rows: Path | None

    @property
    def worth(self) -> tuple[bool, bool]:
        """How much it says of its run: of two sources of one the one that says more is taken."""
        return self.record.verdict != "dead", self.rows is not None


def sources_of(paths: Iterable[Path]) -> list[Source]:
    """Return each run once; UserError of what is neither a folder of a run nor a log."""
    found: dict[str, Source] = {}
    for path in paths:
        for source in [_kept(path)] if path.is_dir() else _swept(path):
            before = found.setdefault(run_name(source.record), source)
            if source.worth > before.worth:
                found[run_name(source.record)] = source
    return list(found.values())


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
        yield Source(record, _there(rows_file_of(folder, record)))


def _there(path: Path) -> Path | None:
    try:
        return path if path.is_file() else None
    except OSError as error:
        raise UserError("bad-file", f"Cannot read {path}: {error.strerror}.") from None
