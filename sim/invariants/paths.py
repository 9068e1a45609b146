"""Time-respecting paths: whether what was handed over at meetings could have come somewhere.

A node that has something passes it on to whom it is together with for so long, and keeps it until
it is over, by its own calendar too, or its store is lost. This bound knows nothing of protocols;
how long a meeting must last is what is allowed them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from typing import NamedTuple

Span = tuple[int, int]
Pair = tuple[int, int]


class Lapsing(NamedTuple):
    """A span in which a node erased what had lapsed by its calendar, which went on in it."""

    since: int
    until: int
    shown: int
    """What the calendar showed when this ended; a right one shows virtual time."""

    def over_at(self, at: int, lapses: int) -> int | None:
        """Return when something that was here at a moment, or before, was erased; None if not."""
        erased_at = max(at, self.since, self.until - (self.shown - lapses))
        return erased_at if erased_at <= self.until else None


@dataclass(frozen=True, slots=True)
class Given:
    """All that a world gave its nodes to work with. Times are virtual microseconds."""

    together: Mapping[Pair, Sequence[Span]]
    """The spans in which two were together, the lower first."""

    opened: Mapping[int, Sequence[Span]]
    """The spans in which each ran with an open vault."""

    losses: Mapping[int, Sequence[int]]
    """The moments at which each lost what its store held."""

    lapsing: Mapping[int, Sequence[Lapsing]] = field(default_factory=dict)
    """When each erased what had lapsed, in order."""

    _neighbours: dict[int, list[tuple[int, Sequence[Span]]]] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        for (one, other), spans in self.together.items():
            self._neighbours.setdefault(one, []).append((other, spans))
            self._neighbours.setdefault(other, []).append((one, spans))

    def arrival(
        self, source: int, target: int, during: Span, *, hop_us: int, lapses: int | None = None
    ) -> int | None:
        """The earliest that something which stands at a node when this begins comes to another.

        Each hop takes `hop_us` of an uninterrupted meeting, and all is over when this ends; at each
        node sooner if its calendar shows before that it `lapses`.
        """
        begins, ends = during
        waiting = [(begins, source)]
        reached: dict[tuple[int, int], None] = {}
        while waiting:
            at, node = heappop(waiting)
            lost_at = self._lost_after(node, at, lapses)
            if (node, lost_at) in reached:
                continue
            reached[node, lost_at] = None
            if lost_at <= at:
                continue
            if node == target:
                return at
            keeps_until = min(ends, lost_at)
            for other, spans in self._neighbours.get(node, ()):
                for since, until in spans:
                    there = max(at, since) + hop_us
                    if there <= min(until, keeps_until):
                        heappush(waiting, (there, other))
        return None

    def open_after(self, node: int, at: int) -> int | None:
        """The first moment from then on at which a node ran with an open vault."""
        for since, until in self.opened.get(node, ()):
            if until > at:
                return max(since, at)
        return None

    def open_for(self, node: int, at: int, wanted_us: int) -> int | None:
        """Return when a node had run so long with an open vault since then, all together."""
        for since, until in self.opened.get(node, ()):
            lasted = until - max(since, at)
            if lasted >= wanted_us:
                return max(since, at) + wanted_us
            wanted_us -= max(0, lasted)
        return None

    def _lost_after(self, node: int, at: int, lapses: int | None) -> int:
        lost = next((lost for lost in self.losses.get(node, ()) if lost > at), 1 << 62)
        if lapses is None:
            return lost
        over = (span.over_at(at, lapses) for span in self.lapsing.get(node, ()))
        return min(lost, next((each for each in over if each is not None), lost))
