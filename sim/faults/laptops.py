"""Laptops that are opened, shut and killed as their world's layout says."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from sim.faults.targets import Targets
from sim.hosts.virtual_node import VirtualNode
from sim.kernel.entropy import Chance
from sim.schema.fault_tables import STATEMENTS_BEFORE_CRASH_MAX
from sim.topology.topology import Layout, Session

STARTED_AGAIN_US: Final = (1_000_000, 120_000_000)
"""How long after its node was killed somebody starts it again."""


@dataclass(slots=True)
class LaptopCounters:
    """The counts of what happened to laptops."""

    opened: int = 0
    killed: int = 0


@dataclass(slots=True)
class Laptops:
    """The laptops of one world; where the layout names no sessions nothing is done."""

    targets: Targets
    layout: Layout
    before_crash: Callable[[VirtualNode, Callable[[], None]], None]
    restart: Callable[[VirtualNode], None]
    counters: LaptopCounters = field(init=False, default_factory=LaptopCounters)

    def plan(self) -> None:
        """Plan when each is opened, killed and shut; when all is over they stay open."""
        loop, rests_at = self.targets.loop, round(self.targets.scenario.quiet_at_s * 1_000_000)
        for number, session in enumerate(self.layout.sessions):
            node = self.targets.nodes[session.node]
            if node not in self.targets.present:
                continue
            if session.at:
                loop.at(session.at, partial(self._open, node))
            if session.killed_at is not None:
                chance = Chance(self.targets.seed, "killed", number)
                loop.at(session.killed_at, partial(self._kill, node, session, chance))
            if session.until < rests_at:
                loop.at(session.until, partial(self._shut, node))
        if self.layout.sessions:
            for node in self.targets.present:
                loop.at(rests_at, partial(self._open, node))

    def _open(self, node: VirtualNode) -> None:
        if not node.is_up:
            self.counters.opened += 1
            self.restart(node)

    def _shut(self, node: VirtualNode) -> None:
        if node.is_up:
            turn_off = partial(self._turn_off, node)
            self.before_crash(node, partial(self.targets.loop.after, 0, turn_off))

    def _turn_off(self, node: VirtualNode) -> None:
        if node.is_up:
            node.crash(is_silent=True)

    def _kill(self, node: VirtualNode, session: Session, chance: Chance) -> None:
        """Kill it between two batches or within one, without a word to anybody."""
        is_within, statements = chance.is_true(0.5), chance.below(STATEMENTS_BEFORE_CRASH_MAX)
        down_us = chance.between(*STARTED_AGAIN_US)
        if not node.is_up:
            return
        self.counters.killed += 1
        again_at = self.targets.loop.now + down_us
        # It stays off if its owner would have shut it by then.
        again = partial(self._open, node) if again_at < session.until else _stay_off
        crashed = partial(self.targets.loop.at, again_at, again)
        if is_within:
            node.crash_within(1 + statements, crashed, is_silent=True)
        else:
            node.crash(is_silent=True)
            crashed()


def _stay_off() -> None:
    """Nothing happens until it is opened the next time."""
