"""Commands print for machines what they print for users, and with the same exit code.

`run`, `list`, `flood` and `compare` are held to theirs where the rest of them is tested.
"""

from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from sim.commands.mutant_search import MutantSearch, Row
from sim.lab.commands.route import Carried
from sim.lab.commands.survive import Moment
from sim.lab.maelstrom.workload import Scores
from sim.lab.models.holders import Reached
from sim.sweeps import figures
from sim.sweeps.figures import interval
from sim.sweeps.records import read_records
from sim.sweeps.summing_up import Summary
from tests.sim.calling import call
from tests.sim.three_users import THREE_USERS

BUG = ("--bug", "told-twice")
CONTACTS = "0 CONN 0 1 up\n50 CONN 0 1 down\n60 CONN 1 2 up\n90 CONN 1 2 down\n"
MESSAGES = "1 C M1 0 1 1000\n2 C M2 0 2 1000\n3 C M3 2 0 1000\n"


def small(folder: Path) -> str:
    path = folder / "small.toml"
    path.write_text(THREE_USERS)
    return str(path)


def test_survive_says_the_figures_of_its_table() -> None:
    asked = ("lab", "survive", "--nodes", "60", "--after", "60", "--failed", "0.8", "--seed", "2")
    moments = msgspec.json.decode(call(0, *asked, "--json"), type=list[Moment])
    assert [one.line for one in moments] == call(0, *asked).splitlines()[1:]
    assert [one.after_s for one in moments[:3]] == [None, 0, 1]
    assert moments[0].reached == 1 > moments[1].reached
    assert moments[1].line.startswith("at once ")


def test_route_says_what_each_router_delivered(tmp_path: Path) -> None:
    contacts, messages = tmp_path / "contacts.txt", tmp_path / "messages.txt"
    contacts.write_text(CONTACTS)
    messages.write_text(MESSAGES)
    asked = ("lab", "route", str(contacts), str(messages))
    rows = msgspec.json.decode(call(0, *asked, "--json"), type=dict[str, Carried])
    # The second message goes on from one to two; nobody meets in the order of the third.
    assert [(name, one.delivered) for name, one in rows.items()] == [
        ("epidemic", 2),
        ("direct", 1),
        ("spray", 2),
    ]
    assert all(one.created == 3 and one.times_real_time > 0 for one in rows.values())
    table = [line.split()[:4] for line in call(0, *asked).splitlines()[1:]]
    assert table == [
        [name, str(one.created), str(one.delivered), str(one.relayed)] for name, one in rows.items()
    ]


def test_maelstrom_says_its_scores() -> None:
    asked = ("lab", "maelstrom", "--check", "--nodes", "5", "--rate", "20", "--fan-out", "4")
    scores = msgspec.json.decode(call(0, *asked, "--json"), type=Scores)
    assert scores.lost == 0
    said = call(0, *asked)
    assert said.startswith(
        f"{scores.operations} operations, {scores.messages_per_operation} messages each, "
        f"median {scores.median_ms:.0f} ms"
    )


def test_holders_says_the_counts_of_each_seed() -> None:
    asked = ("lab", "holders", "--nodes", "500", "--letters", "50", "--seeds", "1,2", "--json")
    rows = msgspec.json.decode(call(0, *asked), type=dict[int, Reached])
    assert list(rows) == [1, 2]
    assert all(one.letters == 50 >= one.held >= one.reached > 0 for one in rows.values())


@pytest.mark.world
def test_a_sweep_computes_figures_once_and_only_for_who_reads_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[str] = []

    def counting(values: Sequence[float], name: str) -> tuple[float, float]:
        drawn.append(name)
        return interval(values, name)

    monkeypatch.setattr(figures, "interval", counting)
    log = str(tmp_path / "log.jsonl")
    asked = ("sweep", small(tmp_path), "--crypto", "modelled", "--jobs", "1", "--seeds", "1")
    call(0, *asked, "--out", log)
    assert drawn == []
    page = str(tmp_path / "page.html")
    summary = msgspec.json.decode(
        call(0, *asked, "--out", log, "--json", "--page", page), type=Summary
    )
    (one,) = summary.figures
    assert drawn == [figure.metric for figure in one.figures]


@pytest.mark.world
def test_a_sweep_says_what_broke_and_what_repeats_it(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    asked = ("sweep", small(tmp_path), "--crypto", "modelled", "--jobs", "1")
    bad = (*asked, *BUG, "--seeds", "3", "--out", str(log))
    summary = msgspec.json.decode(call(1, *bad, "--json"), type=Summary)
    assert (summary.runs, summary.of_runs, summary.failed, summary.dead) == (1, 1, 1, 0)
    assert summary.broken == {"S2": 1}
    records = read_records([log])
    assert [one.command for one in summary.troubled] == [one.command for one in records]
    assert {(one.verdict, one.why) for one in summary.troubled} == {("fail", "S2")}
    assert max(summary.sometimes.values()) == 1
    assert summary.log == str(log)
    # For users it is the same, out of the same log.
    said = call(1, *bad).splitlines()
    assert said[:2] == ["1 of 1 runs: 0 passed, 1 broke a promise, 0 died", "  S2   1"]
    assert said[2:3] == [f"  S2: {one.command}" for one in summary.troubled]

    well = (*asked, "--seeds", "1", "--out", str(tmp_path / "well.jsonl"))
    summary = msgspec.json.decode(call(0, *well, "--json"), type=Summary)
    assert (summary.passed, summary.broken, summary.troubled) == (1, {}, [])

    both = ("merge", str(log), str(tmp_path / "well.jsonl"), "--out", str(tmp_path / "all.jsonl"))
    merged = msgspec.json.decode(call(0, *both, "--json"))
    assert merged["runs"] == 2
    assert max(merged["sometimes"].values()) == 2


@pytest.mark.world
def test_a_hunt_says_a_row_for_each_bug() -> None:
    asked = ("sweep", "--bugs", *BUG, "--runs", "0", "--json")
    [row] = msgspec.json.decode(call(0, *asked), type=list[Row])
    assert (row.bug, row.promise, row.seed, row.is_complete) == ("told-twice", "S2", 1, True)
    assert row.faults is None
    unfound = MutantSearch("told-twice", None, None, 1.5)
    assert (unfound.row.seed, unfound.row.is_complete) == (None, False)
    assert "none" in unfound.line


@pytest.mark.world
def test_shrink_says_how_small_it_became_and_where_it_is(tmp_path: Path) -> None:
    out = str(tmp_path / "found")
    asked = ("shrink", small(tmp_path), "--seed", "3", *BUG, "--runs", "8", "--out", out)
    found = msgspec.json.decode(call(0, *asked, "--crypto", "modelled", "--json"))
    assert found["promise"] == "S2"
    assert found["nodes"] == 2
    assert found["runs"] > 0
    assert all(Path(path).exists() for path in found["files"])
    assert len(found["files"]) == 2


@pytest.mark.world
def test_replay_says_whether_the_trace_is_the_same_and_what_a_record_is(tmp_path: Path) -> None:
    folder = str(tmp_path / "run")
    call(0, "run", small(tmp_path), "--seed", "3", "--crypto", "modelled", "--out", folder)
    said = msgspec.json.decode(call(0, "replay", folder, "--json"))
    assert said["is_same"] is True
    assert said["broken"] is None
    reached = msgspec.json.decode(call(0, "replay", folder, "--until", "100", "--json"))
    assert reached["record"] == 100
    assert f"record 100: {reached['kind']} at node {reached['node']}" in call(
        0, "replay", folder, "--until", "100"
    )
    call(1, "replay", folder, "--until", str(said["records"] + 1), "--json")
