"""The door for studies: it runs what the command runs, and its rows are those of an export."""

import csv
import re
import tomllib
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from mesh.errors import UserError
from sim.exporting.columns import TABLES
from sim.run.report import Report
from sim.study import Row, World
from tests.sim.calling import call
from tests.sim.three_users import THREE_USERS

TABLES_OF_IT = {
    "schema": 1,
    "name": "pair",
    "summary": "Two people write to each other.",
    "nodes": 2,
    "topology": {"network_nodes": 2},
    "workload": {
        "boot_within_s": 1,
        "befriend_between_s": [2, 3],
        "contacts": 1,
        "write_between_s": [5, 10],
        "messages_per_second": 2,
    },
}


def as_written(rows: Sequence[Row]) -> list[dict[str, str]]:
    """Return rows as CSV has them."""
    words = {True: "true", False: "false", None: ""}
    return [
        {
            name: words[cell] if isinstance(cell, bool) or cell is None else str(cell)
            for name, cell in row.items()
        }
        for row in rows
    ]


@pytest.mark.world
def test_a_world_is_what_the_command_runs_and_its_rows_are_what_export_writes(
    tmp_path: Path,
) -> None:
    path, kept, tables = tmp_path / "small.toml", tmp_path / "kept", tmp_path / "tables"
    path.write_text(THREE_USERS, encoding="utf-8")
    world = World(path, seed=5, duration_s=12, settings={"wire.loss": 0.1}, crypto="modelled")
    result = world.run()
    assert result.provenance.command == (
        f"python -m sim run {path} --seed 5 --duration 12 --set wire.loss=0.1 --crypto modelled"
    )
    call(0, *result.provenance.command.split()[3:], "--out", str(kept), "--quiet")
    call(0, "export", str(kept), "--csv", str(tables))
    by_command = msgspec.json.decode((kept / "metrics.json").read_bytes(), type=Report)
    assert by_command.trace_hash == result.trace_hash
    assert (result.verdict, result.broken) == ("pass", [])
    for name, rows in (
        ("messages", result.messages),
        ("contacts", result.contacts),
        ("transfers", result.transfers),
    ):
        with (tables / f"{name}.csv").open(encoding="utf-8", newline="") as file:
            written = list(csv.DictReader(file))
        assert len(rows) > 0
        for row in written:
            # Here the settings have names of their own, there they are a part of the scenario.
            row["run"] = str(result.run["run"])
        assert as_written(rows) == written
    assert list(result.run) == [column.name for column in TABLES["runs"]]
    assert result.run["settings"] == '{"wire.loss":0.1}'
    assert {row["run"] for row in result.messages} == {result.run["run"]}
    # It does the same again, and another seed does something else.
    assert world.run().trace_hash == result.trace_hash
    other = World(path, seed=6, duration_s=12, settings={"wire.loss": 0.1}, crypto="modelled")
    assert other.run().trace_hash != result.trace_hash


@pytest.mark.world
def test_a_scenario_of_plain_values_is_repeated_from_the_file_that_it_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = World(TABLES_OF_IT, seed=2, nodes=3, duration_s=8).run()
    assert result.run["crypto"] == result.provenance.crypto == "real"
    assert result.report.nodes == 3
    monkeypatch.chdir(tmp_path)
    Path("scenario.toml").write_text(result.toml, encoding="utf-8")
    told = call(0, *result.provenance.command.split()[3:], "--json")
    assert msgspec.json.decode(told, type=Report).trace_hash == result.trace_hash


@pytest.mark.world
def test_a_broken_invariant_is_a_result(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text(THREE_USERS, encoding="utf-8")
    result = World(path, seed=1, crypto="modelled", bug="told-twice").run()
    assert (result.verdict, result.broken) == ("fail", ["S2"])
    assert (result.run["verdict"], result.run["broken"]) == ("fail", "S2")
    assert "S2" in str(result)


def test_what_cannot_be_is_said_before_anything_runs() -> None:
    with pytest.raises(UserError, match="Did you mean everyday"):
        World("everday")
    with pytest.raises(UserError, match="there is no key 'lose'"):
        World({**TABLES_OF_IT, "wire": {"lose": 1}})
    with pytest.raises(UserError, match="does not take nodes = 1: nodes must be 2 at least"):
        World(TABLES_OF_IT, nodes=1)
    with pytest.raises(UserError, match="there is no 'los'"):
        World(TABLES_OF_IT, settings={"wire.los": 0.1})
    with pytest.raises(UserError, match="A seed is a whole number, 0 or more, and not -1"):
        World("everyday", seed=-1)
    with pytest.raises(UserError, match="There is no bug 'told-thrice'"):
        World("everyday", bug="told-thrice")
    with pytest.raises(UserError, match="There is no bug 3"):
        World("everyday", bug=3)  # type: ignore[arg-type]  # as a notebook can give it


@pytest.mark.parametrize(
    "scenario, words",
    [
        (7, "a name, a file or the tables of one, and not 7"),
        (None, "and not None"),
        (["everyday"], "and not ['everyday']"),
        ({7: {}}, "a name in words, and not 7"),
    ],
)
def test_what_is_no_scenario_is_said(scenario: object, words: str) -> None:
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        World(scenario)  # type: ignore[arg-type]  # as a notebook can give it
    assert caught.value.kind == "bad-scenario"


@pytest.mark.parametrize(
    "given, kind, words",
    [
        ({"seed": "7"}, "bad-seed", "0 or more, and not '7'"),
        ({"seed": 1.5}, "bad-seed", "0 or more, and not 1.5"),
        ({"seed": True}, "bad-seed", "0 or more, and not True"),
        ({"duration_s": "60"}, "bad-duration", "a number of seconds, not '60'"),
        ({"duration_s": True}, "bad-duration", "a number of seconds, not True"),
        ({"crypto": "modeled"}, "bad-crypto", "is 'real' or 'modelled', and not 'modeled'"),
        ({"settings": {1: 2}}, "bad-setting", "a path such as wire.loss, not 1"),
        ({"settings": {"wire.loss": [0, 0.1]}}, "bad-setting", "a truth, and not [0, 0.1]"),
        ({"settings": "wire.loss=0"}, "bad-setting", "values, not 'wire.loss=0'"),
    ],
)
def test_what_is_of_another_type_is_said_before_anything_runs(
    given: dict[str, object], kind: str, words: str
) -> None:
    with pytest.raises(UserError, match=re.escape(words)) as caught:
        World("everyday", **given)  # type: ignore[arg-type]  # as a notebook can give it
    assert caught.value.kind == kind


@pytest.mark.parametrize("word", ["7", "1.5", "true", "a,b", " a", ""])
def test_a_word_that_a_command_line_would_read_otherwise_is_refused_but_in_tables(
    word: str, tmp_path: Path
) -> None:
    path = tmp_path / "small.toml"
    path.write_text(THREE_USERS, encoding="utf-8")
    assert World(path, settings={"summary": "a = b"}).scenario.summary == "a = b"
    with pytest.raises(UserError, match=r"cannot say summary = .* as tables") as told:
        World(path, settings={"summary": word})
    assert told.value.kind == "bad-setting"
    tables = tomllib.loads(THREE_USERS)
    assert World(tables, settings={"summary": word}).scenario.summary == word
