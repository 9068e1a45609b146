"""The check that a run repeats: the same command in fresh processes ends in the same trace hash.

Each process has another `PYTHONHASHSEED`, so an iteration over a set that decides anything shows;
on demand other interpreters take part too. A process of its own is what makes this a proof: in one
process the second run would meet the caches, and the hash seed, of the first.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from mesh.errors import UserError

HASH_SEEDS: Final = ("1", "2")
"""Any two will do: where order decides, they nearly always differ."""

VERDICTS: Final = (0, 1)
"""The exit codes of a run that came to a verdict; a broken invariant has to repeat as well."""


@dataclass(frozen=True, slots=True)
class Repetition:
    """One of the runs of a check, and what it came to."""

    python: str
    hash_seed: str
    trace_hash: str
    events: int


class _Told(msgspec.Struct, frozen=True):
    """The fields of a report that are read."""

    trace_hash: str
    events: int


def repeat(arguments: Sequence[str], pythons: Sequence[str] = ()) -> list[Repetition]:
    """Run `python -m sim ARGUMENTS` once for each hash seed, and once with each other interpreter.

    UserError if a run comes to no verdict.
    """
    for python in pythons:
        if shutil.which(python) is None:
            raise UserError("no-python", f"There is no program {python} that could run.")
    runs = [(sys.executable, seed) for seed in HASH_SEEDS]
    runs += [(python, HASH_SEEDS[0]) for python in pythons]
    return [_run(python, seed, arguments) for python, seed in runs]


def is_repeated(repetitions: Sequence[Repetition]) -> bool:
    """Say whether all runs did the same things in the same order."""
    return len({(each.trace_hash, each.events) for each in repetitions}) == 1


def _run(python: str, hash_seed: str, arguments: Sequence[str]) -> Repetition:
    # The arguments are those of our own command, and no shell reads them.
    done = subprocess.run(  # noqa: S603
        [python, "-m", "sim", *arguments, "--json", "--quiet"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        check=False,
    )
    if done.returncode not in VERDICTS:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise UserError(
            "no-verdict",
            f"The run with {python} came to no verdict: {said[-1] if said else 'it said nothing'}",
        )
    told = msgspec.json.decode(done.stdout, type=_Told)
    return Repetition(python, hash_seed, told.trace_hash, told.events)
