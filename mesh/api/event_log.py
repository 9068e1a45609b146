"""A log of the last events, numbered, for any number of readers.

There is one ring and no queue per subscriber: a subscriber is a position in the ring. Whoever
reads too slowly finds its position gone and is told to `resync`, so a slow reader costs nothing
and never holds up a fast one. Each event is encoded once.
"""

from collections import deque
from dataclasses import dataclass, field

import msgspec
import trio

from mesh.api.stream import GoingAway, Happened, Heartbeat, Hello, Resync
from mesh.errors import UserError
from mesh.events import Event
from mesh.limits.api import (
    API_EVENTS_BYTES_MAX,
    API_EVENTS_MAX,
    API_EVENTS_PER_WRITE,
    API_SUBSCRIBERS_MAX,
)


@dataclass(frozen=True, slots=True)
class Line:
    """One encoded object of the stream; `seq` is where a reader is after it."""

    seq: int
    text: bytes


class EventLog:
    """The ring. All methods are called from the one thread of the event loop."""

    def __init__(self, epoch: str) -> None:
        self.epoch = epoch
        self.seq = 0
        self.is_closed = False
        self.is_back_soon = False
        """Whether another run goes on at once where this one ends."""
        self._lines: deque[Line] = deque()
        self._bytes = 0
        self._arrived = trio.lowlevel.ParkingLot()
        self.subscribers_count = 0
        self._encoder = msgspec.json.Encoder()

    def append(self, event: Event) -> None:
        """Number an event and wake whoever waits."""
        seq = self.seq + 1
        line = Line(seq, self._encoder.encode(Happened(seq=seq, event=event)))
        self.seq = seq
        self._lines.append(line)
        self._bytes += len(line.text)
        while len(self._lines) > API_EVENTS_MAX or self._bytes > API_EVENTS_BYTES_MAX:
            self._bytes -= len(self._lines.popleft().text)
        self._arrived.unpark_all()

    def forget(self) -> None:
        """Keep nothing of what was told; who has not read all of it is to `resync`."""
        self._lines.clear()
        self._bytes = 0

    def close(self) -> None:
        """Let every stream end; the daemon stops."""
        self.is_closed = True
        self._arrived.unpark_all()

    def subscribe(self, *, after: int | None = None, epoch: str = "") -> "Subscription":
        """Begin to read: from now on, or after the number that a former stream had reached."""
        if self.is_closed:
            raise UserError("stopping", "The daemon is stopping.")
        if self.subscribers_count >= API_SUBSCRIBERS_MAX:
            raise UserError("too-many", f"{API_SUBSCRIBERS_MAX} streams of events are open.")
        start = self.seq if after is None else after
        is_other_run = epoch not in ("", self.epoch) or start > self.seq
        hello = Hello(epoch=self.epoch, seq=self.seq if is_other_run else start)
        first = [Line(hello.seq, self._encoder.encode(hello))]
        if is_other_run:
            first.append(self.resync())
        self.subscribers_count += 1
        return Subscription(self, hello.seq, first)

    def unsubscribe(self) -> None:
        """A subscription ended."""
        self.subscribers_count -= 1

    async def lines_after(self, seq: int) -> list[Line]:
        """Wait for something after a number; an empty list means that the log is closed."""
        while seq >= self.seq and not self.is_closed:
            await self._arrived.park()
        if seq >= self.seq:
            return []
        oldest = self._lines[0].seq if self._lines else self.seq + 1
        if seq + 1 < oldest:
            return [self.resync()]
        start = seq + 1 - oldest
        stop = min(start + API_EVENTS_PER_WRITE, len(self._lines))
        return [self._lines[index] for index in range(start, stop)]

    def resync(self) -> Line:
        """Tell a reader that it missed what is gone."""
        return Line(self.seq, self._encoder.encode(Resync(epoch=self.epoch, seq=self.seq)))

    def heartbeat(self, seq: int) -> Line:
        """Tell a reader at a position that nothing happened."""
        return Line(seq, self._encoder.encode(Heartbeat(seq=seq)))

    def going_away(self) -> Line:
        """Tell a reader that the stream ends."""
        return Line(self.seq, self._encoder.encode(GoingAway(is_back_soon=self.is_back_soon)))


@dataclass(slots=True)
class Subscription:
    """One reader's position. Use it as a context manager, so that it is counted while it lives."""

    log: EventLog
    seq: int
    first: list[Line] = field(default_factory=list)

    async def lines(self, *, heartbeat_s: float) -> list[Line]:
        """Wait for the next lines: events, a heartbeat, or nothing at the end of the log."""
        if self.first:
            lines, self.first = self.first, []
            return lines
        with trio.move_on_after(heartbeat_s) as waiting:
            lines = await self.log.lines_after(self.seq)
            if lines:
                self.seq = lines[-1].seq
            return lines
        assert waiting.cancelled_caught
        return [self.log.heartbeat(self.seq)]

    def __enter__(self) -> "Subscription":
        return self

    def __exit__(self, *_: object) -> None:
        self.log.unsubscribe()
