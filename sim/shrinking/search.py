"""The search for a smaller world: what was tried, what still breaks, and how long it may take.

A smaller world counts if the *same invariant* breaks, not merely any. A world can become so short
or so sparse that it breaks an invariant for a reason of its own; where a bug was planted there is a
sure sign of that, and it is asked for: without the bug the smaller world must keep every invariant.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from mesh.errors import UserError
from sim.run.runner import Ran, run_scenario
from sim.run.world import Options, World
from sim.schema.scenario import Scenario

RECENT_RUNS: Final = 8
"""Worlds grow smaller and so runs shorter: what is left is guessed from the latest."""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest world that was found, with the invariant that it breaks."""

    scenario: Scenario
    options: Options
    invariant_id: str
    strikes_count: int
    nodes_count: int
    """All that were ever switched on: second machines and hostile ones are among them."""
    hostile_count: int
    letters_count: int
    events_count: int
    virtual_seconds: float
    runs_count: int


@dataclass(frozen=True, slots=True)
class Progress:
    """The progress of a search."""

    stage: str
    """What is tried to be made less."""
    runs_count: int
    smallest: Shrunk
    left_s: float
    """About so many seconds are left, if nothing more can be left out."""


Watching = Callable[[Progress], None]


@dataclass(slots=True)
class Search:
    """A search for a smaller world that breaks the same invariant; `best` holds at any instant."""

    invariant_id: str
    best: Ran
    runs_max: int
    watching: Watching
    runs_count: int = field(init=False, default=0)
    stage: str = field(init=False, default="")
    runs_left: int = field(init=False, default=0)
    """A guess by whoever directs the search."""
    _tried: dict[bytes, bool] = field(default_factory=dict)
    _seconds: deque[float] = field(default_factory=lambda: deque(maxlen=RECENT_RUNS))

    def __post_init__(self) -> None:
        self._seconds.append(self.best.report.wall_seconds)

    @property
    def options(self) -> Options:
        """Return how every world of the search is run."""
        return self.best.world.options

    @property
    def world(self) -> World:
        """The smallest world so far."""
        return self.best.world

    @property
    def scenario(self) -> Scenario:
        """The smallest one so far."""
        return self.best.world.scenario

    @property
    def is_safety(self) -> bool:
        """Say whether it broke by what must never happen, whatever comes later.

        Invariants of safety do, and some others: what is told of a message can be untrue at once.
        """
        return self.invariant_id.startswith("S") or self.world.is_unsettled

    def is_still_broken(self, scenario: Scenario) -> bool:
        """Run it, unless it was tried; what breaks the same invariant becomes the best.

        Of a smaller world in which a package cannot do what it does nobody knows what would break.
        """
        if scenario == self.scenario:
            return True
        key = msgspec.json.encode(scenario)
        known = self._tried.get(key)
        if known is not None:
            return known
        if self.runs_count >= self.runs_max:
            return False
        try:
            ran = self._run(scenario, self.options)
            is_broken = broken_id(ran) == self.invariant_id and self._is_whole_without_bug(scenario)
        except UserError:
            self._tried[key] = False
            return False
        if is_broken:
            self.best = ran
        self._tried[key] = is_broken
        return is_broken

    def shrunk(self) -> Shrunk:
        """The smallest world so far, to keep."""
        world = self.world
        return Shrunk(
            scenario=self.scenario,
            options=self.options,
            invariant_id=self.invariant_id,
            strikes_count=len(world.strikes),
            nodes_count=world.machines_count,
            hostile_count=world.adversaries.count,
            letters_count=len(world.message_log.messages),
            events_count=self.best.report.events,
            virtual_seconds=self.best.report.virtual_seconds,
            runs_count=self.runs_count,
        )

    def _is_whole_without_bug(self, scenario: Scenario) -> bool:
        if self.options.bug is None:
            return True
        healthy = replace(self.options, bug=None)
        return not self._run(scenario, healthy).report.broken

    def _run(self, scenario: Scenario, options: Options) -> Ran:
        self.runs_count += 1
        self.runs_left = max(0, self.runs_left - 1)
        left = min(self.runs_left, self.runs_max - self.runs_count)
        mean_s = sum(self._seconds) / len(self._seconds)
        self.watching(Progress(self.stage, self.runs_count, self.shrunk(), left * mean_s))
        ran = run_scenario(scenario, options)
        self._seconds.append(ran.report.wall_seconds)
        return ran


def broken_id(ran: Ran) -> str | None:
    """The invariant that a run broke."""
    return ran.report.broken[0].id if ran.report.broken else None
