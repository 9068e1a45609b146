"""From a command to a report: chooses the crypto, builds the world, runs it, and takes the time.

The only module of the simulator that looks at a clock and at the memory of the process, to say what
a run took.
"""

import gc
import shlex
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final

import msgspec
import psutil

from mesh.errors import UserError
from sim.invariants.invariants import BrokenInvariant
from sim.kernel.trace import Trace
from sim.run.report import Report, make_report
from sim.run.verdict import run_to_verdict
from sim.run.world import Options, World, opened_world
from sim.schema.fault_tables import Clones, Targeted
from sim.schema.scenario import Scenario, load_scenario, of_size
from sim.schema.settings import parse_settings, with_settings

REAL_CRYPTO_NODES_MAX: Final = 30
"""Beyond so many nodes a run models ML-KEM and remembers verdicts, unless asked otherwise."""

DURATION_S_MAX: Final = 1e9
"""Thirty years, as the times of a scenario."""


@dataclass(frozen=True, slots=True)
class Request:
    """The wishes of a user. None means: as the scenario says."""

    name: str
    seed: int
    nodes: int | None = None
    duration_s: float | None = None
    bug: str | None = None
    is_crypto_real: bool | None = None
    older: str | None = None
    """The wheel of the release that some nodes run."""
    settings: tuple[str, ...] = ()
    """`path=value` for values of the scenario that are replaced."""

    @property
    def command(self) -> str:
        """The one line that repeats the run."""
        return f"python -m sim {shlex.join(self.arguments)}"

    @property
    def arguments(self) -> list[str]:
        """Return what follows `python -m sim` in it."""
        parts = ["run", self.name]
        if self.nodes is not None:
            parts += ["--nodes", str(self.nodes)]
        parts += ["--seed", str(self.seed)]
        if self.duration_s is not None:
            parts += ["--duration", f"{self.duration_s:.15g}"]
        for setting in self.settings:
            parts += ["--set", setting]
        if self.is_crypto_real is not None:
            parts += ["--crypto", "real" if self.is_crypto_real else "modelled"]
        if self.older is not None:
            parts += ["--older", self.older]
        if self.bug is not None:
            parts += ["--bug", self.bug]
        return parts


def _unwatched(world: World) -> AbstractContextManager[None]:
    """Nobody looks on."""
    return nullcontext()


@dataclass(frozen=True, slots=True)
class Ran:
    """A world that has run, and what it tells."""

    world: World
    report: Report


def wants_real_crypto(scenario: Scenario) -> bool:
    """Say whether a scenario runs with real crypto where nobody said otherwise."""
    return scenario.nodes <= REAL_CRYPTO_NODES_MAX


def scenario_of(request: Request, given: Scenario | None = None) -> Scenario:
    """The scenario that a request is for, or the given one as the request wants it.

    UserError if it cannot be run.
    """
    settings = parse_settings(request.settings)
    for path, values in settings.items():
        if len(values) > 1:
            raise UserError("bad-setting", f"A run takes one value for {path}; sweep takes many.")
    one_each = {path: values[0] for path, values in settings.items()}
    scenario = load_scenario(request.name) if given is None else given
    return with_settings(_adapted(scenario, request), one_each)


def options_of(request: Request, scenario: Scenario) -> Options:
    """Return how a request wants its scenario to be run."""
    is_crypto_real = request.is_crypto_real
    if is_crypto_real is None:
        is_crypto_real = wants_real_crypto(scenario)
    return Options(
        seed=request.seed, bug=request.bug, is_crypto_real=is_crypto_real, older=request.older
    )


def run_scenario(
    scenario: Scenario,
    options: Options,
    progress: Callable[[World], None] = lambda world: None,
    *,
    command: str = "",
    trace: Trace | None = None,
    observing: Callable[[World], AbstractContextManager[None]] = _unwatched,
) -> Ran:
    """Run a scenario with one seed to its verdict; `observing` is entered while it runs."""
    with opened_world(scenario, options, trace) as world:
        report = _reported(world, progress, observing, command)
    return Ran(world, report)


def _reported(
    world: World,
    progress: Callable[[World], None],
    observing: Callable[[World], AbstractContextManager[None]],
    command: str,
) -> Report:
    """Run a world to its verdict, and return what it came to and took."""
    broken: BrokenInvariant | None = None
    # What was built stays until the end: the collector need not look at it again and again. Where
    # more is frozen, as in tests, thawing it would make the next world's collection look at it all.
    gc.collect()
    is_frozen_by_us = gc.get_freeze_count() == 0
    if is_frozen_by_us:
        gc.freeze()
    started, cpu_started = time.perf_counter(), time.process_time()
    try:
        with observing(world):
            run_to_verdict(world, progress)
    except BrokenInvariant as error:
        broken = error
    finally:
        if is_frozen_by_us:
            gc.unfreeze()
    wall_seconds = time.perf_counter() - started
    return make_report(
        world,
        broken,
        command=command,
        wall_seconds=wall_seconds,
        cpu_seconds=time.process_time() - cpu_started,
        resident_bytes=psutil.Process().memory_info().rss,
    )


def _adapted(scenario: Scenario, request: Request) -> Scenario:
    """The scenario with the request's nodes and duration."""
    if request.nodes is not None:
        scenario = of_size(scenario, request.nodes)
    if request.duration_s is None:
        return scenario
    begins_s = scenario.workload.write_between_s[0]
    # Not a number is not at most anything either.
    if not request.duration_s <= DURATION_S_MAX:
        raise UserError("bad-duration", f"A world cannot last {request.duration_s} s.")
    if request.duration_s <= begins_s:
        raise UserError(
            "too-short", f"People begin to write at {begins_s:g} s: choose a longer duration."
        )
    end_s = request.duration_s
    workload = msgspec.structs.replace(scenario.workload, write_between_s=(begins_s, end_s))
    faults = tuple(
        msgspec.structs.replace(
            fault, between_s=(min(fault.between_s[0], end_s), min(fault.between_s[1], end_s))
        )
        if isinstance(fault, Targeted | Clones)
        else fault
        for fault in scenario.faults
    )
    installed = tuple(
        msgspec.structs.replace(
            table, between_s=(min(table.between_s[0], end_s), min(table.between_s[1], end_s))
        )
        for table in scenario.installed
    )
    return msgspec.structs.replace(scenario, workload=workload, faults=faults, installed=installed)
