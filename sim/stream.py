"""One TCP-like stream between two virtual nodes.

What is written on one end arrives on the other, whole and in order, after the time that the
bytes take on the wire, the latency, and what was lost: **a lost packet of a stream is a delay**,
since TCP sends it again. The first retransmission waits `RETRANSMIT_US`, each further one twice
as long. Real loss, where something never comes, exists for discovery and for crashed machines.

Each end has one queue of what will happen to it, so order holds whatever order the loop gives
to things of one tick.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from mesh.ids import LinkId
from mesh.inputs import BytesReceived, Connected, Disconnected, Input
from sim.entropy import Chance
from sim.loop import Loop

RETRANSMIT_US: Final = 200_000
"""Linux's least retransmission timeout, which rules on a fast network."""

RETRANSMISSIONS_MAX: Final = 8
"""By then a loss of one half would have struck once in 256 times in a row."""

SEGMENT_BYTES: Final = 1_460
CHUNK_BYTES_MAX: Final = 64 * 1024
"""What a driver reads at once."""

CLOSING_US: Final = 2_000_000
"""How long a closing end waits for a peer that takes nothing."""


@dataclass(frozen=True, slots=True)
class StreamRules:
    """What the wire does. Latency is drawn once for each stream, jitter for each chunk."""

    latency_min_us: int
    latency_max_us: int
    jitter_us: int
    loss: float
    bytes_per_second: int

    def latency_us(self, chance: Chance) -> int:
        """One way, for a new stream."""
        return chance.between(self.latency_min_us, self.latency_max_us)

    def wire_us(self, size: int) -> int:
        """How long so many bytes keep the wire busy."""
        return size * 1_000_000 // self.bytes_per_second

    def retransmissions(self, size: int, chance: Chance) -> int:
        """How often a chunk waits for a packet that was lost."""
        if not self.loss:
            return 0
        segments = -(-size // SEGMENT_BYTES)
        is_any_lost = 1 - (1 - self.loss) ** segments
        count = 0
        is_lost = chance.is_true(is_any_lost)
        while is_lost and count < RETRANSMISSIONS_MAX:
            count += 1
            is_lost = chance.is_true(self.loss)
        return count


class StreamHost(Protocol):
    """What a stream knows of the node at its end."""

    index: int
    is_up: bool

    def put(self, happened: Input) -> None: ...
    def next_link(self) -> LinkId: ...
    def sent(self, link: LinkId, count: int) -> None: ...
    def release(self, link: LinkId) -> None: ...


class StreamCounters(Protocol):
    """Where a stream counts."""

    bytes_sent: int
    chunks_sent: int
    retransmissions: int


@dataclass(frozen=True, slots=True)
class _Wire:
    """What both ends share."""

    loop: Loop
    rules: StreamRules
    chance: Chance
    counters: StreamCounters
    latency_us: int
    ended: Callable[[], object]


class End:
    """One node's end of a stream. `is_held` until the node is told that it ended, or crashed."""

    def __init__(self, wire: _Wire, host: StreamHost) -> None:
        self._wire = wire
        self.host = host
        self.link = host.next_link()
        self.is_held = True
        self.is_stalled = False
        self._is_known = False
        self._is_closing = False
        self._is_crashed = False
        self._is_abandoned = False
        self._peer: End | None = None
        self._arrivals: deque[tuple[int, Input]] = deque()
        self._held_back: deque[bytes | None] = deque()
        self._busy_until = 0

    @property
    def peer(self) -> "End":
        """The other end."""
        assert self._peer is not None
        return self._peer

    def join(self, peer: "End") -> None:
        """Fasten the other end; once."""
        assert self._peer is None
        self._peer = peer

    def send(self, data: bytes) -> None:
        """Write bytes; an end that is closing writes nothing more."""
        if not self.is_held or self._is_closing:
            return
        for start in range(0, len(data), CHUNK_BYTES_MAX):
            chunk = data[start : start + CHUNK_BYTES_MAX]
            if self.is_stalled:
                self._held_back.append(chunk)
            else:
                self._write(chunk)

    def close(self) -> None:
        """Write what is queued, then end; the node is told when it is done."""
        if not self.is_held or self._is_closing:
            return
        self._is_closing = True
        loop = self._wire.loop
        if self.is_stalled:
            self._held_back.append(None)
            loop.after(CLOSING_US, self.break_off)
        else:
            self._write_end()
            loop.at(self._busy_until, self.break_off)

    def break_off(self) -> None:
        """The node here is told that the stream ended; nothing reaches it any more."""
        if self.is_held:
            self.is_held = False
            self._arrivals.clear()
            # A listener whose stream broke before it was accepted has never heard of it.
            if self._is_known:
                self.host.put(Disconnected(self.link))
            else:
                self.host.release(self.link)
            self._end_if_over()

    def crash(self, *, is_silent: bool) -> None:
        """The process here is gone. A dead machine is silent, a living kernel closes the stream."""
        self.is_held = False
        self._is_crashed = True
        self._arrivals.clear()
        if not is_silent:
            if self.is_stalled:
                self._held_back.append(None)
            else:
                self._write_end()
        self._end_if_over()

    def stall(self) -> None:
        """From now on nothing passes that is written here."""
        self.is_stalled = True

    def abandon(self) -> None:
        """Nothing passes here ever again, and nobody is told."""
        self._is_abandoned = True
        self.stall()

    def resume(self) -> None:
        """The path is back: TCP sends what it holds after its next timeout."""
        if not self.is_stalled or self._is_abandoned:
            return
        self.is_stalled = False
        self._busy_until = self._wire.loop.now + self._wire.chance.between(0, RETRANSMIT_US)
        while self._held_back:
            chunk = self._held_back.popleft()
            if chunk is None:
                self._write_end()
            else:
                self._write(chunk)

    def arrive_at(self, when: int, happened: Input) -> None:
        """Something will happen to this end, after everything that is already on its way."""
        if self._arrivals:
            when = max(when, self._arrivals[-1][0])
        self._arrivals.append((when, happened))
        self._wire.loop.at(when, self._arrive)

    def _arrive(self) -> None:
        now = self._wire.loop.now
        arrivals = self._arrivals
        while arrivals and arrivals[0][0] <= now:
            _, happened = arrivals.popleft()
            if isinstance(happened, Disconnected):
                self.break_off()
            elif self.is_held:
                self._is_known = self._is_known or isinstance(happened, Connected)
                self.host.put(happened)

    def _write(self, chunk: bytes) -> None:
        wire = self._wire
        size = len(chunk)
        wire.counters.bytes_sent += size
        wire.counters.chunks_sent += 1
        again = wire.rules.retransmissions(size, wire.chance)
        wire.counters.retransmissions += again
        delay = wire.latency_us + wire.chance.below(wire.rules.jitter_us + 1)
        delay += ((1 << again) - 1) * RETRANSMIT_US
        self._busy_until = max(self._busy_until, wire.loop.now) + wire.rules.wire_us(size)
        if self._busy_until - wire.loop.now <= wire.loop.tick_us:
            self.host.sent(self.link, size)
        else:
            wire.loop.at(self._busy_until, partial(self.host.sent, self.link, size))
        if self.peer.is_held:
            self.peer.arrive_at(self._busy_until + delay, BytesReceived(self.peer.link, chunk))
        elif self.peer.is_answering_reset:
            self.arrive_at(wire.loop.now + 2 * wire.latency_us, Disconnected(self.link))

    def _write_end(self) -> None:
        if self.peer.is_held:
            when = max(self._busy_until, self._wire.loop.now) + self._wire.latency_us
            self.peer.arrive_at(when, Disconnected(self.peer.link))

    @property
    def is_answering_reset(self) -> bool:
        """Whether the machine here lives again and knows nothing of this stream."""
        return self._is_crashed and self.host.is_up

    def _end_if_over(self) -> None:
        if not self.is_held and not self.peer.is_held:
            self._wire.ended()


def connect(
    *,
    loop: Loop,
    rules: StreamRules,
    chance: Chance,
    counters: StreamCounters,
    latency_us: int,
    hosts: tuple[StreamHost, StreamHost],
    ended: Callable[[], object],
) -> tuple[End, End]:
    """Make a stream; `ended` is called when neither node holds it any more."""
    wire = _Wire(loop, rules, chance, counters, latency_us, ended)
    near, far = End(wire, hosts[0]), End(wire, hosts[1])
    near.join(far)
    far.join(near)
    return near, far
