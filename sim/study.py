"""Worlds for studies: the door of the simulator for programs and notebooks.

    from sim.study import World

    result = World("conversation", seed=7, settings={"wire.loss": 0.05}).run()
    print(result.verdict, result.run["delivery_prob"], len(result.messages))

A world here is what `meshsim run` runs, and a result has the rows that `meshsim export` writes
(`sim.exporting.columns` says what each column is). `docs/studies.md` tells more.
"""

import platform
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal, get_args

import msgspec

from mesh.errors import UserError
from sim.bugs.bugs import BUGS
from sim.exporting.columns import TABLES, Cell, Cells
from sim.exporting.tables import cells_of, cells_of_run
from sim.recording.keeping import rows_file_of, run_with_rows
from sim.recording.rows import read_rows
from sim.run.report import Report, render
from sim.run.runner import Request, options_of, scenario_of
from sim.schema.scenario import Scenario, scenario_of_tables
from sim.schema.settings import Value, parse_settings, text_of, with_settings
from sim.schema.toml_text import toml_of
from sim.sweeps.origin import origin_here
from sim.sweeps.points import Point
from sim.sweeps.records import record_of, run_name

Row = Mapping[str, Cell]
"""A row of a table: the names of its columns, and what stands there."""

Crypto = Literal["real", "modelled"]

GIVEN_NAME: Final = "scenario.toml"
"""A scenario that was given as tables is run again from a file of this name."""


class Provenance(msgspec.Struct, frozen=True, kw_only=True):
    """All that has to be the same for a run to come out the same, beside its scenario and seed."""

    commit: str
    """Of the tree, with a name of what was changed since; else the installed version."""
    lock: str
    """Names the versions of Python and of all libraries that a run can come to use, and the code
    that packages add."""
    python: str
    crypto: Crypto
    installed: list[str]
    """The additions of packages to the world, their versions, and names of their code."""
    command: str
    """The line that runs it again."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run: its verdict, its figures, and a row for each message, contact and transfer."""

    report: Report = field(repr=False)
    run: Row
    messages: Sequence[Row] = field(repr=False)
    contacts: Sequence[Row] = field(repr=False)
    transfers: Sequence[Row] = field(repr=False)
    provenance: Provenance
    toml: str = field(repr=False)
    """The scenario as it was run: a file that `meshsim run` takes."""

    def __str__(self) -> str:
        """Return what `meshsim run` prints of it."""
        return render(self.report)

    @property
    def verdict(self) -> Literal["pass", "fail"]:
        """Return `pass`, or `fail` where an invariant broke."""
        return self.report.verdict

    @property
    def broken(self) -> list[str]:
        """Return the ids of the invariants that broke."""
        return [one.id for one in self.report.broken]

    @property
    def trace_hash(self) -> str:
        """Return the hash of all that happened: two runs with the same one did the same."""
        return self.report.trace_hash


class World:
    """One scenario with one seed. It may be run more than once, and does the same each time."""

    def __init__(
        self,
        scenario: str | Path | Mapping[str, object],
        *,
        seed: int = 1,
        nodes: int | None = None,
        duration_s: float | None = None,
        settings: Mapping[str, Value] | None = None,
        crypto: Crypto | None = None,
        bug: str | None = None,
    ) -> None:
        """Take a scenario by its name, from a TOML file, or as the tables of one.

        `settings` are dotted paths and their values, as `--set` has them. UserError says in a
        sentence what cannot be.
        """
        _require_scenario(scenario)
        _require_plain(seed, duration_s, settings, crypto)
        if bug is not None and bug not in list(BUGS):
            raise UserError("not-found", f"There is no bug {bug!r}: `meshsim list` shows them.")
        self._settings = dict(settings or {})
        if nodes is not None:
            self._settings["nodes"] = nodes
        given = None if isinstance(scenario, str | Path) else scenario_of_tables(dict(scenario))
        asked = Request(
            name=str(scenario) if given is None else GIVEN_NAME,
            seed=seed,
            duration_s=duration_s,
            bug=bug,
            is_crypto_real=None if crypto is None else crypto == "real",
        )
        self.scenario: Scenario = with_settings(scenario_of(asked, given), self._settings)
        """The scenario that will run: all that was replaced is in it."""

        self._options = options_of(asked, self.scenario)
        # What was given as tables is written out with all that was replaced in it.
        again = replace(asked, duration_s=None)
        if given is None:
            settled = tuple(_as_said(path, value) for path, value in self._settings.items())
            again = replace(asked, settings=settled)
        self._command = again.command

    def run(self) -> Result:
        """Run it to its verdict; a broken invariant is a result, and no exception.

        UserError where what a package adds cannot be had, or fails.
        """
        origin = origin_here()
        point = Point(
            scenario=self.scenario,
            settings=self._settings,
            options=self._options,
            command=self._command,
        )
        tables: dict[str, list[Row]] = {name: [] for name in TABLES}
        with tempfile.TemporaryDirectory() as place:
            report = run_with_rows(Path(place), origin.commit, point).report
            record = record_of(
                point,
                origin.commit,
                verdict=report.verdict,
                cpu_seconds=round(report.cpu_seconds, 3),
                report=report,
            )
            tables["runs"].append(_row("runs", cells_of_run(record)))
            for row in read_rows(rows_file_of(Path(place), record)):
                name, cells = cells_of(run_name(record), row)
                tables[name].append(_row(name, cells))
        return Result(
            report=report,
            run=tables["runs"][0],
            messages=tables["messages"],
            contacts=tables["contacts"],
            transfers=tables["transfers"],
            provenance=Provenance(
                commit=origin.commit,
                lock=origin.lock,
                python=platform.python_version(),
                crypto="real" if self._options.is_crypto_real else "modelled",
                installed=report.installed,
                command=self._command,
            ),
            toml=toml_of(self.scenario),
        )


def _require_scenario(scenario: object) -> None:
    """Raise UserError where that is no scenario at all, such as a seed in its place."""
    if not isinstance(scenario, str | Path | Mapping):
        raise UserError(
            "bad-scenario",
            f"A scenario is a name, a file or the tables of one, and not {scenario!r}.",
        )
    for name in scenario if isinstance(scenario, Mapping) else ():
        if not isinstance(name, str):
            raise UserError("bad-scenario", f"A table has a name in words, and not {name!r}.")


def _require_plain(seed: object, duration_s: object, settings: object, crypto: object) -> None:
    """Raise UserError where a notebook, whose types nobody checks, gave what a world cannot have.

    Else it would run as something that was not meant, or fail long after it was said.
    """
    if not isinstance(seed, int) or isinstance(seed, bool) or seed < 0:
        raise UserError("bad-seed", f"A seed is a whole number, 0 or more, and not {seed!r}.")
    if duration_s is not None and (
        not isinstance(duration_s, int | float) or isinstance(duration_s, bool)
    ):
        raise UserError("bad-duration", f"A duration is a number of seconds, not {duration_s!r}.")
    if crypto is not None and crypto not in get_args(Crypto):
        known = " or ".join(map(repr, get_args(Crypto)))
        raise UserError("bad-crypto", f"The crypto of a world is {known}, and not {crypto!r}.")
    if settings is None:
        return
    if not isinstance(settings, Mapping):
        raise UserError("bad-setting", f"Settings are paths with their values, not {settings!r}.")
    for path, value in settings.items():
        if not isinstance(path, str):
            raise UserError("bad-setting", f"A setting is a path such as wire.loss, not {path!r}.")
        if not isinstance(value, Value):
            said = f"The setting {path} is a number, a word or a truth, and not {value!r}."
            raise UserError("bad-setting", said)


def _as_said(path: str, value: Value) -> str:
    """Return a setting as a command line has it; UserError where that would read another value."""
    text = f"{path}={text_of(value)}"
    try:
        read = parse_settings([text])
    except UserError:
        read = {}
    if read != {path: [value]} or not isinstance(value, type(read[path][0])):
        raise UserError(
            "bad-setting",
            f"A command line cannot say {path} = {value!r}: give the scenario as tables.",
        )
    return text


def _row(table: str, cells: Cells) -> Row:
    return {column.name: cell for column, cell in zip(TABLES[table], cells, strict=True)}
