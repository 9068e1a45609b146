"""A run repeats in other processes, and a check that meets a difference says so."""

import os

import msgspec
import pytest

from mesh.errors import UserError
from sim.commands.run import Check
from sim.determinism import HASH_SEEDS, Repetition, is_repeated, repeat
from tests.sim.calling import call

OTHER_PYTHON = os.environ.get("MESH_OTHER_PYTHON", "")
"""Another interpreter with Mesh's libraries, best of another version; `.ci/run` names one."""

RUN = ["run", "partition-heal", "--nodes", "4", "--seed", "3", "--duration", "60"]


def test_a_run_repeats_under_two_hash_seeds() -> None:
    said = call(0, *RUN, "--crypto", "modelled", "--check-determinism", "--json")
    check = msgspec.json.decode(said, type=Check)
    assert check.is_repeated
    assert [each.hash_seed for each in check.runs] == list(HASH_SEEDS)
    assert len({each.trace_hash for each in check.runs}) == 1
    assert check.runs[0].events > 1_000


@pytest.mark.skipif(not OTHER_PYTHON, reason="MESH_OTHER_PYTHON names no second interpreter")
def test_a_run_repeats_under_another_python() -> None:
    repetitions = repeat([*RUN, "--crypto", "modelled"], [OTHER_PYTHON])
    assert repetitions[-1].python == OTHER_PYTHON
    assert is_repeated(repetitions)


def test_another_trace_is_no_repetition() -> None:
    first = Repetition("python", "1", "aa", 7)
    assert not is_repeated([first, Repetition("python", "2", "ab", 7)])


def test_an_interpreter_that_is_not_there_is_named() -> None:
    with pytest.raises(UserError, match="/nowhere/python"):
        repeat(RUN, ["/nowhere/python"])


def test_a_command_without_a_verdict_is_an_error() -> None:
    with pytest.raises(UserError, match="came to no verdict"):
        repeat(["run", "no-such-scenario"])
