"""In which order bodies leave over one link: as they were asked for, and what is pushed by turns.

Implements `docs/protocol/spreading.md`, section "Turns". A live machine that knows ids, sizes and
the *flow* that each belongs to, and nothing of how near an author is: the order would tell it.

Theory of operation. Deficit round robin (Shreedhar and Varghese, SIGCOMM 1995), three times one
within the other: new mail before backlog by three to one, then the peers that brought it, then the
posting keys. Whoever has the turn may send what it has saved; what it saves in a round is its
quantum. So a link with room gives it to whoever wants it, and under congestion nobody gets less
than his share, however much others want. What the other side asked for is one flow, in its order.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from mesh.ids import EnvelopeId
from mesh.limits.replication import FLOWS_PER_LINK_MAX, SHORT_MAIL_BYTES_MAX, TURN_BYTES

_LIVE_WEIGHT: Final = 3


class Flow(NamedTuple):
    """The party that a body is fair to: who brought it, and its posting key."""

    peer: str
    posting_key: bytes


ANY_FLOW: Final = Flow("", b"")
"""Of an id that has no body here."""

ASKED: Final = Flow("asked for", b"")
"""Of what the other side asks for, which leaves in the order in which it does; no peer is called
so.
"""

OTHERS: Final = b""
"""The key that stands for all further ones, where there are too many to tell apart."""


class Sparing(IntEnum):
    """The part of all mail that a link is spared, because it costs money or the battery is low."""

    NOTHING = 0
    BACKLOG = 1
    EVERYTHING = 2

    def spares(self, size_bytes: int, *, is_live: bool) -> bool:
        """Say whether mail of this kind does not leave now, whoever wrote it."""
        if self is Sparing.EVERYTHING:
            return not is_live or size_bytes > SHORT_MAIL_BYTES_MAX
        return self is Sparing.BACKLOG and not is_live


class _Queue:
    """Bodies of one flow, in the order in which they were queued."""

    def __init__(self) -> None:
        self.sizes: OrderedDict[EnvelopeId, int] = OrderedDict()

    def find_front(self) -> int | None:
        """The bytes of what is next."""
        return next(iter(self.sizes.values()), None)

    def take(self, size_bytes: int) -> EnvelopeId:
        """Return what is next, of the size that was found."""
        return self.sizes.popitem(last=False)[0]


@dataclass(slots=True)
class _Flows:
    """The number of queues in all rounds of a link."""

    count: int = 0


class _Round:
    """Takes turns among its parts, which are queues or rounds themselves."""

    def __init__(self, flows: "_Flows") -> None:
        self._flows = flows
        self._parts: OrderedDict[object, _Round | _Queue] = OrderedDict()
        self._quanta: dict[object, int] = {}
        self._saved: dict[object, int] = {}

    def part(self, name: object) -> "_Round | _Queue | None":
        """One of its parts."""
        return self._parts.get(name)

    def add(self, name: object, part: "_Round | _Queue", quantum: int) -> None:
        """A part that has something takes its place at the end of the round."""
        self._parts[name] = part
        self._quanta[name] = quantum
        self._saved[name] = 0

    def find_front(self) -> int | None:
        """The bytes of what is next; None if there is nothing."""
        while self._parts:
            name, part = next(iter(self._parts.items()))
            size_bytes = part.find_front()
            if size_bytes is None:
                # Who has nothing to send saves nothing.
                del self._parts[name], self._quanta[name], self._saved[name]
                self._flows.count -= isinstance(part, _Queue)
            elif size_bytes <= self._saved[name]:
                return size_bytes
            else:
                self._saved[name] += self._quanta[name]
                self._parts.move_to_end(name)
        return None

    def take(self, size_bytes: int) -> EnvelopeId:
        """Return what is next, right after it was found: each round within has its first part's
        turn.
        """
        name, part = next(iter(self._parts.items()))
        self._saved[name] -= size_bytes
        return part.take(size_bytes)


class _Waiting(NamedTuple):
    """A body that waits. `is_asked`: the other side wants it, and it is not only pushed."""

    queue: _Queue
    size_bytes: int
    is_live: bool
    is_asked: bool


class FairQueue:
    """The mail that waits to leave over one link. An id waits once."""

    def __init__(self) -> None:
        self._waiting: dict[EnvelopeId, _Waiting] = {}
        self._flows = _Flows()
        self._round = _Round(self._flows)

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._waiting

    def is_asked(self, id_: EnvelopeId) -> bool:
        """Say whether a body waits that the other side asked for."""
        waiting = self._waiting.get(id_)
        return waiting is not None and waiting.is_asked

    def add(
        self, id_: EnvelopeId, flow: Flow, size_bytes: int, *, is_live: bool, is_asked: bool
    ) -> None:
        """A body is to leave; one that waits already keeps its place."""
        waiting = self._waiting.get(id_)
        if waiting is not None:
            self._waiting[id_] = waiting._replace(is_asked=waiting.is_asked or is_asked)
            return
        queue = self._queue(ASKED if is_asked else flow, is_live=is_live)
        queue.sizes[id_] = size_bytes
        self._waiting[id_] = _Waiting(queue, size_bytes, is_live, is_asked)

    def discard(self, id_: EnvelopeId) -> None:
        """A body need not leave, if it waits."""
        waiting = self._waiting.pop(id_, None)
        if waiting is not None:
            del waiting.queue.sizes[id_]

    def take_pushed(self) -> list[EnvelopeId]:
        """Give up all that was not asked for, oldest first."""
        pushed = [id_ for id_, one in self._waiting.items() if not one.is_asked]
        for id_ in pushed:
            self.discard(id_)
        return pushed

    def spare(self, sparing: Sparing) -> dict[EnvelopeId, bool]:
        """Give up what does not leave now; whether each was asked for."""
        spared = {
            id_: one.is_asked
            for id_, one in self._waiting.items()
            if sparing.spares(one.size_bytes, is_live=one.is_live)
        }
        for id_ in spared:
            self.discard(id_)
        return spared

    def take(self, count_max: int) -> list[EnvelopeId]:
        """The next bodies."""
        taken: list[EnvelopeId] = []
        if not self._waiting and not self._flows.count:
            return taken
        while len(taken) < count_max and (size_bytes := self._round.find_front()) is not None:
            id_ = self._round.take(size_bytes)
            del self._waiting[id_]
            taken.append(id_)
        return taken

    def _queue(self, flow: Flow, *, is_live: bool) -> _Queue:
        quantum = TURN_BYTES * (_LIVE_WEIGHT if is_live else 1)
        kind = self._part_of(self._round, is_live, quantum)
        peer = self._part_of(kind, flow.peer, TURN_BYTES)
        for name in (flow.posting_key, OTHERS):
            queue = peer.part(name)
            if isinstance(queue, _Queue):
                return queue
            if self._flows.count < FLOWS_PER_LINK_MAX:
                break
        queue = _Queue()
        peer.add(name, queue, TURN_BYTES)
        self._flows.count += 1
        return queue

    def _part_of(self, outer: _Round, name: object, quantum: int) -> _Round:
        part = outer.part(name)
        if part is None:
            part = _Round(self._flows)
            outer.add(name, part, quantum)
        assert isinstance(part, _Round)
        return part
