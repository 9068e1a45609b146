"""Carries out the faults of whole nodes: churn, mass failures, pauses, sleep, drifting clocks."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import log
from typing import Final

from mesh.inputs import Woke
from sim.faults.targets import Targets
from sim.hosts.virtual_node import VirtualNode
from sim.kernel.entropy import Chance
from sim.network.cuts import Silence
from sim.schema.fault_tables import Strict
from sim.schema.node_tables import (
    Churn,
    Drifts,
    DutyCycles,
    FlashCrowd,
    MassFailure,
    Pauses,
    Sessions,
    SlowCpus,
)

PARETO_ALPHA: Final = 1.5
"""Sessions of file sharers have been measured to have about this tail."""

BIMODAL_SHORT: Final = (0.8, 0.25, 4.0)
"""So many sessions are short; how long the short and the long ones are, in means."""

NEVER: Final = 1 << 62


@dataclass(slots=True)
class NodeCounters:
    """The counts of faults of nodes."""

    departures: int = 0
    late_boots: int = 0
    failures: int = 0
    pauses: int = 0
    slow_cpus: int = 0
    naps: int = 0
    drifts: int = 0


@dataclass(slots=True)
class NodeFaults:
    """The faults of whole nodes; `is_injected` says what a shrunk scenario still has."""

    targets: Targets
    before_crash: Callable[[VirtualNode, Callable[[], None]], None]
    restart: Callable[[VirtualNode], None]
    is_injected: Callable[[str, int], bool]
    counters: NodeCounters = field(init=False, default_factory=NodeCounters)
    naps: dict[int, list[tuple[int, int]]] = field(init=False, default_factory=dict)
    """When each node slept, those that ever did: from when, and until when."""
    awake: dict[int, None] = field(init=False, default_factory=dict)
    """Nodes that sleep no more."""

    def plan(
        self,
        number: int,
        fault: Churn | FlashCrowd | MassFailure | Pauses | SlowCpus | DutyCycles | Drifts,
    ) -> None:
        """Plan one table of a scenario."""
        match fault:
            case MassFailure():
                self._plan_mass_failure(number, fault)
            case FlashCrowd():
                # Users begin by it; see `first_boots`.
                self.counters.late_boots += len(
                    late_nodes(number, fault, self.targets.seed, self._count)
                )
            case DutyCycles(shifts=int(shifts)):
                self._plan_shifts(number, fault, shifts)
            case _:
                for node in self.targets.nodes:
                    chance = Chance(self.targets.seed, "faults", number, node.index)
                    is_drawn = chance.is_true(fault.share)
                    when = chance.between(*map(_us, fault.between_s))
                    if is_drawn and self.is_injected(f"{number}/{node.index}", node.index):
                        self._plan_strike(fault, node, chance, when)

    @property
    def _count(self) -> int:
        return len(self.targets.nodes)

    def _plan_strike(
        self,
        fault: Churn | Pauses | SlowCpus | DutyCycles | Drifts,
        node: VirtualNode,
        chance: Chance,
        when: int,
    ) -> None:
        match fault:
            case Churn():
                begins = _us(fault.between_s[0]) + session_us(fault.sessions, fault.up_s, chance)
                self._plan_departure(fault, node, chance, begins)
            case Pauses():
                for_us = chance.between(*map(_us, fault.for_s))
                self.targets.loop.at(when, partial(self._pause, node, for_us))
            case SlowCpus():
                for_us = chance.between(*map(_us, fault.for_s))
                self.targets.loop.at(when, partial(self._slow_down, node, fault.times))
                self.targets.loop.at(
                    when + for_us, partial(node.processor.think_slower, 1 / fault.times)
                )
            case DutyCycles():
                first = _us(fault.between_s[0]) + chance.below(_us(fault.period_s))
                self.targets.loop.at(first, partial(self._nap, fault, node))
            case Drifts():
                ppm = chance.between(*map(round, fault.ppm))
                signed = ppm if chance.is_true(0.5) else -ppm
                self.targets.loop.at(when, partial(self._drift, node, signed, fault.period_s))

    # --- Coming and going -------------------------------------------------------------------------

    def _plan_departure(self, fault: Churn, node: VirtualNode, chance: Chance, when: int) -> None:
        if when < _us(fault.between_s[1]):
            self.targets.loop.at(when, partial(self._depart, fault, node, chance))

    def _depart(self, fault: Churn, node: VirtualNode, chance: Chance) -> None:
        away_us = session_us(fault.sessions, fault.down_s, chance)
        returns = min(self.targets.loop.now + away_us, _us(fault.between_s[1]))
        if node.is_up:
            turn_off = partial(self._turn_off, node, returns)
            self.before_crash(node, partial(self.targets.loop.after, 0, turn_off))
        self.targets.loop.at(returns, partial(self._return, fault, node, chance))

    def _turn_off(self, node: VirtualNode, returns: int) -> None:
        # Who answers only when they should be back already does not go, or nobody would return.
        if node.is_up and self.targets.loop.now < returns:
            self.counters.departures += 1
            node.crash(is_silent=False)

    def _return(self, fault: Churn, node: VirtualNode, chance: Chance) -> None:
        self.restart(node)
        up_us = session_us(fault.sessions, fault.up_s, chance)
        self._plan_departure(fault, node, chance, self.targets.loop.now + up_us)

    # --- Failing at once --------------------------------------------------------------------------

    def _plan_mass_failure(self, number: int, fault: MassFailure) -> None:
        order = list(self.targets.nodes)
        Chance(self.targets.seed, "faults", number).shuffle(order)
        if fault.where == "one-place":
            # Where all stand is known when it happens.
            self.targets.loop.at(
                _us(fault.at_s), partial(self._fail_in_one_place, number, fault, order)
            )
        else:
            self._fail_first(number, fault, order)

    def _fail_in_one_place(
        self, number: int, fault: MassFailure, order: Sequence[VirtualNode]
    ) -> None:
        self._fail_first(number, fault, self._by_hops(order))

    def _fail_first(self, number: int, fault: MassFailure, order: Sequence[VirtualNode]) -> None:
        for node in order[: round(fault.share * len(order))]:
            down = None
            if fault.down_s is not None:
                down = Chance(self.targets.seed, "faults", number, node.index).between(
                    *map(_us, fault.down_s)
                )
            if self.is_injected(f"{number}/{node.index}", node.index):
                self.targets.loop.at(_us(fault.at_s), partial(self._fail, node, down))

    def _by_hops(self, order: Sequence[VirtualNode]) -> list[VirtualNode]:
        """The first, and all by how many hops they are from it; then those it cannot reach."""
        nodes = {node.index: node for node in order}
        found: dict[int, None] = {}
        for first in nodes:
            waiting = deque([first])
            while waiting:
                one = waiting.popleft()
                if one in nodes and one not in found:
                    found[one] = None
                    waiting.extend(self.targets.network.reach.others(one))
        return [nodes[index] for index in found]

    def _fail(self, node: VirtualNode, down_us: int | None) -> None:
        self.counters.failures += 1
        if down_us is not None:
            if node.is_up:
                node.crash(is_silent=True)
            self.targets.loop.after(down_us, partial(self.restart, node))
            return
        node.is_gone = True
        if node in self.targets.present:
            self.targets.present.remove(node)
        # What it alone held is lost, and what was written to it arrives nowhere.
        self.targets.message_log.trouble(node.index, NEVER)
        self.targets.users.lose(node.index)
        if node.is_up:
            node.crash(is_silent=True)

    # --- Slow and asleep --------------------------------------------------------------------------

    def _pause(self, node: VirtualNode, for_us: int) -> None:
        self.counters.pauses += 1
        if node.is_up:
            node.processor.pause(self.targets.loop.now + for_us)

    def _slow_down(self, node: VirtualNode, times: float) -> None:
        self.counters.slow_cpus += 1
        node.processor.think_slower(times)

    def _plan_shifts(self, number: int, fault: DutyCycles, shifts: int) -> None:
        """So many sleep, drawn, and go to the shifts in turn."""
        order = list(self.targets.nodes)
        Chance(self.targets.seed, "faults", number).shuffle(order)
        for place, node in enumerate(order[: round(fault.share * len(order))]):
            turn_us = place % shifts * _us(fault.period_s) // shifts
            first = _us(fault.between_s[0]) + turn_us + _us(fault.awake_s)
            if self.is_injected(f"{number}/{node.index}", node.index):
                self.targets.loop.at(first, partial(self._nap, fault, node))

    def _nap(self, fault: DutyCycles, node: VirtualNode) -> None:
        period_us, end = _us(fault.period_s), _us(fault.between_s[1])
        wakes = min(self.targets.loop.now + max(0, period_us - _us(fault.awake_s)), end)
        if wakes <= self.targets.loop.now or node.index in self.awake:
            return
        self.counters.naps += 1
        self.naps.setdefault(node.index, []).append((self.targets.loop.now, wakes))
        cut = self.targets.network.cut(Silence(node.index))
        if node.is_up:
            node.processor.pause(wakes)
        self.targets.loop.at(wakes, partial(self._wake, node, cut))
        self.targets.loop.after(period_us, partial(self._nap, fault, node))

    def _wake(self, node: VirtualNode, cut: int) -> None:
        self.targets.network.heal(cut)
        node.put(Woke())

    def _drift(self, node: VirtualNode, ppm: int, period_s: float | None) -> None:
        self.counters.drifts += 1
        period_us = None if period_s is None else _us(period_s)
        node.calendar.drift(self.targets.loop.now, ppm, period_us)


def first_boots(faults: Sequence[Strict], seed: int, nodes: int) -> dict[int, int]:
    """Return who is switched on late, and when."""
    boots: dict[int, int] = {}
    for number, fault in enumerate(faults):
        if isinstance(fault, FlashCrowd):
            for node in late_nodes(number, fault, seed, nodes):
                chance = Chance(seed, "faults", number, node)
                boots[node] = _us(fault.at_s) + chance.below(_us(fault.within_s))
    return boots


def late_nodes(number: int, fault: FlashCrowd, seed: int, nodes: int) -> list[int]:
    """Return who belongs to a flash crowd."""
    order = list(range(nodes))
    Chance(seed, "faults", number).shuffle(order)
    return order[: round(fault.share * nodes)]


def session_us(sessions: Sessions, mean_s: float, chance: Chance) -> int:
    """Return how long somebody is on, or off."""
    fraction = chance.fraction()
    match sessions:
        case "poisson":
            return _us(-mean_s * log(1 - fraction))
        case "heavy-tailed":
            least_s = mean_s * (PARETO_ALPHA - 1) / PARETO_ALPHA
            return _us(least_s / (1 - fraction) ** (1 / PARETO_ALPHA))
        case "bimodal":
            share, short, long = BIMODAL_SHORT
            means = short if fraction < share else long
            return _us(-mean_s * means * log(1 - chance.fraction()))


def drift_us_max(faults: Sequence[Strict], lasts_s: float) -> int:
    """Return how wrong drifting makes the worst calendar in so long a world."""
    worst = 0.0
    for fault in faults:
        if isinstance(fault, Drifts):
            one_way_s = lasts_s if fault.period_s is None else fault.period_s / 2
            worst += fault.ppm[1] * one_way_s
    return round(worst)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
