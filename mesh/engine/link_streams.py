"""The streams of a node: bytes in and out of each, and when the first of them wants to be called.

A batch costs by the streams that it touches, not by all that stand. Who may stay is decided in
`mesh/engine/link_table.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from mesh.effects import Effect, SendBytes
from mesh.engine.counters import Counters
from mesh.errors import PeerError
from mesh.ids import Address, DialId, Instant, LinkId, Monotonic
from mesh.limits.link import LINK_SENDING_BYTES_MAX
from mesh.link.link import Link
from mesh.peering.segments import OwnNetworks
from mesh.wire.frames import Frame, Ping


@dataclass(slots=True)
class Peer:
    """One stream and its link. `is_ready` follows the link once no other to the same node stands.

    `began` and `used`: which of all inputs brought the stream, and the first frame over it.
    """

    link: Link
    address: Address
    dial: DialId | None
    connected_at: Monotonic
    began: int
    used: int | None = None
    local_host: str = ""
    is_ready: bool = False
    sending_bytes: int = 0
    bytes_received: int = 0
    bytes_sent: int = 0

    @property
    def host(self) -> str:
        """Return where it is reached, without the port, which changes with each stream."""
        address = self.address
        return f"{address.host}%{address.scope}" if address.scope else address.host

    @property
    def room_bytes(self) -> int:
        """Bytes that may be handed to the driver before bodies have to wait."""
        return max(0, LINK_SENDING_BYTES_MAX - self.sending_bytes)


class Streams:
    """Every stream of this node, in the order in which they came."""

    def __init__(self, counters: Counters) -> None:
        self.all: Final[dict[LinkId, Peer]] = {}
        # The links over which frames may go, in the order in which they opened.
        self.ready: Final[dict[LinkId, Peer]] = {}
        self.networks = OwnNetworks()
        self._counters = counters
        # Links that may have bytes to send, a time before which no link has a deadline, and the
        # link that had it then.
        self._touched: dict[LinkId, None] = {}
        self._links_deadline: Monotonic | None = None
        self._earliest_link: LinkId | None = None

    def add(self, link: LinkId, peer: Peer) -> None:
        """A stream stands, and its handshake begins."""
        self.all[link] = peer
        self._touched[link] = None
        self._expect_deadline(link, peer.link.deadline())

    def received(self, link: LinkId, received: bytes, now: Instant) -> list[Frame]:
        """Bytes came over a stream that stands: the frames that they complete.

        Raises PeerError if no correct node could have sent them.
        """
        peer = self.all[link]
        peer.bytes_received += len(received)
        self._touched[link] = None
        return peer.link.receive(received, now)

    def sent(self, link: LinkId, count: int) -> None:
        """The driver wrote bytes to the socket."""
        peer = self.all.get(link)
        if peer is not None:
            peer.sending_bytes -= count

    def send(self, link: LinkId, frame: Frame, *, is_first: bool = False) -> None:
        """Queue a frame, if the link still stands."""
        peer = self.ready.get(link)
        if peer is not None:
            peer.link.send(frame, is_first=is_first)
            self._touched[link] = None
            self._counters.count("frames_sent")

    def ping(self, link: LinkId) -> None:
        """Ask the other side of a stream whether it is there."""
        self.all[link].link.send(Ping())
        self._touched[link] = None

    def has_frames(self, link: LinkId) -> bool:
        """Say whether frames leave over a link now."""
        peer = self.ready.get(link)
        return peer is not None and peer.link.has_frames

    def check_all(self, now: Instant) -> None:
        """Ask every peer whether it is still there."""
        for link, peer in self.ready.items():
            peer.link.check(now)
            self._touched[link] = None
            self._expect_deadline(link, peer.link.deadline())

    def interface_of(self, link: LinkId) -> str:
        """The name of the interface over which a link goes; empty if nobody knows it."""
        peer = self.all.get(link)
        if peer is None:
            return ""
        return self.networks.interface_of(peer.local_host, peer.address)

    def count_by_interface(self) -> dict[str, int]:
        """Return how many links go over which interface, as far as that is known."""
        counts: dict[str, int] = {}
        for link in self.ready:
            name = self.interface_of(link)
            if name:
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        return self._links_deadline

    def deadline_passed(self, now: Instant) -> Iterator[tuple[LinkId, PeerError]]:
        """Ping what is idle, and give what is dead, one by one: it is to be ended meanwhile.

        When the next link wants that is found once the pings have left.
        """
        if self._links_deadline is None or self._links_deadline > now.monotonic:
            return
        self._links_deadline = None
        for link, peer in list(self.all.items()):
            deadline = peer.link.deadline()
            if deadline is not None and deadline <= now.monotonic:
                self._touched[link] = None
                try:
                    peer.link.deadline_passed(now)
                except PeerError as error:
                    yield link, error

    def take_effects(self, now: Instant) -> list[Effect]:
        """The bytes of each link that has some."""
        effects: list[Effect] = []
        touched, self._touched = self._touched, {}
        for link in touched:
            peer = self.all.get(link)
            data = peer.link.take_bytes(now) if peer is not None else b""
            if peer is not None and data:
                peer.sending_bytes += len(data)
                peer.bytes_sent += len(data)
                self._counters.count("bytes_sent", len(data))
                effects.append(SendBytes(link, data))
                if link == self._earliest_link:
                    # It is idle for shorter than it was: nobody is to be woken at its former time.
                    self._links_deadline = None
        if self._links_deadline is None:
            for link, peer in self.all.items():
                self._expect_deadline(link, peer.link.deadline())
        return effects

    def _expect_deadline(self, link: LinkId, deadline: Monotonic | None) -> None:
        if deadline is None:
            return
        if self._links_deadline is None or deadline < self._links_deadline:
            self._links_deadline, self._earliest_link = deadline, link
