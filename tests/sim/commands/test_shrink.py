"""`shrink` as a user uses it: what it writes runs as it is, also if it was interrupted."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from sim.__main__ import main
from sim.run.runner import run_scenario
from sim.run.world import Options
from sim.schema.scenario import load_scenario
from sim.shrinking.search import broken_id
from tests.sim.packages import install
from tests.sim.three_users import THREE_USERS

pytestmark = pytest.mark.world

BUG = "tag-unread"
INVARIANT = "S1"
READ_BYTES = 4096

INTERRUPTIBLE = """
import runpy, signal

signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("sim", run_name="__main__", alter_sys=True)
"""
"""What a shell started in the background ignores SIGINT, and so would all that it starts."""


def written(folder: Path) -> Path:
    path = folder / "small.toml"
    path.write_text(THREE_USERS)
    return path


def arguments(folder: Path) -> list[str]:
    return [
        *("shrink", str(written(folder)), "--seed", "3", "--bug", BUG),
        *("--crypto", "modelled", "--out", str(folder / "found")),
    ]


def run_test(path: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(path)],
        cwd=path.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_test_that_it_writes_holds_that_the_planted_bug_breaks_the_promise(
    tmp_path: Path,
) -> None:
    # The first few runs leave out nearly all; how small a world becomes is tried elsewhere.
    result = CliRunner().invoke(main, [*arguments(tmp_path), "--runs", "12"])
    assert result.exit_code == 0, result.output
    assert f"{INVARIANT} with 0 faults, 2 nodes and" in result.stdout
    test = tmp_path / "found" / f"test_small_{BUG.replace('-', '_')}_3.py"
    assert run_test(test).returncode == 0
    # It is no test of nothing: with a bug of another invariant it fails.
    test.write_text(test.read_text().replace(f'bug="{BUG}"', 'bug="told-as-delivered"'))
    ran = run_test(test)
    assert ran.returncode == 1
    assert f"== ['{INVARIANT}']" in ran.stdout


def test_the_test_that_it_writes_fails_as_long_as_the_promise_breaks(tmp_path: Path) -> None:
    unkept = tmp_path / "unkept.toml"
    unkept.write_text(f"{THREE_USERS}\n[expect]\nlatency_p50_ms_max = 0.001\n")
    asked = ["shrink", str(unkept), "--seed", "3", "--crypto", "modelled", "--runs", "6"]
    result = CliRunner().invoke(main, [*asked, "--out", str(tmp_path / "found")])
    assert result.exit_code == 0, result.output
    test = tmp_path / "found" / "test_small_e1_3.py"
    ran = run_test(test)
    assert ran.returncode == 1, ran.stderr
    assert "Broken(id='E1'" in ran.stdout
    scenario = test.with_name("small_e1_3.toml")
    scenario.write_text(scenario.read_text().replace("= 0.001", "= 1000.0"))
    assert run_test(test).returncode == 0


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="There are no pseudo-terminals here.")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_leaves_the_smallest_world_so_far(
    tmp_path: Path, how: signal.Signals
) -> None:
    ours, theirs = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *arguments(tmp_path)],
        stderr=theirs,
        stdout=subprocess.DEVNULL,
    ) as process:
        os.close(theirs)
        seen = b""
        while b"run 5, fewer" not in seen:
            seen += os.read(ours, READ_BYTES)
        process.send_signal(how)
    assert process.returncode == 130
    os.close(ours)
    assert b" so far, about 0:0" in seen
    smallest = load_scenario(str(tmp_path / "found" / f"small_{BUG.replace('-', '_')}_3.toml"))
    assert smallest != load_scenario(str(written(tmp_path)))
    options = Options(seed=3, bug=BUG, is_crypto_real=False)
    assert broken_id(run_scenario(smallest, options)) == INVARIANT


def test_a_command_that_is_interrupted_says_so_and_not_that_a_promise_broke() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "lab", "maelstrom"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        body = {"type": "init", "msg_id": 1, "node_id": "n1", "node_ids": ["n1"]}
        process.stdin.write(json.dumps({"src": "c1", "dest": "n1", "body": body}) + "\n")
        process.stdin.flush()
        assert "init_ok" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == "\nInterrupted.\n"


def test_what_breaks_nothing_is_not_shrunk(tmp_path: Path) -> None:
    command = [argument for argument in arguments(tmp_path) if argument not in ("--bug", BUG)]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 3
    assert "nothing to shrink" in result.stderr
    assert not (tmp_path / "found").exists()


ADDED = """
[[installed]]
kind = "workload"
name = "crowd"
between_s = [6, 14]
"""
CROWD = """
def crowd(stage):
    def look():
        if len(stage.people) < 3:
            raise LookupError("There are fewer than three people.")

    stage.at(stage.begins_s, look)
"""


def test_where_a_package_is_not_installed_that_is_said(tmp_path: Path) -> None:
    command = arguments(tmp_path)
    with (tmp_path / "small.toml").open("a", encoding="utf-8") as file:
        file.write(ADDED)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 2, result.output
    assert "No installed package gives a workload 'crowd'" in result.stderr


def test_a_smaller_world_in_which_a_package_fails_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))
    install(site, "crowd", {"meshsim.workloads": {"crowd": "crowd_module:crowd"}}, CROWD)
    command = arguments(tmp_path)
    with (tmp_path / "small.toml").open("a", encoding="utf-8") as file:
        file.write(ADDED)
    result = CliRunner().invoke(main, [*command, "--runs", "12"])
    assert result.exit_code == 0, result.output
    # Without the package two nodes are enough.
    assert f"{INVARIANT} with 0 faults, 3 nodes and" in result.stdout
