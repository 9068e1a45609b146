"""The record of a run, as a line of a log that only grows.

A log is read again when its sweep is started again: points that are in it are not run twice. The
last line may be cut by a crash; it is passed over, and its point is run again.
"""

import contextlib
import hashlib
import platform
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, TextIO, TypeAlias

import msgspec

from mesh.errors import UserError
from sim.run.report import Broken, Report
from sim.schema.coverage_goals import COVERAGE_GOALS
from sim.schema.settings import Value
from sim.sweeps.points import HASH_BYTES, Point

RunKey: TypeAlias = tuple[str, int, str | None, bool, str, str | None]
"""Of a run: its scenario with its settings, seed, bug, crypto, commit, and the older release."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `report` is missing where the process that ran it died or took too long."""

    scenario: str
    scenario_hash: str
    settings: dict[str, Value]
    seed: int
    bug: str | None
    is_crypto_real: bool
    older: str | None = None
    """The wheel of the other release that ran beside this one."""

    commit: str
    python: str
    lock: str = ""
    """Names the libraries that it ran with; empty where nobody asked its worker."""

    verdict: Literal["pass", "fail", "dead"]
    why_dead: str = ""
    cpu_seconds: float = 0
    report: Report | None = None
    command: str = ""
    """The line that repeats it."""

    @property
    def key(self) -> RunKey:
        """Return what two runs of the same have alike."""
        asked = self.scenario_hash, self.seed, self.bug, self.is_crypto_real
        return (*asked, self.commit, self.older)

    @property
    def broken(self) -> Sequence[Broken]:
        """The invariants that it broke."""
        return [] if self.report is None else self.report.broken


def run_name(record: Record) -> str:
    """Return a name of a run that is one of a file too: a hash of its key."""
    data = msgspec.json.encode(record.key)
    return hashlib.blake2b(data, digest_size=HASH_BYTES, person=b"sim/run").hexdigest()


class RecordLog:
    """A file of records, one a line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.records = read_records([path]) if path.exists() else []
        self._file: TextIO | None = None

    def __enter__(self) -> "RecordLog":
        try:
            self._end_last_line()
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise _unwritten(self.path, error) from None
        return self

    def __exit__(self, *_: object) -> None:
        assert self._file is not None
        # What could not be written was told of when it was added.
        with contextlib.suppress(OSError):
            self._file.close()

    def add(self, record: Record) -> None:
        """Append one; it is there before the next run begins."""
        assert self._file is not None
        try:
            self._file.write(msgspec.json.encode(record).decode() + "\n")
            self._file.flush()
        except OSError as error:
            raise _unwritten(self.path, error) from None
        self.records.append(record)

    def _end_last_line(self) -> None:
        """A crash may have cut the last line; the next record must not become a part of it."""
        if self.path.exists():
            data = self.path.read_bytes()
            if data and not data.endswith(b"\n"):
                with self.path.open("ab") as file:
                    file.write(b"\n")


def write_records(path: Path, records: Iterable[Record]) -> None:
    """A log of these, whole or not at all; UserError if it cannot be written."""
    draft = path.with_name(f"{path.name}.part")
    try:
        draft.write_bytes(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
        draft.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise _unwritten(path, error) from None


def read_records(paths: Iterable[Path]) -> list[Record]:
    """All whole records of these logs, one for each key, the last one where there are several.

    UserError of a file that is no log: a sweep would write its own lines at the end of it.
    """
    found: dict[RunKey, Record] = {}
    for path in paths:
        try:
            lines = path.read_bytes().splitlines()
        except OSError as error:
            raise UserError("bad-file", f"Cannot read {path}: {error.strerror}.") from None
        for line in lines:
            try:
                record = msgspec.json.decode(line, type=Record)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                if line and not line.startswith(b"{"):
                    raise UserError("no-log", f"{path} is no log of a sweep.") from None
                continue
            found[record.key] = record
    return list(found.values())


def _unwritten(path: Path, error: OSError) -> UserError:
    return UserError("bad-file", f"Cannot write {path}: {error.strerror}.")


def sometimes_of(records: Iterable[Record]) -> dict[str, int]:
    """Return how many of these runs have reached each goal."""
    runs = dict.fromkeys(COVERAGE_GOALS, 0)
    for record in records:
        for goal, times in (record.report.sometimes if record.report else {}).items():
            if times and goal in runs:
                runs[goal] += 1
    return runs


def record_of(
    point: Point,
    commit: str,
    *,
    verdict: Literal["pass", "fail", "dead"],
    why_dead: str = "",
    cpu_seconds: float = 0,
    report: Report | None = None,
) -> Record:
    """The record of a point's run."""
    return Record(
        scenario=point.scenario.name,
        scenario_hash=point.scenario_hash,
        settings=point.settings,
        seed=point.options.seed,
        bug=point.options.bug,
        is_crypto_real=point.options.is_crypto_real,
        older=point.options.older,
        commit=commit,
        python=platform.python_version(),
        verdict=verdict,
        why_dead=why_dead,
        cpu_seconds=cpu_seconds,
        report=report,
        command=point.command,
    )
