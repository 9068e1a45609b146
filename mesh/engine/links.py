"""The links of a node: streams that come, whom to dial, and under which key of ours.

Joins the machines `mesh.link` and `mesh.peering`, which do not know each other. Implements
`docs/protocol/link.md`, section "Keys of a link". Nothing here reads what the frames of a ready
link say; they are handed on.
"""

from collections.abc import Sequence
from functools import partial
from typing import Final

from mesh.effects import Announce, Disconnect, Effect
from mesh.engine.counters import Counters
from mesh.engine.link_keys import LinkKeys
from mesh.engine.link_streams import Peer, Streams
from mesh.engine.link_table import LinkTable
from mesh.engine.settings import EngineSettings, Primitives
from mesh.errors import PeerError
from mesh.ids import Address, Instant, LinkId, Monotonic, earliest
from mesh.inputs import Connected, OwnAddress, PeerSeen
from mesh.limits.link import FIRST_MESSAGE_SECONDS, LINKS_MAX
from mesh.link.first_messages import (
    FirstMessages,
    MeantBy,
    MeantFor,
    decode_meant_for,
    host_name_of,
)
from mesh.link.link import HandshakeSetup, Link, own_hello, says_nothing
from mesh.peering.dialer import Dialer
from mesh.peering.exchange import PeerExchange
from mesh.peering.segments import FAR, OwnNetworks, packed
from mesh.wire.frames import CLOSE_GOING_AWAY, FEATURE_TIME_UNSURE, Frame


class Links:
    """Every stream of this node, and who we are at its other end."""

    def __init__(
        self,
        *,
        settings: EngineSettings,
        primitives: Primitives,
        dialer: Dialer,
        exchange: PeerExchange,
        first_messages: FirstMessages,
        counters: Counters,
        now: Instant,
    ) -> None:
        self._settings = settings
        self._setup = HandshakeSetup(
            settings.parameters,
            first_messages,
            primitives.entropy,
            primitives.kem,
            primitives.begin,
        )
        self._dialer = dialer
        self._counters = counters
        self._inputs_count = 0
        self.keys: Final = LinkKeys(settings.parameters, primitives.entropy)
        self.streams: Final = Streams(counters)
        self.table: Final = LinkTable(
            streams=self.streams,
            keys=self.keys,
            dialer=dialer,
            exchange=exchange,
            counters=counters,
        )
        # Every stream whatever its state, and those over which frames may go.
        self.all: Final = self.streams.all
        self.ready: Final = self.streams.ready
        self._renew_key(now, is_new_network=False)

    def connected(self, connected: Connected, now: Instant, *, is_time_vouched: bool) -> None:
        """A stream stands: begin a handshake, or refuse one too many."""
        self.table.make_room_for_handshake(now)
        if len(self.all) >= LINKS_MAX:
            refused = Disconnect(connected.link, "too many links", is_abrupt=True)
            self.table.effects.append(refused)
            self._counters.count("links_refused")
            if connected.dial is not None:
                self._dialer.dial_failed(connected.dial, now)
            return
        self._inputs_count += 1
        unsure = () if is_time_vouched else (FEATURE_TIME_UNSURE,)
        link = Link(
            self._setup,
            link_private=self.keys.private,
            is_initiator=connected.dial is not None,
            hello=own_hello(
                self.keys.hello_nonce,
                now.mesh,
                features=(*self._settings.features, *unsure),
                told_port=self._settings.told_port,
            ),
            now=now,
            first_payload=self._first_payload(connected, now),
            is_meant=partial(self._is_meant_for_us, connected.local_host),
        )
        peer = Peer(
            link=link,
            address=connected.address,
            dial=connected.dial,
            connected_at=now.monotonic,
            began=self._inputs_count,
            local_host=connected.local_host,
        )
        self.streams.add(connected.link, peer)

    def _first_payload(self, connected: Connected, now: Instant) -> bytes:
        """In a closed mesh our first message says for whom it is."""
        if connected.dial is None or not self._settings.parameters.is_closed:
            return b""
        instance = self._dialer.find_instance(connected.dial)
        host = packed(connected.address)
        if instance is not None:
            meant = MeantFor(MeantBy.INSTANCE, bytes.fromhex(instance), now.mesh)
        elif host is not None and self.streams.networks.network_of(connected.address) != FAR:
            meant = MeantFor(MeantBy.HOST, host_name_of(host), now.mesh)
        else:
            meant = MeantFor.anybody(now.mesh)
        return meant.encode()

    def _is_meant_for_us(self, local_host: str, payload: bytes, now: Instant) -> bool:
        """Say whether who sent a first message meant this node, lately."""
        if not self._settings.parameters.is_closed:
            return says_nothing(payload, now)
        meant = decode_meant_for(payload)
        if meant.by is MeantBy.INSTANCE:
            # Drawn at a start, at midnight and on each network: it is an interval of time too.
            return self.keys.is_named(meant.name, now)
        if meant.by is MeantBy.HOST:
            # Clocks that are years off must not keep members apart, and this binds it well enough.
            host = packed(Address(local_host, 0))
            # Where the driver does not know its own end, nobody else can tell either.
            return host is None or meant.name == host_name_of(host)
        is_timely = abs(meant.mesh_time - now.mesh) <= FIRST_MESSAGE_SECONDS
        if not is_timely:
            self._counters.count("first_messages_untimely")
        return is_timely

    def received(self, link: LinkId, received: bytes, now: Instant) -> list[Frame]:
        """Bytes came: return the frames that they complete on a ready link, `Close` included."""
        peer = self.all.get(link)
        if peer is None:
            return []
        self._inputs_count += 1
        try:
            frames = self.streams.received(link, received, now)
        except PeerError as error:
            self.table.fault(link, error, now)
            return []
        self.table.heard(link, frames, now)
        if link not in self.ready:
            return []
        if frames and peer.used is None:
            peer.used = self._inputs_count
        return frames

    def peer_seen(self, seen: PeerSeen, now: Instant) -> None:
        """Discovery heard an announcement; other meshes are passed by."""
        if seen.mesh_hint == self.keys.hint(seen.instance):
            self._dialer.peer_seen(seen.instance, seen.addresses, now)

    def networks_seen(self, addresses: Sequence[OwnAddress]) -> None:
        """Discovery knows on which networks this machine is."""
        self.streams.networks = OwnNetworks(addresses)
        self._dialer.networks_seen(addresses)

    def network_changed(self, now: Instant) -> None:
        """On another network we are somebody else."""
        self._dialer.network_changed(now)
        self._renew_key(now, is_new_network=True)
        # Under the new key nobody could tell that a second link leads to the same node; and on
        # the former network they are dead anyway.
        self.table.close_all(CLOSE_GOING_AWAY, "the network changed", now)

    def woke(self, now: Instant) -> None:
        """The machine slept: ask every peer whether it is still there, and dial anew."""
        self._dialer.woke(now)
        self.streams.check_all(now)

    def tend(self, now: Instant) -> None:
        """Pings, deaths, dials that are due, and a new link key after midnight."""
        for link, error in self.streams.deadline_passed(now):
            self.table.fault(link, error, now)
        self.table.deadline_passed(now)
        if self.keys.is_over(now):
            self._renew_key(now, is_new_network=False)
            self.table.close_all(CLOSE_GOING_AWAY, "keys change at midnight", now)
        dials = self._dialer.deadline_passed(now)
        self._counters.count("dials", len(dials))
        self.table.effects.extend(dials)

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        streams_at, table_at = self.streams.deadline(), self.table.deadline()
        return earliest((streams_at, table_at, self._dialer.deadline(), self.keys.deadline()))

    def take_effects(self, now: Instant) -> list[Effect]:
        """Everything that may leave: what gathered, then the bytes of each link."""
        effects, self.table.effects = self.table.effects, []
        return effects + self.streams.take_effects(now)

    def _renew_key(self, now: Instant, *, is_new_network: bool) -> None:
        """A new link key and instance name, which are announced."""
        self.keys.renew(now, is_new_network=is_new_network)
        instance = self.keys.instance
        self._dialer.rename(instance, now)
        announcement = Announce(instance, self.keys.hint(instance), is_new_network=is_new_network)
        self.table.effects.append(announcement)
