"""From time to time a node is held against another engine over copies of its databases (S29)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.ids import Instant, Monotonic
from sim.hosts.host import Host
from sim.hosts.virtual_node import VirtualNode
from sim.invariants.begun_anew import (
    is_comparable,
    is_open,
    require_kept_choices,
    require_same_answers,
    require_same_ids,
)
from sim.invariants.purity_guards import PURITY_GUARDS
from sim.kernel.entropy import Chance
from sim.kernel.loop import Loop

EVENTS_PER_LOOK: Final = 20_000
"""What is done in so many events of a world takes nine to twenty-five seconds of CPU, and one look
a third of one: less than 3 %."""


@dataclass(slots=True)
class BeginningAnew:
    """Looks at the nodes of one world in turn.

    `chance` draws who is the first, and when: a world of few events has no look with most seeds.
    """

    loop: Loop
    hosts: Mapping[int, Host]
    chance: Chance
    asked_count: int = field(init=False, default=0)
    """Questions that were asked of both."""

    _turn: int = field(init=False)
    _looked_at: int = field(init=False)

    def __post_init__(self) -> None:
        self._turn = self.chance.below(max(1, len(self.hosts)))
        self._looked_at = -self.chance.below(EVENTS_PER_LOOK)

    def look(self, nodes: Sequence[VirtualNode]) -> None:
        """Look at the next node, if enough has happened since the last look."""
        if self.loop.events_count < self._looked_at + EVENTS_PER_LOOK or not nodes:
            return
        for _ in nodes:
            node = nodes[self._turn % len(nodes)]
            self._turn += 1
            if self.look_at(node):
                self._looked_at = self.loop.events_count
                return

    def look_at(self, node: VirtualNode) -> bool:
        """Hold a node against others that begin anew, if it can be; return whether it could."""
        host = self.hosts[node.index]
        engine = host.engine
        if engine is None or not (node.is_up and host.is_readable and is_comparable(engine)):
            return False
        now = Instant(Monotonic(node.lived_us), node.calendar.wall(self.loop.now))
        # What observers see of engines is of those that are driven.
        PURITY_GUARDS.is_double = True
        try:
            anew, there = host.begin_anew(now, is_locked=not is_open(engine))
            self.asked_count += require_same_answers(node.index, engine, anew, there)
            require_same_ids(node.index, engine, anew)
            if not is_open(engine):
                return True
            restored, there = host.begin_from_backup(now)
            require_kept_choices(node.index, engine, restored, there)
        finally:
            PURITY_GUARDS.is_double = False
        return True
