"""A world that begins with meetings is kept, come back to, shown, and made small like others."""

import json
from pathlib import Path

import msgspec
import pytest

from sim.recording.artifacts import read_run
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import load_scenario
from tests.sim.calling import call
from tests.sim.users.test_prior_contacts import WARM

pytestmark = pytest.mark.world

CUT = """
[[faults]]
kind = "halves"
at_s = 8
for_s = 6
by = "node"
"""

HOW = ("--seed", "1", "--crypto", "modelled", "--quiet")


def warm(folder: Path) -> str:
    path = folder / "warm.toml"
    path.write_text(
        WARM.replace("nodes = 6", "nodes = 4").replace("settle_s = 120", "settle_s = 40") + CUT
    )
    return str(path)


def test_it_is_come_back_to_and_meetings_are_its_first_records(tmp_path: Path) -> None:
    kept = str(tmp_path / "run")
    call(0, "run", warm(tmp_path), *HOW, "--out", kept)
    assert msgspec.json.decode(call(0, "replay", kept, "--json"))["is_same"] is True
    first = msgspec.json.decode(call(0, "replay", kept, "--until", "0", "--json"))
    assert first["kind"] == "met"
    assert first["peer"] != first["node"]
    assert " met " in call(0, "trace", kept, "--kind", "met").splitlines()[0]
    report, observed = read_run(tmp_path / "run")
    assert report.messages_delivered == report.messages_written > 0
    # Nothing of the meetings spreads: what is followed was written in the world.
    assert len(observed.envelopes) == report.messages_written


def test_where_two_could_not_become_contacts_the_command_that_comes_back_is_one(
    tmp_path: Path,
) -> None:
    kept = tmp_path / "run"
    call(1, "run", warm(tmp_path), *HOW, "--bug", "tag-unread", "--out", str(kept))
    failure = json.loads((kept / "failure.json").read_text())
    assert "met and could not become contacts" in failure["detail"]
    command = failure["replay"].removeprefix("python -m sim ").split()
    said = call(1, *command)
    assert "met and could not become contacts" in said
    assert "its trace is the same" in said
    assert "could not become contacts" in (kept / "report.html").read_text(encoding="utf-8")


def test_it_is_made_small_and_its_people_have_met_all_the_same(tmp_path: Path) -> None:
    bug, out = ("--bug", "told-as-delivered"), tmp_path / "small"
    found = msgspec.json.decode(
        call(0, "shrink", warm(tmp_path), *HOW, *bug, "--runs", "4", "--out", str(out), "--json")
    )
    assert found["promise"] == "L9"
    smallest = load_scenario(found["files"][0])
    assert smallest.workload.met_before_share == 1
    options = Options(seed=1, bug="told-as-delivered", is_crypto_real=False)
    ran = run_scenario(smallest, options)
    assert [one.id for one in ran.report.broken] == ["L9"]
    assert ran.world.users.met_before
