"""A run that is kept: what is in its folder, how it is shown, and how it is come back to."""

import json
import re
import subprocess
import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from tempfile import mkdtemp

import msgspec
import pytest
from click.testing import CliRunner

from mesh.errors import UserError
from sim.__main__ import main
from sim.recording.artifacts import (
    METRICS_FILE,
    OBSERVED_FILE,
    TRACE_FILE,
    read_run,
    record_run,
)
from sim.recording.trace_file import NO_CAUSE, Row, read_trace_file
from sim.run.report import Report
from sim.run.runner import run_scenario
from sim.run.world import Options, World
from sim.schema.scenario import parse_scenario
from tests.programs import where_is
from tests.sim.test_only import SMALL

# One process runs them all, since it keeps the runs.
pytestmark = pytest.mark.xdist_group("kept runs")


@lru_cache
def kept(bug: str | None = None) -> tuple[Path, Report]:
    folder = Path(mkdtemp(prefix="mesh-run-"))
    options = Options(seed=3, bug=bug, is_crypto_real=False)
    return folder, record_run(
        parse_scenario(SMALL), options, folder, lambda world: None, command="the <command>"
    )


def call(code: int, *arguments: str) -> str:
    result = CliRunner().invoke(main, list(arguments))
    assert result.exit_code == code, result.output
    return result.output


@pytest.mark.world
def test_keeping_a_run_changes_nothing_in_it() -> None:
    folder, report = kept()
    plain = run_scenario(parse_scenario(SMALL), Options(seed=3, is_crypto_real=False)).report
    assert report.trace_hash == plain.trace_hash
    assert report.events == plain.events
    assert read_run(folder)[0] == report
    assert not (folder / "failure.json").exists()


@pytest.mark.world
def test_a_folder_whose_second_run_was_interrupted_holds_no_run(tmp_path: Path) -> None:
    scenario, options = parse_scenario(SMALL), Options(seed=3, is_crypto_real=False)
    (tmp_path / METRICS_FILE).write_bytes((kept()[0] / METRICS_FILE).read_bytes())
    (tmp_path / OBSERVED_FILE).write_bytes((kept()[0] / OBSERVED_FILE).read_bytes())
    assert read_run(tmp_path)[0] == kept()[1]

    def interrupt(world: World) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record_run(scenario, options, tmp_path, interrupt, command="the command")
    with pytest.raises(UserError, match="is no folder of a run"):
        read_run(tmp_path)


def test_every_record_has_a_cause_that_came_before_and_arrivals_one_elsewhere() -> None:
    head, rows = read_trace_file(kept()[0] / TRACE_FILE)
    by_number: dict[int, Row] = {}
    crossing = 0
    for row in rows:
        assert row.number == len(by_number)
        by_number[row.number] = row
        if row.cause != NO_CAUSE:
            cause = by_number[row.cause]
            assert cause.at_us <= row.at_us
            if row.kind == "BytesReceived":
                assert cause.node == row.peer
                crossing += 1
    assert head.nodes == 6
    assert crossing == sum(row.kind == "BytesReceived" for row in by_number.values()) > 100


def test_what_was_seen_agrees_with_what_was_written() -> None:
    observed = read_run(kept()[0])[1]
    assert observed.envelopes
    for followed in observed.envelopes:
        first, *others = followed.arrivals
        assert first.node == followed.author
        assert first.came_from == -1
        had = {first.node}
        for arrival in others:
            # Who was on a stem and heard nothing more of it spreads it by itself.
            assert arrival.came_from in had | {-1}
            had.add(arrival.node)
    assert any(len(followed.arrivals) == 6 for followed in observed.envelopes)
    assert any(sample.parts is not None for sample in observed.samples)
    assert observed.samples[-1].bytes_by_frame["Push"] > 0
    up = {event.node for event in observed.power if event.is_up}
    assert up == set(range(6))
    assert any(not event.is_up for event in observed.power)
    befell = {"cuts": 0, "crashes": 0}
    for strike in observed.strikes:
        befell[strike.kind] = befell.get(strike.kind, 0) + strike.times
    assert befell["cuts"] == 1
    assert befell == {kind: times for kind, times in kept()[1].faults.items() if times}


def test_the_page_holds_its_data_and_asks_no_network() -> None:
    folder, _ = kept()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "the \\u003ccommand>" in page, "text of a run cannot end the script that holds it"
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", page)
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert data is not None
    assert json.loads(data[1])["report"]["verdict"] == "pass"


def test_a_record_beyond_the_end_is_told_as_not_reached() -> None:
    said = call(1, "replay", str(kept()[0]), "--until", "99999999")
    assert "Record 99999999 was not reached" in said


def test_what_is_kept_says_with_which_libraries_it_ran() -> None:
    meta = json.loads((kept()[0] / "meta.json").read_text(encoding="utf-8"))
    assert meta["libraries"]["pynacl"] == version("pynacl")


@pytest.mark.slow
def test_a_browser_draws_the_page(tmp_path: Path) -> None:
    chromium = where_is("chromium", required_as="chromium")
    done = subprocess.run(
        [
            chromium,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            f"--user-data-dir={tmp_path}",
            "--dump-dom",
            (kept()[0] / "report.html").as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=True,
    )
    for part in ("strikes", "cdf", "coverage", "frames", "lamport", "tree"):
        drawn = re.search(rf'id="{part}"[^>]*>.*?<svg', done.stdout, re.DOTALL)
        assert drawn is not None, part
    assert "Passed: small, seed 3" in done.stdout


def test_a_broken_run_says_how_to_come_back_to_the_record_that_broke_it() -> None:
    folder, report = kept("told-twice")
    assert report.verdict == "fail"
    failure = json.loads((folder / "failure.json").read_text(encoding="utf-8"))
    assert failure["id"] == "S2"
    said = call(0, "replay", str(folder), "--until", str(failure["record"]))
    assert f"at node {failure['node']}" in said
    said = call(1, "replay", str(folder))
    assert said.startswith("S2: ")
    assert "its trace is the same" in said
    junit = call(0, "report", str(folder), "--junit")
    assert 'failures="1"' in junit
    assert "S2: A message is shown" in junit


def test_commands_repeat_show_and_trace_a_run() -> None:
    folder = str(kept()[0])
    assert "its trace is the same" in call(0, "replay", folder)
    assert "verdict    PASS" in call(0, "report", folder, "--text")
    assert call(0, "report", folder, "--baseline", folder).strip().endswith("report.html")
    lines = call(0, "trace", folder, "--node", "2", "--kind", "boot").splitlines()
    assert len(lines) >= 1
    assert all("node 2" in line and "boot" in line for line in lines)
    events = json.loads(call(0, "trace", folder, "--perfetto", "--to", "20"))["traceEvents"]
    assert {event["ph"] for event in events} == {"M", "X", "s", "f"}


@pytest.mark.world
def test_a_folder_that_is_used_again_keeps_nothing_of_the_failure_before(tmp_path: Path) -> None:
    scenario = parse_scenario(SMALL)
    for bug, is_there in (("told-twice", True), (None, False)):
        options = Options(seed=3, bug=bug, is_crypto_real=False)
        record_run(scenario, options, tmp_path, lambda world: None, command="")
        assert (tmp_path / "failure.json").exists() == is_there


def test_who_asks_for_records_that_there_are_not_is_told_which_there_are() -> None:
    said = call(0, "trace", str(kept()[0]), "--kind", "Boot")
    assert said.startswith("No record fits. There are nodes 0 to 5, and kinds: ")
    assert "boot" in said


def test_who_quits_the_debugger_of_a_replay_sees_no_traceback() -> None:
    arguments = ["replay", str(kept()[0]), "--until", "9", "--break"]
    done = subprocess.run(
        [sys.executable, "-m", "sim", *arguments],
        input="p world.loop.now >= 0\nq\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "(Pdb) True" in done.stdout
    assert done.stderr == ""


def test_the_debugger_opens_at_a_hostile_node_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario = parse_scenario(SMALL + '[[hostile]]\nkind = "selective"\nshare = 0.14\n')
    world = msgspec.structs.replace(scenario, nodes=2, faults=())
    options = Options(seed=3, is_crypto_real=False)
    record_run(world, options, tmp_path, lambda world: None, command="")
    _, rows = read_trace_file(tmp_path / TRACE_FILE)
    record = next(row.number for row in rows if row.node == world.nodes)
    opened: list[int] = []

    def open_debugger() -> None:
        opened.append(sys._getframe(1).f_locals["virtual_node"].index)

    monkeypatch.setattr(sys, "breakpointhook", open_debugger)
    call(0, "replay", str(tmp_path), "--until", str(record), "--break")
    assert opened == [world.nodes]


def test_what_is_no_run_is_refused_in_words(tmp_path: Path) -> None:
    for command in ("replay", "report", "trace"):
        assert "Error" in call(2, command, str(tmp_path))
    (tmp_path / TRACE_FILE).write_bytes(b"\x00\x00\x00\x05\x94\x01\xa1x")
    assert "is no trace" in call(2, "trace", str(tmp_path))
