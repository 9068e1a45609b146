"""Carries out what befalls a world: cuts that heal, crashes with restarts.

Everything is drawn before the world begins, each node's fate from a stream of its own, so that
one fault less leaves the others as they were.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from sim.entropy import Chance
from sim.ledger import Letter
from sim.loop import Loop
from sim.scenario import Crashes, Halves, Scenario
from sim.topology import halves_by_network
from sim.virtual_network import VirtualNetwork
from sim.virtual_node import VirtualNode

STATEMENTS_BEFORE_CRASH_MAX = 12
"""A batch runs about so many statements on its databases; a crash within falls before one."""


@dataclass(slots=True)
class FaultCounters:
    """What befell."""

    cuts: int = 0
    crashes: int = 0
    crashes_within_batch: int = 0
    restarts: int = 0


@dataclass(slots=True)
class Faults:
    """The faults of one world."""

    scenario: Scenario
    seed: int
    loop: Loop
    network: VirtualNetwork
    networks: Sequence[Sequence[int]]
    nodes: Sequence[VirtualNode]
    before_crash: Callable[[VirtualNode, Callable[[], None]], None]
    booted_again: Callable[[int], None]
    counters: FaultCounters = field(default_factory=FaultCounters)
    sides: dict[int, int] = field(default_factory=dict)
    """Who stood on which side of the latest cut."""

    def plan(self) -> None:
        """Plan all of them."""
        for number, fault in enumerate(self.scenario.faults):
            match fault:
                case Halves():
                    self._plan_halves(number, fault)
                case Crashes():
                    self._plan_crashes(number, fault)

    def phase_of(self, letter: Letter) -> str:
        """How the mesh was when a letter was written: what its delay should be judged by."""
        now_s = letter.asked_at / 1_000_000
        cuts = [fault for fault in self.scenario.faults if isinstance(fault, Halves)]
        if all(now_s < cut.at_s for cut in cuts):
            return "together"
        if all(not cut.at_s <= now_s < cut.at_s + cut.for_s for cut in cuts):
            return "healed"
        sides = self.sides
        is_across = sides.get(letter.sender) != sides.get(letter.recipient)
        return "apart, across" if is_across else "apart, same side"

    def _plan_halves(self, number: int, fault: Halves) -> None:
        chance = Chance(self.seed, "faults", number)
        if fault.by == "network":
            sides = halves_by_network(self.networks)
        else:
            sides = {node.index: chance.below(2) for node in self.nodes}
        self.loop.at(_us(fault.at_s), partial(self._cut, sides, fault.reset_share))
        self.loop.at(_us(fault.at_s + fault.for_s), self.network.heal)

    def _cut(self, sides: dict[int, int], reset_share: float) -> None:
        self.counters.cuts += 1
        self.sides = sides
        self.network.partition(sides, reset_share=reset_share)

    def _plan_crashes(self, number: int, fault: Crashes) -> None:
        for node in self.nodes:
            chance = Chance(self.seed, "faults", number, node.index)
            is_struck = chance.is_true(fault.share)
            when = chance.between(_us(fault.between_s[0]), _us(fault.between_s[1]))
            down_us = chance.between(_us(fault.down_s[0]), _us(fault.down_s[1]))
            is_silent = chance.is_true(fault.silent_share)
            is_within = chance.is_true(fault.within_batch_share)
            statements = 1 + chance.below(STATEMENTS_BEFORE_CRASH_MAX) if is_within else None
            if is_struck:
                self.loop.at(when, partial(self._strike, node, is_silent, statements, down_us))

    def _strike(
        self, node: VirtualNode, is_silent: bool, statements: int | None, down_us: int
    ) -> None:
        if node.is_up:
            crash = partial(self._crash, node, is_silent, statements, down_us)
            self.before_crash(node, partial(self.loop.after, 0, crash))

    def _crash(
        self, node: VirtualNode, is_silent: bool, statements: int | None, down_us: int
    ) -> None:
        if not node.is_up:
            return
        self.counters.crashes += 1
        crashed = partial(self.loop.after, down_us, partial(self._restart, node))
        if statements is None:
            node.crash(is_silent=is_silent)
            crashed()
        else:
            self.counters.crashes_within_batch += 1
            node.crash_within(statements, crashed, is_silent=is_silent)

    def _restart(self, node: VirtualNode) -> None:
        self.counters.restarts += 1
        node.boot()
        self.booted_again(node.index)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)
