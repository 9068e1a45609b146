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
from sim.kernel.loop import Loop
from sim.network.wires import RETRANSMIT_US, Passage, StreamRules, Wire, next_try_us

CHUNK_BYTES_MAX: Final = 64 * 1024
"""What a driver reads at once."""

WINDOW_BYTES: Final = 64 * 1024
"""What TCP sends while nothing is acknowledged: on a one-way line no more than this passes."""

CLOSING_US: Final = 2_000_000
"""How long a closing end waits for a peer that takes nothing."""


class EndpointStreams(Protocol):
    """All that a stream knows of the streams at the node at its end."""

    def next_link(self) -> LinkId: ...
    def hold(self, end: "End") -> None: ...
    def sent(self, link: LinkId, count: int) -> None: ...
    def release(self, link: LinkId) -> None: ...


class StreamEndpoint(Protocol):
    """The node at the end of a stream, as the stream knows it."""

    index: int
    is_up: bool

    @property
    def streams(self) -> EndpointStreams: ...
    def put(self, happened: Input) -> None: ...


class StreamCounters(Protocol):
    """The counters of a stream."""

    bytes_sent: int
    chunks_sent: int
    chunks_delivered: int
    chunks_dropped: int
    retransmissions: int
    overflows: int
    chunks_corrupted: int
    streams_truncated: int


@dataclass(slots=True)
class Uplink:
    """The chunks that leave over one wire, one after the other."""

    busy_until: int = 0


@dataclass(frozen=True, slots=True)
class _Wire:
    """The common part of both ends."""

    loop: Loop
    rules: StreamRules
    counters: StreamCounters
    ended: Callable[[], object]


@dataclass(frozen=True, slots=True)
class Way:
    """One direction of a stream: who writes, over which wire and uplink, how far it is."""

    host: StreamEndpoint
    direction: Wire
    uplink: Uplink
    latency_us: int


class End:
    """One node's end of a stream. `is_held` until the node is told that it ended, or crashed."""

    def __init__(self, wire: _Wire, way: Way) -> None:
        self._wire = wire
        self._way = way
        self.host = way.host
        self.link = way.host.streams.next_link()
        self.is_held = True
        self.is_stalled = False
        self._is_known = False
        self._is_closing = False
        self._is_crashed = False
        self._is_abandoned = False
        self._is_refused = False
        self._peer: End | None = None
        self._arrivals: deque[tuple[int, Input]] = deque()
        # Nearly always empty, and a list takes a tenth of what an empty deque does.
        self._held_back: list[bytes | None] = []
        self._held_since = 0
        self._one_way_bytes = 0
        self._leaves_at = 0

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
            if self._is_waiting(len(chunk)):
                self._hold(chunk)
            else:
                self._write(chunk)

    def close(self) -> None:
        """Write what is queued, then end; the node is told when it is done."""
        if not self.is_held or self._is_closing:
            return
        self._is_closing = True
        loop = self._wire.loop
        if self.is_stalled or self._held_back:
            self._hold(None)
            loop.after(CLOSING_US, self.break_off)
        else:
            self._write_end()
            loop.at(self._leaves_at, self.break_off)

    def break_off(self) -> None:
        """The node here is told that the stream ended; nothing reaches it any more."""
        if self.is_held:
            self.is_held = False
            self._drop_arrivals()
            # A listener whose stream broke before it was accepted has never heard of it.
            if self._is_known:
                self.host.put(Disconnected(self.link))
            else:
                self.host.streams.release(self.link)
            self._end_if_over()

    def crash(self, *, is_silent: bool) -> None:
        """The process here is gone. A dead machine is silent, a living kernel closes the stream."""
        self.is_held = False
        self._is_crashed = True
        self._drop_arrivals()
        if not is_silent:
            if self.is_stalled or self._held_back:
                self._hold(None)
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

    def refuse(self) -> None:
        """Another machine has the address of the other end, and answers what is sent by a reset."""
        self._is_refused = True
        if self._held_back:
            self._wire.loop.after(2 * self._way.latency_us, self.break_off)

    def resume(self) -> None:
        """The path is back: TCP sends what it holds after its next timeout."""
        if not self.is_stalled or self._is_abandoned:
            return
        self.is_stalled = False
        now = self._wire.loop.now
        self._leaves_at = now + self._way.direction.pause_us(RETRANSMIT_US)
        if self._wire.rules.is_backing_off and self._held_back:
            self._leaves_at = next_try_us(self._held_since, now)
        for end in (self, self.peer):
            if not end.is_stalled and not end.peer.is_stalled:
                end.send_again()

    def send_again(self) -> None:
        """Write what was held back, now that both directions are open."""
        self._one_way_bytes = 0
        while self._held_back:
            chunk = self._held_back.pop(0)
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
                self._wire.counters.chunks_delivered += isinstance(happened, BytesReceived)
                self.host.put(happened)
            else:
                self._wire.counters.chunks_dropped += isinstance(happened, BytesReceived)

    @property
    def chunks_on_their_way(self) -> int:
        """Return what was written at the other end and is not here yet."""
        return sum(isinstance(happened, BytesReceived) for _, happened in self._arrivals)

    def _drop_arrivals(self) -> None:
        self._wire.counters.chunks_dropped += self.chunks_on_their_way
        self._arrivals.clear()

    def _hold(self, chunk: bytes | None) -> None:
        if not self._held_back:
            self._held_since = self._wire.loop.now
        self._held_back.append(chunk)
        if self._is_refused:
            self._wire.loop.after(2 * self._way.latency_us, self.break_off)

    def _is_waiting(self, size: int) -> bool:
        """Say whether TCP holds back what is written: nothing passes, or nothing is
        acknowledged.
        """
        if self.is_stalled or self._held_back:
            return True
        if self.peer.is_stalled:
            self._one_way_bytes += size
            return self._one_way_bytes > WINDOW_BYTES
        return False

    def _write(self, chunk: bytes) -> None:
        wire, way = self._wire, self._way
        now = wire.loop.now
        size = len(chunk)
        wire.counters.bytes_sent += size
        wire.counters.chunks_sent += 1
        passage = way.direction.pass_on(size, now)
        delay = way.latency_us + passage.delay_us + self._overflow_us(size, now)
        wire.counters.retransmissions += passage.retransmissions_count
        way.uplink.busy_until = max(way.uplink.busy_until, now) + wire.rules.wire_us(size)
        trickled_at = max(self._leaves_at, now) + passage.slow_us
        leaves_at = self._leaves_at = max(trickled_at, way.uplink.busy_until)
        if leaves_at - now <= wire.loop.tick_us:
            self.host.streams.sent(self.link, size)
        else:
            wire.loop.at(leaves_at, partial(self.host.streams.sent, self.link, size))
        arrives_at = max(leaves_at + delay, passage.not_before)
        if self.peer.is_held:
            self._deliver(chunk, arrives_at, passage)
            return
        wire.counters.chunks_dropped += 1
        if self.peer.is_answering_reset:
            self.arrive_at(now + 2 * way.latency_us, Disconnected(self.link))

    def _deliver(self, chunk: bytes, when: int, passage: Passage) -> None:
        """As it was written, or what became of it on the way."""
        peer, counters = self.peer, self._wire.counters
        if passage.changed_bit is not None:
            counters.chunks_corrupted += 1
            place, bit = divmod(passage.changed_bit, 8)
            changed = bytes([chunk[place] ^ (1 << bit)])
            chunk = chunk[:place] + changed + chunk[place + 1 :]
        if passage.ends_after is None:
            peer.arrive_at(when, BytesReceived(peer.link, chunk))
            return
        counters.streams_truncated += 1
        if passage.ends_after:
            peer.arrive_at(when, BytesReceived(peer.link, chunk[: passage.ends_after]))
        else:
            counters.chunks_dropped += 1
        peer.arrive_at(when, Disconnected(peer.link))
        self.abandon()
        self.arrive_at(when + peer.latency_us, Disconnected(self.link))

    def _overflow_us(self, size: int, now: int) -> int:
        """A chunk that finds the queue full is dropped there, and sent again."""
        rules = self._wire.rules
        if rules.queue_bytes is None:
            return 0
        waiting_us = max(0, self._way.uplink.busy_until - now)
        waiting_bytes = waiting_us * rules.bytes_per_second // 1_000_000
        if not waiting_bytes or waiting_bytes + size <= rules.queue_bytes:
            return 0
        self._wire.counters.overflows += 1
        return RETRANSMIT_US

    @property
    def latency_us(self) -> int:
        """Return how far the other end is from here."""
        return self._way.latency_us

    def _write_end(self) -> None:
        if self.peer.is_held:
            when = max(self._leaves_at, self._wire.loop.now) + self._way.latency_us
            self.peer.arrive_at(when, Disconnected(self.peer.link))

    @property
    def is_answering_reset(self) -> bool:
        """Say whether the machine here lives again and knows nothing of this stream."""
        return self._is_crashed and self.host.is_up

    def _end_if_over(self) -> None:
        if not self.is_held and not self.peer.is_held:
            self._wire.ended()


def connect(
    *,
    loop: Loop,
    rules: StreamRules,
    counters: StreamCounters,
    ways: tuple[Way, Way],
    ended: Callable[[], object],
) -> tuple[End, End]:
    """Make a stream; `ended` is called when neither node holds it any more."""
    wire = _Wire(loop, rules, counters, ended)
    near, far = End(wire, ways[0]), End(wire, ways[1])
    near.join(far)
    far.join(near)
    return near, far
