"""A folder of what is kept of one run: enough to show it, to repeat it and to shrink it.

| file | what |
| --- | --- |
| `scenario.toml` | the scenario as it was run, with all that was replaced in it |
| `faults.toml` | the same, with what was drawn to befall named one by one |
| `meta.json` | seed, commit, versions of Python and of libraries, trace hash, processor's time |
| `metrics.json` | the report |
| `observed.json` | what was seen of the world while it ran |
| `events.mp` | the trace, a record at a time |
| `rows.mp` | its messages, contacts and transfers, for `export` |
| `failure.json` | which invariant broke, where and when, and how to repeat it; only if one did |
| `report.html` | all of it to look at; works from disk, without a network |
"""

import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Final

import msgspec

from mesh.errors import UserError
from sim.recording.observing import Observed, Observer, head_of
from sim.recording.page import page_of
from sim.recording.rows import ROWS_FILE, RowFile
from sim.recording.trace_file import RecordedTrace
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options, World
from sim.schema.scenario import Scenario, parse_scenario
from sim.schema.toml_text import toml_of
from sim.sweeps.origin import commit_of_tree

TRACE_FILE: Final = "events.mp"
METRICS_FILE: Final = "metrics.json"
OBSERVED_FILE: Final = "observed.json"
PAGE_FILE: Final = "report.html"
FAILURE_FILE: Final = "failure.json"


LIBRARIES: Final = ("cryptography", "kyber-py", "msgspec", "pynacl", "sqlcipher3")


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """The command that repeats a run, and what it cost here."""

    seed: int
    bug: str | None
    is_crypto_real: bool
    older: str | None = None
    commit: str
    python: str
    system: str
    trace_hash: str
    records: int
    cpu_seconds: float
    command: str
    libraries: dict[str, str] = {}
    """Of which version those are that what happens may depend on."""


class Failure(msgspec.Struct, frozen=True, kw_only=True):
    """A broken invariant and how to come back to it."""

    id: str
    promise: str
    detail: str
    virtual_seconds: float
    node: int | None
    record: int
    command: str
    replay: str


def record_run(
    scenario: Scenario,
    options: Options,
    folder: Path,
    progress: Callable[[World], None],
    *,
    command: str,
) -> Report:
    """Run a scenario and keep all of it in a folder; UserError if that cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # What an earlier run left here would be taken for this one's.
        for name in (FAILURE_FILE, METRICS_FILE):
            (folder / name).unlink(missing_ok=True)
        return _record(scenario, options, folder, progress, command=command)
    except OSError as error:
        # Also in the middle of the run, when the disk is full.
        raise UserError("bad-file", f"Cannot write into {folder}: {error.strerror}.") from None


def _record(
    scenario: Scenario,
    options: Options,
    folder: Path,
    progress: Callable[[World], None],
    *,
    command: str,
) -> Report:
    began = time.process_time()
    head = head_of(scenario.name, options.seed, scenario.nodes)
    with (folder / TRACE_FILE).open("wb") as file, (folder / ROWS_FILE).open("wb") as beside:
        trace, rows = RecordedTrace(file, head), RowFile(beside, head)
        observer = Observer(trace, rows)

        def look(world: World) -> None:
            observer.look(world)
            progress(world)

        ran = run_scenario(
            scenario, options, look, command=command, trace=trace, observing=observer.observing
        )
        rows.end(ran.world)
    meta = Meta(
        seed=options.seed,
        bug=options.bug,
        is_crypto_real=options.is_crypto_real,
        older=options.older,
        commit=commit_of_tree(),
        python=platform.python_version(),
        system=platform.platform(),
        trace_hash=ran.report.trace_hash,
        records=trace.records_count,
        cpu_seconds=round(time.process_time() - began, 3),
        command=command,
        libraries={name: version(name) for name in LIBRARIES},
    )
    observed = observer.observed(ran.world)
    strikes = tuple(ran.world.strikes)
    only = msgspec.structs.replace(scenario.only, strikes=strikes)
    drawn = msgspec.structs.replace(scenario, only=only)
    texts = {
        "scenario.toml": toml_of(scenario),
        "faults.toml": toml_of(drawn),
        "meta.json": _json(meta),
        METRICS_FILE: _json(ran.report),
        OBSERVED_FILE: msgspec.json.encode(observed).decode(),
        PAGE_FILE: page_of(ran.report, observed),
    }
    for broken in ran.report.broken:
        texts[FAILURE_FILE] = _json(
            Failure(
                id=broken.id,
                promise=broken.promise,
                detail=broken.detail,
                virtual_seconds=broken.virtual_seconds,
                node=broken.node,
                record=trace.records_count - 1,
                command=command,
                replay=_replay_of(folder, trace.records_count - 1),
            )
        )
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return ran.report


def read_run(folder: Path) -> tuple[Report, Observed]:
    """Return what a folder of a run holds; UserError if it is none."""
    try:
        report = msgspec.json.decode((folder / METRICS_FILE).read_bytes(), type=Report)
        observed = msgspec.json.decode((folder / OBSERVED_FILE).read_bytes(), type=Observed)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UserError("bad-run", f"{folder} is no folder of a run: see run --out.") from None
    return report, observed


def read_world(folder: Path) -> tuple[Scenario, Meta]:
    """The scenario and seed of a run that was kept; UserError if there are none."""
    try:
        scenario = parse_scenario((folder / "scenario.toml").read_text(encoding="utf-8"))
        meta = msgspec.json.decode((folder / "meta.json").read_bytes(), type=Meta)
    except (OSError, msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UserError("bad-run", f"{folder} is no folder of a run: see run --out.") from None
    return scenario, meta


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value)).decode() + "\n"


def _replay_of(folder: Path, record: int) -> str:
    """The line that comes back to a record; where a meeting failed there is none yet."""
    command = f"python -m sim replay {folder}"
    return command if record < 0 else f"{command} --until {record} --break"
