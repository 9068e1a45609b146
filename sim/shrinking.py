"""From a run that breaks a promise to the smallest world that still breaks it.

The method is ddmin (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input",
IEEE TSE 28(2), 2002) over what befell, then over the nodes, then over what people wrote; after that
numbers are made plain: shorter times, no loss, no jitter. A step is taken if the *same promise*
breaks, not merely any. Every fate has a stream of chance of its own (`sim.tables.scenario.Only`),
so what is left out does not shift the rest.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeVar

import msgspec

from sim.running import Ran, run_scenario
from sim.tables.fault_tables import Halves
from sim.tables.scenario import Only, Scenario
from sim.world import Options

NODES_MIN: Final = 2
NODES_KEPT_AT_FIRST: Final = 8
SETTLES_S: Final = (10.0, 30.0, 90.0)
SHORTEST_S: Final = 1.0

Item = TypeVar("Item")
Progress = Callable[[str, int], None]
"""(what is tried to be made smaller, runs so far)"""


@dataclass(frozen=True, slots=True)
class Shrunk:
    """The smallest scenario that was found, with the seed and the promise that it breaks."""

    scenario: Scenario
    options: Options
    promise_id: str
    strikes_count: int
    nodes_count: int
    letters_count: int
    runs_count: int


@dataclass(slots=True)
class _Search:
    """A search for a smaller world that breaks the same promise."""

    options: Options
    promise_id: str
    best: Ran
    progress: Progress
    runs_max: int
    runs_count: int = 0
    stage: str = ""
    _tried: dict[bytes, bool] = field(default_factory=dict)

    @property
    def scenario(self) -> Scenario:
        """The smallest one so far."""
        return self.best.world.scenario

    def is_still_broken(self, scenario: Scenario) -> bool:
        """Run it; what breaks the same promise becomes the best."""
        key = msgspec.json.encode(scenario)
        known = self._tried.get(key)
        if known is not None:
            return known
        if self.runs_count >= self.runs_max:
            return False
        self.runs_count += 1
        self.progress(self.stage, self.runs_count)
        ran = run_scenario(scenario, self.options)
        is_broken = any(broken.id == self.promise_id for broken in ran.report.broken)
        if is_broken:
            self.best = ran
        self._tried[key] = is_broken
        return is_broken


def broken_id(ran: Ran) -> str | None:
    """The promise that a run broke."""
    return ran.report.broken[0].id if ran.report.broken else None


def shrink(ran: Ran, progress: Progress, *, runs_max: int) -> Shrunk:
    """Make a failed run smaller until nothing more can be left out, or it took too many runs."""
    promise_id = broken_id(ran)
    assert promise_id is not None, "only what failed can be shrunk"
    return shrink_to(promise_id, ran, progress, runs_max=runs_max)


def shrink_to(promise_id: str, ran: Ran, progress: Progress, *, runs_max: int) -> Shrunk:
    """The same for one of several promises that a run broke."""
    search = _Search(ran.world.options, promise_id, ran, progress, runs_max)
    _drop_most_nodes(search)
    _drop_strikes(search)
    _drop_nodes(search)
    _drop_strikes(search)
    _drop_letters(search)
    _shorten(search)
    _smooth(search)
    world = search.best.world
    return Shrunk(
        scenario=search.scenario,
        options=search.options,
        promise_id=promise_id,
        strikes_count=len(world.faults.strikes),
        nodes_count=len(world.present),
        letters_count=len(world.ledger.letters),
        runs_count=search.runs_count,
    )


def ddmin(items: Sequence[Item], is_enough: Callable[[list[Item]], bool]) -> list[Item]:
    """A part of `items` that is enough, of which no single item can be left out.

    `is_enough(list(items))` must hold. The complement of each part is tried, with parts that grow
    finer; so of n items of which k matter, about k log n are tried.
    """
    rest = list(items)
    parts_count = 2
    if rest and is_enough([]):
        return []
    while len(rest) >= 2:
        size = -(-len(rest) // parts_count)
        for start in range(0, len(rest), size):
            without = rest[:start] + rest[start + size :]
            if without and is_enough(without):
                rest = without
                parts_count = max(2, parts_count - 1)
                break
        else:
            if parts_count >= len(rest):
                return rest
            parts_count = min(len(rest), 2 * parts_count)
    return rest


# --- Stages ---------------------------------------------------------------------------------------


def _drop_strikes(search: _Search) -> None:
    search.stage = "what befalls"

    def is_enough(strikes: list[str]) -> bool:
        return search.is_still_broken(_with_only(search.scenario, strikes=tuple(strikes)))

    ddmin(list(search.best.world.faults.strikes), is_enough)


def _drop_most_nodes(search: _Search) -> None:
    """Worlds of a few nodes run fast: try those around what broke before all others."""
    search.stage = "nodes"
    nodes = [node.index for node in search.best.world.present]
    if len(nodes) <= NODES_KEPT_AT_FIRST:
        return
    broken = search.best.report.broken[0].node
    first = 0 if broken is None or broken not in nodes else nodes.index(broken)
    friends = search.best.world.people.person_at(nodes[first]).friends
    ordered = [nodes[first], *friends, *nodes[first + 1 :], *nodes[:first]]
    near = list(dict.fromkeys(node for node in ordered if node in nodes))
    count = NODES_KEPT_AT_FIRST
    while count < len(nodes):
        kept = tuple(sorted(near[:count]))
        if search.is_still_broken(_with_only(search.scenario, nodes=kept)):
            return
        count *= 2


def _drop_nodes(search: _Search) -> None:
    search.stage = "nodes"

    def is_enough(nodes: list[int]) -> bool:
        if len(nodes) < NODES_MIN:
            return False
        return search.is_still_broken(_with_only(search.scenario, nodes=tuple(nodes)))

    ddmin([node.index for node in search.best.world.present], is_enough)


def _drop_letters(search: _Search) -> None:
    search.stage = "messages"

    def is_enough(letters: list[int]) -> bool:
        return search.is_still_broken(_with_only(search.scenario, letters=tuple(letters)))

    planned = range(search.best.world.correspondence.planned_count)
    letters = search.scenario.only.letters
    ddmin(list(planned if letters is None else letters), is_enough)


def _shorten(search: _Search) -> None:
    """End sooner, and let what lasts last shorter."""
    search.stage = "times"
    for settle_s in SETTLES_S:
        shorter = msgspec.structs.replace(search.scenario, settle_s=settle_s)
        if settle_s < search.scenario.settle_s and search.is_still_broken(shorter):
            break
    begins_s, ends_s = search.scenario.workload.write_between_s
    while ends_s - begins_s > SHORTEST_S:
        ends_s = begins_s + (ends_s - begins_s) / 2
        workload = msgspec.structs.replace(
            search.scenario.workload, write_between_s=(begins_s, ends_s)
        )
        if not search.is_still_broken(msgspec.structs.replace(search.scenario, workload=workload)):
            break
    for number, fault in enumerate(search.scenario.faults):
        while isinstance(fault, Halves) and fault.for_s > SHORTEST_S:
            fault = msgspec.structs.replace(fault, for_s=fault.for_s / 2)
            faults = list(search.scenario.faults)
            faults[number] = fault
            shorter = msgspec.structs.replace(search.scenario, faults=tuple(faults))
            if not search.is_still_broken(shorter):
                break


def _smooth(search: _Search) -> None:
    """A network without loss and jitter."""
    search.stage = "the network"
    for plain in ({"loss": 0.0}, {"jitter_ms": 0.0}, {"announcement_loss": 0.0}):
        wire = msgspec.structs.replace(search.scenario.wire, **plain)
        search.is_still_broken(msgspec.structs.replace(search.scenario, wire=wire))


def _with_only(
    scenario: Scenario,
    *,
    nodes: tuple[int, ...] | None = None,
    strikes: tuple[str, ...] | None = None,
    letters: tuple[int, ...] | None = None,
) -> Scenario:
    """The scenario with less left of one kind."""
    only = scenario.only
    return msgspec.structs.replace(
        scenario,
        only=Only(
            nodes=only.nodes if nodes is None else nodes,
            strikes=only.strikes if strikes is None else strikes,
            letters=only.letters if letters is None else letters,
        ),
    )
