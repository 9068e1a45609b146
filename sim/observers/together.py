"""The time that nodes of a world had together, that each ran, and when each lost what it had.

Two are *together* while both run, a packet of each reaches the other, and their calendars agree. It
is what a mesh was given to work with: whether engines made a link of it is theirs. Two alone whose
calendars differ by days cannot tell who is right: they exchange nothing, and their owners are told
(`docs/protocol/posting.md`). Nothing is noted of a world that is over before anything of it may
lapse, unless its scenario asks what could have come.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from sim.hosts.virtual_node import VirtualNode
from sim.invariants.paths import Given, Pair, Span
from sim.kernel.calendar import EPOCH_US
from sim.network.reach import Reach
from sim.observers.calendars import Calendars

CALENDARS_AGREE_US: Final = 12 * 3_600_000_000
"""So far two calendars may differ. What is made may be dated a day ahead and no more, and over two
hops twice this adds up."""


@dataclass(slots=True)
class Together:
    """Of the nodes of one world; `is_noting` is false where nobody will ask."""

    now: Callable[[], int]
    reach: Reach
    nodes: Sequence[VirtualNode] = ()
    is_noting: bool = True
    zero_us: int = EPOCH_US
    """What a right calendar shows when the world begins."""

    _together: dict[Pair, list[Span]] = field(init=False, default_factory=dict)
    _open: dict[int, list[Span]] = field(init=False, default_factory=dict)
    _losses: dict[int, list[int]] = field(init=False, default_factory=dict)
    _since: dict[int, dict[int, int]] = field(init=False, default_factory=dict)
    _open_since: dict[int, int] = field(init=False, default_factory=dict)
    _calendars: Calendars = field(init=False)

    def __post_init__(self) -> None:
        self._calendars = Calendars(self.now, self._shown)

    def changed(self, nodes: Sequence[int] | None) -> None:
        """Look again at these nodes, or at all: who reaches them may have changed."""
        if not self.is_noting:
            return
        for node in range(len(self.nodes)) if nodes is None else nodes:
            if node < len(self.nodes):
                self._look(node)

    def switched(self, node: int) -> None:
        """A node started, stopped or was set another time, or its vault was locked or unlocked."""
        if not self.is_noting or node >= len(self.nodes):
            return
        one = self.nodes[node]
        if one.is_up:
            self._calendars.runs(node)
        else:
            self._calendars.stopped(node)
        is_open = one.is_up and not one.is_locked
        if is_open and node not in self._open_since:
            self._open_since[node] = self.now()
        elif not is_open and node in self._open_since:
            self._open.setdefault(node, []).append((self._open_since.pop(node), self.now()))
        self._look(node)

    def lost(self, node: int) -> None:
        """A node loses what its store holds."""
        if self.is_noting:
            self._losses.setdefault(node, []).append(self.now())

    def given(self) -> Given:
        """All of it up to now."""
        now = self.now()
        together = {pair: list(spans) for pair, spans in self._together.items()}
        for one, others in self._since.items():
            for other, since in others.items():
                if one < other:
                    together.setdefault((one, other), []).append((since, now))
        opened = {node: list(spans) for node, spans in self._open.items()}
        for node, since in self._open_since.items():
            opened.setdefault(node, []).append((since, now))
        return Given(together, opened, self._losses, self._calendars.lapsing())

    def _look(self, node: int) -> None:
        before = self._since.setdefault(node, {})
        others: dict[int, None] = {}
        if self.nodes[node].is_up:
            others = {
                other: None
                for other in self.reach.others(node)
                if other < len(self.nodes)
                and self.nodes[other].is_up
                and self.reach.passes(node, other)
                and self.reach.passes(other, node)
                and self._agree(node, other)
            }
        for other in [each for each in before if each not in others]:
            since = before.pop(other)
            self._since[other].pop(node)
            pair = (min(node, other), max(node, other))
            self._together.setdefault(pair, []).append((since, self.now()))
        for other in others:
            if other not in before:
                before[other] = self._since.setdefault(other, {})[node] = self.now()

    def _agree(self, one: int, other: int) -> bool:
        return abs(self._shown(one) - self._shown(other)) <= CALENDARS_AGREE_US

    def _shown(self, node: int) -> int:
        return self.nodes[node].calendar.wall(self.now()) - self.zero_us
