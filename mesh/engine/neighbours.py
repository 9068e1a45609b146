"""All links of a node: handshakes, duplicates, who may stay, bytes in and out.

Joins the machines `mesh.link` and `mesh.peering`, which do not know each other. Implements
`docs/protocol/link.md`, sections "Duplicates" and "Keys of a link". Nothing here reads what the
frames of a ready link say; they are handed on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.agreement import x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import Kem
from mesh.effects import Announce, Disconnect, Effect, Emit, SendBytes
from mesh.errors import PeerError
from mesh.events import LinkClosed, LinkOpened
from mesh.ids import Address, DialId, Instant, LinkId, LinkKey, Monotonic, UnixSeconds, earliest
from mesh.inputs import Connected, OwnAddress, PeerSeen
from mesh.limits import (
    HANDSHAKES_PENDING_MAX,
    LINK_KEY_AGE_MIN_MS,
    LINK_KEYS_REMEMBERED,
    LINK_SENDING_BYTES_MAX,
    LINKS_MAX,
)
from mesh.link.first_messages import FirstMessages
from mesh.link.link import BeginHandshake, HandshakeSetup, Link, own_hello
from mesh.peering.dialing import Dialing
from mesh.peering.duplicates import Duplicates
from mesh.peering.exchange import PeerExchange
from mesh.peering.segments import OwnNetworks
from mesh.wire.frames import (
    CLOSE_DUPLICATE,
    CLOSE_GOING_AWAY,
    CLOSE_SELF,
    CLOSE_TOO_MANY,
    FEATURE_TIME_UNSURE,
    Close,
    Frame,
    Hello,
    Ping,
)
from mesh.wire.parameters import MeshParameters

INSTANCE_BYTES: Final = 8
_NONCE_PADDING_BYTES: Final = 8
_SECONDS_PER_DAY: Final = 86_400


@dataclass(slots=True)
class Neighbour:
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


@dataclass(slots=True)
class Counters:
    """The metrics of a node, by name; they only rise."""

    by_name: dict[str, int] = field(default_factory=dict)

    def count(self, name: str, amount: int = 1) -> None:
        """Add to one metric."""
        self.by_name[name] = self.by_name.get(name, 0) + amount


class Neighbours:
    """Every stream of this node. Effects gather in `effects`, in order, until they are taken."""

    def __init__(
        self,
        *,
        parameters: MeshParameters,
        dialing: Dialing,
        exchange: PeerExchange,
        first_messages: FirstMessages,
        entropy: Entropy,
        kem: Kem,
        begin: BeginHandshake,
        counters: Counters,
        features: Sequence[int] = (),
        told_port: int = 0,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        self._parameters = parameters
        self._dialing = dialing
        self._exchange = exchange
        self._setup = HandshakeSetup(parameters, first_messages, entropy, kem, begin)
        self._entropy = entropy
        self._counters = counters
        self._features = tuple(features)
        self._told_port = told_port
        self._own = OwnNetworks()
        self._neighbours: dict[LinkId, Neighbour] = {}
        self._ready: dict[LinkId, Neighbour] = {}
        self._duplicates = Duplicates()
        self._inputs_count = 0
        # Links that may have bytes to send, and a time before which no link has a deadline: so a
        # batch costs by the links that it touches, not by all that stand.
        self._touched: dict[LinkId, None] = {}
        self._links_deadline: Monotonic | None = None
        self._own_keys: list[LinkKey] = []
        self._link_private = b""
        self._hello_nonce = b""
        self._key_day = 0
        self._key_drawn_at = now.monotonic
        self._opened: list[LinkId] = []
        self._closed: list[LinkId] = []
        self.effects: list[Effect] = []
        self._draw_link_key(mesh_now, now, is_new_network=False)

    @property
    def link_key(self) -> LinkKey:
        """Our own link key of today and this network."""
        return self._own_keys[-1]

    @property
    def ready(self) -> dict[LinkId, Neighbour]:
        """The links over which frames may go, in the order in which they opened."""
        return self._ready

    @property
    def all(self) -> Mapping[LinkId, Neighbour]:
        """Every stream, whatever its state."""
        return self._neighbours

    def connected(
        self, connected: Connected, mesh_now: UnixSeconds, now: Instant, *, is_time_vouched: bool
    ) -> None:
        """A stream stands: begin a handshake, or refuse one too many."""
        if len(self._neighbours) >= LINKS_MAX:
            self.effects.append(Disconnect(connected.link, "too many links"))
            self._counters.count("links_refused")
            if connected.dial is not None:
                self._dialing.dial_failed(connected.dial, now)
            return
        self._make_room_for_handshake(now)
        self._inputs_count += 1
        features = self._features if is_time_vouched else (*self._features, FEATURE_TIME_UNSURE)
        self._neighbours[connected.link] = Neighbour(
            link=Link(
                self._setup,
                link_private=self._link_private,
                is_initiator=connected.dial is not None,
                hello=own_hello(
                    self._hello_nonce, mesh_now, features=features, told_port=self._told_port
                ),
                now=now,
            ),
            address=connected.address,
            dial=connected.dial,
            connected_at=now.monotonic,
            began=self._inputs_count,
            local_host=connected.local_host,
        )
        self._touched[connected.link] = None
        self._expect_deadline(self._neighbours[connected.link].link.deadline())

    def received(self, link: LinkId, received: bytes, now: Instant) -> list[Frame]:
        """Bytes came: return the frames that they complete on a ready link, `Close` included."""
        neighbour = self._neighbours.get(link)
        if neighbour is None:
            return []
        self._inputs_count += 1
        neighbour.bytes_received += len(received)
        self._touched[link] = None
        try:
            frames = neighbour.link.receive(received, now)
        except PeerError as error:
            self.fault(link, error, now)
            return []
        self._end_duplicates(self._duplicates.heard(link, now), now)
        if neighbour.link.is_ready and not neighbour.is_ready and link not in self._duplicates:
            self._settle(link, neighbour, now)
        if link not in self._ready:
            for frame in frames:
                if isinstance(frame, Close):
                    self.told_to_close(link, frame, now)
                    return []
            if frames:
                self._end_duplicates(self._duplicates.used(link), now)
        if link not in self._ready:
            return []
        if frames and neighbour.used is None:
            neighbour.used = self._inputs_count
        return frames

    def told_to_close(self, link: LinkId, close: Close, now: Instant) -> None:
        """The other side says that this link ends, and why."""
        neighbour = self._neighbours.get(link)
        if neighbour is None:
            return
        remote_key = neighbour.link.remote_key
        if close.reason == CLOSE_DUPLICATE and neighbour.dial is not None and remote_key:
            self._dialing.duplicate_found(neighbour.dial, remote_key)
            neighbour.dial = None
        if close.reason == CLOSE_SELF:
            self._dialing.self_found(neighbour.dial, now)
            neighbour.dial = None
        if close.reason == CLOSE_TOO_MANY:
            self._dialing.links.turned_away(link)
        if close.reason != CLOSE_DUPLICATE:
            self._end_waiting(link, close.reason, "the other side closed another one", now)
        self._end(link, f"the other side closed it ({close.reason})", now)

    def fault(self, link: LinkId, error: PeerError, now: Instant) -> None:
        """A neighbour did something wrong: its link ends, and it is counted."""
        self._counters.count("links_faulted")
        self._counters.count(f"fault: {error.reason}")
        self._end(link, error.reason, now)

    def disconnected(self, link: LinkId, now: Instant) -> None:
        """The driver says that a stream is gone."""
        self._forget(link, "the connection ended", now)

    def sent(self, link: LinkId, count: int) -> None:
        """The driver wrote bytes to the socket."""
        neighbour = self._neighbours.get(link)
        if neighbour is not None:
            neighbour.sending_bytes -= count

    def peer_seen(self, seen: PeerSeen, now: Instant) -> None:
        """Discovery heard an announcement; other meshes are passed by."""
        if seen.mesh_hint == self._hint(seen.instance):
            self._dialing.peer_seen(seen.instance, seen.addresses, now)

    def networks_seen(self, addresses: Sequence[OwnAddress]) -> None:
        """Discovery knows on which networks this machine is."""
        self._own = OwnNetworks(addresses)
        self._dialing.networks_seen(addresses)

    def network_changed(self, mesh_now: UnixSeconds, now: Instant) -> None:
        """On another network we are somebody else."""
        self._dialing.network_changed(now)
        self._draw_link_key(mesh_now, now, is_new_network=True)
        # Under the new key nobody could tell that a second link leads to the same node; and on
        # the former network they are dead anyway.
        for link in list(self._ready):
            self._close(link, CLOSE_GOING_AWAY, "the network changed", now)

    def woke(self, now: Instant) -> None:
        """The machine slept: ask every neighbour whether it is still there, and dial anew."""
        self._dialing.woke(now)
        for link, neighbour in self._ready.items():
            neighbour.link.check(now)
            self._touched[link] = None
            self._expect_deadline(neighbour.link.deadline())

    def tend(self, mesh_now: UnixSeconds, now: Instant) -> None:
        """Pings, deaths, dials that are due, and a new link key after midnight."""
        if self._links_deadline is not None and self._links_deadline <= now.monotonic:
            self._tend_links(now)
        self._end_duplicates(self._duplicates.deadline_passed(now), now)
        if mesh_now // _SECONDS_PER_DAY != self._key_day:
            self._day_changed(mesh_now, now)
        dials = self._dialing.deadline_passed(now)
        self._counters.count("dials", len(dials))
        self.effects.extend(dials)

    def deadline(self) -> Monotonic | None:
        """When `tend` wants to be called."""
        return earliest(
            (self._links_deadline, self._duplicates.deadline(), self._dialing.deadline())
        )

    def has_frames(self, link: LinkId) -> bool:
        """Whether frames leave over a link now."""
        neighbour = self._ready.get(link)
        return neighbour is not None and neighbour.link.has_frames

    def send(self, link: LinkId, frame: Frame, *, is_first: bool = False) -> None:
        """Queue a frame, if the link still stands."""
        neighbour = self._ready.get(link)
        if neighbour is not None:
            neighbour.link.send(frame, is_first=is_first)
            self._touched[link] = None
            self._counters.count("frames_sent")

    def room_bytes(self, link: LinkId) -> int:
        """Bytes that may be handed to the driver before bodies have to wait."""
        neighbour = self._neighbours.get(link)
        if neighbour is None or not neighbour.is_ready:
            return 0
        return max(0, LINK_SENDING_BYTES_MAX - neighbour.sending_bytes)

    def remote_key(self, link: LinkId) -> LinkKey | None:
        """The link key of a neighbour, if the link stands."""
        neighbour = self._neighbours.get(link)
        return neighbour.link.remote_key if neighbour is not None else None

    def host(self, link: LinkId) -> str:
        """Where a neighbour is reached, without the port, which changes with each stream."""
        address = self._neighbours[link].address
        return f"{address.host}%{address.scope}" if address.scope else address.host

    def is_dialled_by_us(self, link: LinkId) -> bool:
        """Whether this side opened the stream."""
        return self._neighbours[link].dial is not None

    def interface_of(self, link: LinkId) -> str:
        """The name of the interface over which a link goes; empty if nobody knows it."""
        neighbour = self._neighbours.get(link)
        if neighbour is None:
            return ""
        return self._own.interface_of(neighbour.local_host, neighbour.address)

    def count_by_interface(self) -> dict[str, int]:
        """How many links go over which interface, as far as that is known."""
        counts: dict[str, int] = {}
        for link in self._ready:
            name = self.interface_of(link)
            if name:
                counts[name] = counts.get(name, 0) + 1
        return dict(sorted(counts.items()))

    def hello(self, link: LinkId) -> Hello | None:
        """What a neighbour said of itself, if the link stands."""
        neighbour = self._neighbours.get(link)
        return neighbour.link.hello if neighbour is not None else None

    def round_trip_ms(self, link: LinkId) -> int:
        """How soon the other side of a link that stands answered in the handshake."""
        return self._neighbours[link].link.round_trip_ms

    def said(self, link: LinkId) -> Hello:
        """What this side says of itself on a link that stands."""
        return self._neighbours[link].link.said

    @property
    def has_changed(self) -> bool:
        """Whether links became ready or ended since they were last taken."""
        return bool(self._opened or self._closed)

    def take_opened(self) -> list[LinkId]:
        """Links that became ready since the last call."""
        opened, self._opened = self._opened, []
        return opened

    def take_closed(self) -> list[LinkId]:
        """Links that were ready and ended since the last call."""
        closed, self._closed = self._closed, []
        return closed

    def take_effects(self, now: Instant) -> list[Effect]:
        """Everything that may leave: what gathered, then the bytes of each link."""
        effects, self.effects = self.effects, []
        touched, self._touched = self._touched, {}
        for link in touched:
            neighbour = self._neighbours.get(link)
            data = neighbour.link.take_bytes(now) if neighbour is not None else b""
            if neighbour is not None and data:
                neighbour.sending_bytes += len(data)
                neighbour.bytes_sent += len(data)
                self._counters.count("bytes_sent", len(data))
                effects.append(SendBytes(link, data))
        if self._links_deadline is None:
            self._find_deadline()
        return effects

    def _tend_links(self, now: Instant) -> None:
        """Ping and bury; when the next link wants that is found once the pings have left."""
        self._links_deadline = None
        for link, neighbour in list(self._neighbours.items()):
            deadline = neighbour.link.deadline()
            if deadline is not None and deadline <= now.monotonic:
                self._touched[link] = None
                try:
                    neighbour.link.deadline_passed(now)
                except PeerError as error:
                    self.fault(link, error, now)

    def _find_deadline(self) -> None:
        for neighbour in self._neighbours.values():
            self._expect_deadline(neighbour.link.deadline())

    def _expect_deadline(self, deadline: Monotonic | None) -> None:
        if deadline is not None:
            known = self._links_deadline
            self._links_deadline = deadline if known is None else min(known, deadline)

    def _draw_link_key(self, mesh_now: UnixSeconds, now: Instant, *, is_new_network: bool) -> None:
        """A new link key and instance name: nothing ties them to the former ones."""
        self._link_private = self._entropy.draw(32)
        self._own_keys.append(LinkKey(x25519_public(self._link_private)))
        del self._own_keys[:-LINK_KEYS_REMEMBERED]
        name = self._entropy.draw(INSTANCE_BYTES)
        self._hello_nonce = name + self._entropy.draw(_NONCE_PADDING_BYTES)
        self._key_day = mesh_now // _SECONDS_PER_DAY
        self._key_drawn_at = now.monotonic
        instance = name.hex()
        self._dialing.rename(instance, now)
        self.effects.append(Announce(instance, self._hint(instance), is_new_network=is_new_network))

    def _day_changed(self, mesh_now: UnixSeconds, now: Instant) -> None:
        """It is midnight, or a neighbour corrected our clock: then young keys are good enough."""
        self._key_day = mesh_now // _SECONDS_PER_DAY
        if now.monotonic - self._key_drawn_at < LINK_KEY_AGE_MIN_MS * 1000:
            return
        self._draw_link_key(mesh_now, now, is_new_network=False)
        for link in list(self._ready):
            self._close(link, CLOSE_GOING_AWAY, "keys change at midnight", now)

    def _hint(self, instance: str) -> str | None:
        """What an announcement of our mesh says beside its instance name."""
        if not self._parameters.is_closed:
            return None
        return blake2b(b"", self._parameters.psk + instance.encode(), b"", 4).hex()

    def _make_room_for_handshake(self, now: Instant) -> None:
        """The oldest unfinished handshake yields: an honest one is over in milliseconds."""
        pending = [
            link
            for link, one in self._neighbours.items()
            if one.dial is None and not one.is_ready and link not in self._duplicates
        ]
        if len(pending) >= HANDSHAKES_PENDING_MAX:
            self._counters.count("handshakes_pushed_out")
            self._end(pending[0], "too many handshakes", now)

    def _settle(self, link: LinkId, neighbour: Neighbour, now: Instant) -> None:
        """Decide on a complete handshake: ourselves, somebody we have, one too many, or welcome."""
        remote_key = neighbour.link.remote_key
        hello = neighbour.link.hello
        assert remote_key is not None
        assert hello is not None
        if remote_key in self._own_keys:
            self._dialing.self_found(neighbour.dial, now)
            neighbour.dial = None
            self._close(link, CLOSE_SELF, "that is this node", now)
            return
        for older, other in self._ready.items():
            if other.link.remote_key == remote_key:
                self._wait_beside(older, link, now)
                return
        self._open(link, now)

    def _open(self, link: LinkId, now: Instant) -> None:
        """No other link leads to this neighbour: welcome it, if there is room."""
        neighbour = self._neighbours[link]
        remote_key = neighbour.link.remote_key
        hello = neighbour.link.hello
        assert remote_key is not None
        assert hello is not None
        if not self._dialing.is_welcome(neighbour.address, neighbour.dial):
            self._turn_away(link, neighbour, "enough links", now)
            return
        neighbour.is_ready = True
        self._ready[link] = neighbour
        self._dialing.link_up(
            link,
            neighbour.dial,
            remote_key=remote_key,
            instance=hello.nonce[:INSTANCE_BYTES].hex(),
            address=neighbour.address,
            now=now,
        )
        self._opened.append(link)
        self._counters.count("links_opened")
        self.effects.append(Emit(LinkOpened(str(neighbour.address), len(self.ready))))
        surplus = self._dialing.find_surplus()
        if surplus is not None:
            self._counters.count("links_swapped")
            self._turn_away(surplus, self._ready[surplus], "another one took its place", now)

    def _wait_beside(self, older: LinkId, newer: LinkId, now: Instant) -> None:
        """Two links lead to one node: ask both, and use the older one meanwhile."""
        self._counters.count("links_duplicate")
        if not self._duplicates.has_room(older):
            self._end_duplicates([newer], now)
            return
        former, latter = self._neighbours[older], self._neighbours[newer]
        remote_key = latter.link.remote_key
        assert remote_key is not None
        self._duplicates.begin(
            newer,
            older,
            is_ours_to_choose=latter.link.local_key < remote_key,
            is_crossing=former.used is None or former.used > latter.began,
            now=now,
        )
        self._ping(older)
        self._ping(newer)

    def _ping(self, link: LinkId) -> None:
        self._neighbours[link].link.send(Ping())
        self._touched[link] = None

    def _end_duplicates(self, links: Sequence[LinkId], now: Instant) -> None:
        for link in links:
            neighbour = self._neighbours.get(link)
            if neighbour is None:
                continue
            if neighbour.dial is not None and neighbour.link.remote_key is not None:
                self._dialing.duplicate_found(neighbour.dial, neighbour.link.remote_key)
                neighbour.dial = None
            self._close(link, CLOSE_DUPLICATE, "a second link to the same node", now)

    def _end_waiting(self, link: LinkId, reason: int, words: str, now: Instant) -> None:
        """The links that wait beside one that is given up need not take its place."""
        for waiting in self._duplicates.beside(link):
            self._close(waiting, reason, words, now)

    def _turn_away(self, link: LinkId, neighbour: Neighbour, words: str, now: Instant) -> None:
        """There are links enough: say who else may have room, then end it."""
        if neighbour.dial is None:
            neighbour.link.send(self._exchange.farewell(neighbour.address, now))
        self._close(link, CLOSE_TOO_MANY, words, now)

    def _close(self, link: LinkId, reason: int, words: str, now: Instant) -> None:
        """Tell the other side why, then end the link."""
        if reason != CLOSE_DUPLICATE:
            self._end_waiting(link, reason, words, now)
        self._neighbours[link].link.send(Close(reason))
        self._end(link, words, now)

    def _end(self, link: LinkId, words: str, now: Instant) -> None:
        neighbour = self._neighbours.get(link)
        if neighbour is None:
            return
        neighbour.link.close()
        last = neighbour.link.take_bytes(now)
        if last:
            self.effects.append(SendBytes(link, last))
        self.effects.append(Disconnect(link, words))
        self._forget(link, words, now)

    def _forget(self, link: LinkId, words: str, now: Instant) -> None:
        neighbour = self._neighbours.pop(link, None)
        if neighbour is None:
            return
        if self._ready.pop(link, None) is not None:
            self._dialing.link_down(link, now)
            self._closed.append(link)
            self._counters.count("links_closed")
            event = LinkClosed(str(neighbour.address), words, len(self.ready))
            self.effects.append(Emit(event))
        elif neighbour.dial is not None:
            self._dialing.dial_failed(neighbour.dial, now)
        successor = self._duplicates.ended(link, now)
        if successor is not None:
            self._open(successor, now)
            waiting = self._duplicates.beside(successor)
            for asked in (successor, *waiting) if waiting else ():
                self._ping(asked)
