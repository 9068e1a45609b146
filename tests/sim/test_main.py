"""The command line: exit codes, the command that repeats, and what is missing."""

import re
import shlex
import sys
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner, Result

from sim.__main__ import COMMANDS, main
from sim.commands.watch_relay import COMMANDS as WATCH_COMMANDS
from sim.lab.commands.group import COMMANDS as LAB_COMMANDS
from sim.run.report import Report
from sim.run.runner import Request


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


SHORT = ("--nodes", "4", "--seed", "3", "--duration", "60", "--crypto", "modelled")


def test_a_run_that_passes_exits_with_0_and_its_json_names_the_command() -> None:
    result = invoke("run", "partition-heal", *SHORT, "--json")
    assert result.exit_code == 0, result.output
    report = msgspec.json.decode(result.stdout, type=Report)
    assert report.verdict == "pass"
    assert report.command == f"python -m sim run partition-heal {' '.join(SHORT)}"
    assert report.messages_delivered == report.messages_written > 0
    assert sum(report.latency_counts.values()) == report.messages_delivered


def test_a_broken_promise_exits_with_1_and_says_which_and_how_to_repeat_it() -> None:
    arguments = ("--seed", "1", "--crypto", "modelled", "--bug", "no-anti-entropy")
    result = invoke("run", "shrunk/no-anti-entropy", *arguments)
    assert result.exit_code == 1, result.output
    assert "verdict    FAIL" in result.stdout
    assert "L1: Everything that was written arrives after the mesh has healed." in result.stdout
    assert (
        f"repeat     python -m sim run shrunk/no-anti-entropy {' '.join(arguments)}"
        in result.stdout
    )


@pytest.mark.parametrize(
    "arguments,words",
    [
        (("run", "nothing"), "There is no scenario 'nothing'"),
        (("run", "partition-heal", "--bug", "none"), "There is no bug 'none'"),
        (("run", "partition-heal", "--bug", "no-back-off"), "Did you mean no-backoff?"),
        (("run", "partition-heal", "--duration", "nan"), "A world cannot last nan s"),
        (("run", "partition-heal", "--duration", "inf"), "A world cannot last inf s"),
        (("run", "partition-heal", "--duration", "1e30"), "A world cannot last 1e+30 s"),
        (
            ("run", "partition-heal", "--set", "wire.loss=0,1"),
            "A run takes one value for wire.loss",
        ),
        (("sweep", "partition-heal", "--timeout", "-1"), "--timeout"),
        (("sweep", "partition-heal", "--time", "-5m"), "'-5m' is not a time such as 50m"),
        (("sweep", "partition-heal", "--time", "nan"), "'nan' is not a time such as 50m"),
        (("run", "partition-heal", "--set", "wire.los=1"), "did you mean loss?"),
        (("run", "partition-heal", "--set", "wire.loss=nan"), "wire.loss must be a number"),
        (("run", "partition-heal", "--duration", "1"), "People begin to write at 40 s"),
        (("run", "partition-heal", "--nodes", "1"), "--nodes"),
        (("walk",), "walk"),
    ],
)
def test_a_wrong_command_exits_with_2_and_says_what_exists(
    arguments: tuple[str, ...], words: str
) -> None:
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_scenario_of_ones_own_is_run_from_its_file(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'schema = 1\nname = "mine"\nsummary = "Two people."\nnodes = 2\n'
        "[workload]\nboot_within_s = 1\nbefriend_between_s = [2, 3]\ncontacts = 1\n"
        "write_between_s = [5, 15]\n"
    )
    result = invoke("run", str(mine), "--crypto", "modelled", "--json")
    assert result.exit_code == 0, result.output
    report = msgspec.json.decode(result.stdout, type=Report)
    assert report.scenario == "mine"
    assert report.delivery_ratio > 0.9
    mine.write_text(mine.read_text().replace("contacts = 1", "contact = 1"))
    wrong = invoke("run", str(mine))
    assert wrong.exit_code == 2
    assert "did you mean contacts?" in wrong.stderr


def test_a_run_in_which_nobody_wrote_says_so_beside_its_verdict(tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text(
        'schema = 1\nname = "mine"\nsummary = "Too early."\nnodes = 2\n'
        "[workload]\nwrite_between_s = [1, 2]\n"
    )
    result = invoke("run", str(mine), "--crypto", "modelled")
    assert result.exit_code == 0, result.output
    assert "Nobody wrote" in result.stdout
    late = ("--set", "workload.write_between_s.1=35", "--set", "workload.contacts=1")
    assert "Nobody wrote" not in invoke("run", str(mine), "--crypto", "modelled", *late).stdout


def test_the_list_names_scenarios_and_bugs() -> None:
    result = invoke("list")
    assert result.exit_code == 0
    assert "partition-heal" in result.stdout
    assert "--bug no-anti-entropy" in result.stdout

    listed = msgspec.json.decode(invoke("list", "--json").stdout, type=dict[str, dict[str, str]])
    assert "partition-heal" in listed["scenarios"]
    assert "no-anti-entropy" in listed["bugs"]


def command_of(called: list[str]) -> click.Command:
    """The command of these words; a group is entered by the first of two."""
    command: click.Command = main
    for name in called:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), name)
        assert found is not None, called
        command = found
    return command


@pytest.mark.parametrize(
    "called",
    [
        *([name] for name in COMMANDS),
        *(["lab", name] for name in LAB_COMMANDS),
        *(["watch-relay", name] for name in WATCH_COMMANDS),
    ],
    ids=" ".join,
)
def test_the_examples_of_a_command_are_ones_that_it_takes(
    called: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("run", "before", "captures/lan-8", "captures/control"):
        Path(folder).mkdir(parents=True)
    for log in ("base", "head", "shard-1", "shard-2", "all"):
        Path(f"{log}.jsonl").touch()
    wheel = "mesh_messenger-0.2.0-py3-none-any.whl"
    for file in ("contacts.txt", "messages.txt", "SFHH_tij.dat.xz", wheel):
        Path(file).touch()
    command = command_of(called)
    # Some follow another command in their line.
    shown = re.findall(r"(?m)^ +(?:git .*&& )?python -m sim (.+)", command.epilog or "")
    examples = [shlex.split(line.partition(" > ")[0], comments=True) for line in shown]
    for words in examples:
        depth = 1 + (words[0] == "lab")
        # Raises what a user would be told.
        command_of(words[:depth]).make_context(words[depth - 1], words[depth:])
    assert any(words[: len(called)] == called for words in examples)


def test_help_has_examples() -> None:
    assert "python -m sim run partition-heal --nodes 100 --seed 7" in invoke("--help").stdout


def test_without_the_extra_one_sentence_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "kyber_py", None)
    result = invoke("list")
    assert result.exit_code == 2
    assert result.stderr == (
        "The simulator needs kyber-py: install it with pip install 'mesh-messenger[sim]'.\n"
    )


def test_a_request_repeats_itself_word_for_word() -> None:
    assert (
        Request(name="x", seed=7, nodes=100).command == "python -m sim run x --nodes 100 --seed 7"
    )
    full = Request(name="x", seed=7, duration_s=90.5, bug="b", is_crypto_real=True)
    assert full.command == "python -m sim run x --seed 7 --duration 90.5 --crypto real --bug b"
    long = Request(name="x", seed=7, duration_s=1_849_601.5)
    assert long.command == "python -m sim run x --seed 7 --duration 1849601.5"
