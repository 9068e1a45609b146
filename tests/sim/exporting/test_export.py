"""Runs as tables: what stands in them is what was counted, and each column is told of."""

import csv
import importlib.util
import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner
from msgspec.structs import replace

from mesh.errors import UserError
from sim.__main__ import main
from sim.exporting.columns import TABLES
from sim.exporting.sources import sources_of
from sim.exporting.tables import cells_of, cells_of_run
from sim.exporting.writing import BATCH_ROWS, CsvTable, ParquetTable, opened_tables
from sim.recording.keeping import rows_file_of, rows_folder_of, run_with_rows
from sim.recording.rows import ContactRow, MessageRow, RowFile, TransferRow, read_rows
from sim.recording.trace_file import Head
from sim.schema.scenario import parse_scenario
from sim.sweeps.points import points_of
from sim.sweeps.records import run_name, write_records
from sim.sweeps.sweeping import run_point
from tests.sim.calling import call
from tests.sim.sweeps.records import record
from tests.sim.three_users import THREE_USERS

DICTIONARY = Path(__file__).parents[3] / "docs" / "export.md"
MESSAGE = MessageRow(
    number=3,
    created_us=1_500_000,
    size=9,
    from_host=0,
    to_host=1,
    confirmed_us=1_500_000,
    delivered_us=4_000_000,
    expired_us=None,
    phase="calm, and so on",
    state="read",
    is_probe=False,
    is_withdrawn=False,
    is_read=True,
)
UNREADABLE = Path("/proc/self/mem")
"""It can be opened, and its first byte cannot be read."""

TRANSFER = TransferRow(2_000_000, "ab", 1_024, -1, 1, True)


def rows_of(folder: Path, table: str) -> list[dict[str, str]]:
    with (folder / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_dictionary_has_the_columns_that_are_written() -> None:
    sections = DICTIONARY.read_text(encoding="utf-8").split("\n## ")[1:]
    told = {
        section.partition("\n")[0].strip("`"): re.findall(
            r"^\| `(\w+)` \| (\w+) \| (.*?) \| (.*?) ?\|$", section, re.MULTILINE
        )
        for section in sections
    }
    assert told == {
        name: [(one.name, one.kind, one.meaning, one.like) for one in columns]
        for name, columns in TABLES.items()
    }


def test_rows_have_as_many_cells_as_their_table_has_columns() -> None:
    for row in (MESSAGE, TRANSFER, ContactRow(0, 1, 5, None)):
        name, cells = cells_of("run", row)
        assert len(cells) == len(TABLES[name])
    for one in (record(1), record(2, verdict="dead"), record(3, verdict="fail")):
        assert len(cells_of_run(one)) == len(TABLES["runs"])


@pytest.mark.world
def test_a_sweep_is_written_as_it_was_counted(tmp_path: Path) -> None:
    log, tables = tmp_path / "all.jsonl", tmp_path / "tables"
    kept = rows_folder_of(log)
    kept.mkdir()
    [point] = points_of(parse_scenario(THREE_USERS), {}, [1], is_crypto_real=False)
    ran = replace(run_point(point, partial(run_with_rows, kept, "abc")), commit="abc")
    write_records(log, [ran])
    assert ran.report is not None
    said = msgspec.json.decode(
        call(0, "export", str(log), "--csv", str(tables), "--json"), type=dict[str, int]
    )
    [run] = rows_of(tables, "runs")
    assert (run["run"], run["verdict"], run["seed"]) == (run_name(ran), "pass", "1")
    messages = rows_of(tables, "messages")
    assert len(messages) == said["messages"] == ran.report.messages_written == int(run["created"])
    came = [one for one in messages if one["delivered"]]
    assert len(came) == ran.report.messages_delivered > 0
    assert all(
        float(one["delivery_time"])
        == pytest.approx(float(one["delivered"]) - float(one["created"]))
        for one in came
    )
    transfers = rows_of(tables, "transfers")
    counters = ran.report.counters
    assert len(transfers) == said["transfers"] == counters["bodies_received"]
    known = sum(one["is_first"] == "false" for one in transfers)
    assert known == counters["bodies_duplicate"]
    assert {one["from_host"] for one in transfers} <= {"0", "1", "2"}
    contacts = rows_of(tables, "contacts")
    assert len(contacts) == said["contacts"] > 0
    assert all(one["host_1"] < one["host_2"] for one in contacts)
    # Without them the log has its runs alone, and that is said.
    [file] = kept.iterdir()
    file.unlink()
    result = CliRunner().invoke(main, ["export", str(log), "--csv", str(tables)])
    assert result.stderr == "Of 1 runs nobody kept the rows: sweep with --rows.\n"
    assert rows_of(tables, "messages") == []


def test_a_file_of_rows_gives_back_what_was_put_into_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.mp"
    with path.open("wb") as file:
        rows = RowFile(file, Head(1, "small", 1, 2))
        rows.put(MESSAGE)
        rows.links({(0, 1): None}, 1_000_000)
        rows.links({(0, 1): None}, 2_000_000)
        rows.put(TRANSFER)
        rows.links({}, 3_000_000)
    contact = ContactRow(0, 1, 1_000_000, 3_000_000)
    assert list(read_rows(path)) == [MESSAGE, TRANSFER, contact]
    path.write_bytes(b"\x00\x00\x00\x01\x01")
    with pytest.raises(UserError, match="is no file of a run's rows"):
        read_rows(path)


def test_of_several_sources_of_a_run_the_one_that_says_more_is_written(tmp_path: Path) -> None:
    one, died = record(1), record(1, verdict="dead")
    dead, plain, whole = (tmp_path / f"{name}.jsonl" for name in ("dead", "plain", "whole"))
    for log, ran in ((dead, died), (plain, one), (whole, one)):
        write_records(log, [ran])
    kept = rows_folder_of(whole)
    kept.mkdir()
    for paths in ((dead, plain, whole), (whole, plain, dead)):
        with rows_file_of(kept, one).open("wb") as file:
            RowFile(file, Head(1, "small", 1, 2))
        [found] = sources_of(paths)
        assert (found.record, found.rows) == (one, rows_file_of(kept, one))
        # A run that passed says more than one that died, with rows or without.
        rows_file_of(kept, one).unlink()
        [found] = sources_of(paths)
        assert (found.record, found.rows) == (one, None)


def test_beside_another_release_it_is_another_run() -> None:
    one = record(1)
    assert len({run_name(replace(one, older=older)) for older in (None, "a.whl", "b.whl")}) == 3


@pytest.mark.skipif(not UNREADABLE.exists(), reason="Only Linux has such a file.")
def test_rows_that_cannot_be_read_are_not_told_as_tables_that_cannot_be_written(
    tmp_path: Path,
) -> None:
    with (
        pytest.raises(UserError, match=f"Cannot read {UNREADABLE}"),
        opened_tables(tmp_path, CsvTable, CsvTable.ending),
    ):
        list(read_rows(UNREADABLE))


def test_tables_are_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def half() -> Iterator[None]:
        with opened_tables(tmp_path, CsvTable, CsvTable.ending) as tables:
            tables["contacts"].add(["run", 0, 1, 1.0, None, None])
            yield
            raise UserError("bad-file", "It ended here.")

    with pytest.raises(UserError, match="It ended here"):
        list(half())
    assert list(tmp_path.iterdir()) == []
    with opened_tables(tmp_path, CsvTable, CsvTable.ending) as tables:
        tables["messages"].add(cells_of("run", MESSAGE)[1])
    [message] = rows_of(tmp_path, "messages")
    assert (message["phase"], message["expired"], message["is_read"]) == (MESSAGE.phase, "", "true")
    assert len(list(tmp_path.iterdir())) == len(TABLES)


def test_who_lacks_pyarrow_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "all.jsonl"
    log.write_bytes(msgspec.json.encode(record(1)) + b"\n")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    asked = ["export", str(log)]
    result = CliRunner().invoke(main, [*asked, "--parquet", str(tmp_path / "tables")])
    assert result.exit_code == 2
    assert "--parquet needs pyarrow: pip install 'mesh-messenger[study]'." in result.stderr
    assert not (tmp_path / "tables").exists()
    assert "Say --csv FOLDER" in CliRunner().invoke(main, asked).stderr


@pytest.mark.skipif(
    importlib.util.find_spec("pyarrow") is None, reason="The extra `study` is not installed."
)
def test_parquet_has_the_same_rows_in_groups(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    with opened_tables(tmp_path, ParquetTable, ParquetTable.ending) as tables:
        for _ in range(BATCH_ROWS + 1):
            tables["transfers"].add(cells_of("run", TRANSFER)[1])
    file = pq.ParquetFile(tmp_path / "transfers.parquet")
    assert file.num_row_groups == 2
    names = [one.name for one in TABLES["transfers"]]
    last = file.read().to_pylist()[-1]
    assert last == dict(zip(names, cells_of("run", TRANSFER)[1], strict=True))
    assert pq.ParquetFile(tmp_path / "messages.parquet").read().num_rows == 0
