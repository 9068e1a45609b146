"""A run repeats in other processes, and a check that meets a difference says so."""

import os
from pathlib import Path

import msgspec
import pytest

from mesh.errors import UserError
from sim.commands.run import Check
from sim.run.determinism import HASH_SEEDS, Repetition, is_repeated, repeat
from tests.sim.calling import call
from tests.sim.test_only import SMALL

OTHER_PYTHON = os.environ.get("MESH_OTHER_PYTHON", "")
"""Another interpreter with Mesh's libraries, best of another version; `.ci/run` names one."""


@pytest.fixture
def run(tmp_path: Path) -> list[str]:
    """Return what runs a small world."""
    path = tmp_path / "small.toml"
    path.write_text(SMALL)
    return ["run", str(path), "--seed", "3", "--crypto", "modelled"]


def test_a_run_repeats_under_two_hash_seeds(run: list[str]) -> None:
    said = call(0, *run, "--check-determinism", "--json")
    check = msgspec.json.decode(said, type=Check)
    assert check.is_repeated
    assert [each.hash_seed for each in check.runs] == list(HASH_SEEDS)
    assert len({each.trace_hash for each in check.runs}) == 1
    assert check.runs[0].events > 1_000


@pytest.mark.skipif(not OTHER_PYTHON, reason="MESH_OTHER_PYTHON names no second interpreter")
def test_a_run_repeats_under_another_python(run: list[str]) -> None:
    repetitions = repeat(run, [OTHER_PYTHON])
    assert repetitions[-1].python == OTHER_PYTHON
    assert is_repeated(repetitions)


def test_another_trace_is_no_repetition() -> None:
    first = Repetition("python", "1", "aa", 7)
    assert not is_repeated([first, Repetition("python", "2", "ab", 7)])


def test_an_interpreter_that_is_not_there_is_named(run: list[str]) -> None:
    with pytest.raises(UserError, match="/nowhere/python"):
        repeat(run, ["/nowhere/python"])


def test_a_command_without_a_verdict_is_an_error() -> None:
    with pytest.raises(UserError, match="came to no verdict"):
        repeat(["run", "no-such-scenario"])
