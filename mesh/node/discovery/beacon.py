"""The beacon: this node says over UDP that it is here, and hears others say so.

Implements `docs/protocol/discovery.md`, section "The beacon". It runs beside mDNS in the thread of
`discovery.py`, for networks that carry multicast but not that of mDNS: a firewall that knows port
5353, a switch that answers for others.

IPv4 needs a socket for each address, since only its own address makes the system send a broadcast
through an interface; a socket bound to an address hears no multicast, so one more listens for all.
IPv6 does with one.
"""

import asyncio
import logging
import random
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address, ip_network

from mesh.effects import Announce
from mesh.errors import PeerError
from mesh.ids import Address
from mesh.limits.discovery import (
    BEACON_BURST_MS,
    BEACON_INTERVAL_MS,
    BEACON_JITTER_MS,
    BEACON_REPLIES_MAX,
    BEACON_REPLY_PAUSE_MS,
)
from mesh.limits.peering import PORT_MIN
from mesh.node.interfaces import InterfaceAddress, Interfaces
from mesh.wire.beacon import (
    BEACON_PORT,
    BROADCAST_V4,
    GROUP_V4,
    Beacon,
    decode_beacon,
    encode_beacon,
    group_v6,
)

_log = logging.getLogger("mesh.discovery")
_chance = random.SystemRandom()

Hear = Callable[[Beacon, Address], None]
Source = tuple[str, int] | tuple[str, int, int, int]


class BeaconRadio:
    """Speaks and listens on one set of interfaces, like a responder."""

    def __init__(self, interfaces: Interfaces, port: int, hear: Hear) -> None:
        self._interfaces = interfaces
        self._port = port
        self._hear = hear
        self._current: Announce | None = None
        self._own: dict[str, None] = {}
        self._answered: dict[str, float] = {}
        self._speaking: asyncio.Task[None] | None = None
        # Each with where it sends to.
        self._speakers: list[tuple[asyncio.DatagramTransport, list[Source]]] = []
        self._listeners: list[asyncio.DatagramTransport] = []
        self._networks = [
            ip_network((each.host, each.prefix_bits), strict=False)
            for each in interfaces
            if not each.is_ipv6
        ]

    async def open(self) -> None:
        """Open what can be opened; raises OSError if nothing can."""
        near = [each for each in self._interfaces if not each.is_ipv6]
        scopes = dict.fromkeys(each.index for each in self._interfaces if each.is_link_local_ipv6)
        for address in near:
            with suppress(OSError):
                speaker = await self._endpoint(speaker_v4(address))
                self._speakers.append(
                    (speaker, [(GROUP_V4, BEACON_PORT), (BROADCAST_V4, BEACON_PORT)])
                )
        if near:
            with suppress(OSError):
                self._listeners.append(await self._endpoint(listener_v4(near)))
        if scopes:
            group = socket.inet_ntop(socket.AF_INET6, group_v6())
            with suppress(OSError):
                both = await self._endpoint(socket_v6(list(scopes)))
                self._speakers.append((both, [(group, BEACON_PORT, 0, each) for each in scopes]))
        if not self._speakers:
            raise OSError("no beacon can be sent")

    def announce(self, wanted: Announce) -> None:
        """Speak under this name from now on, and no more under the former one."""
        self._current = wanted
        self._own[wanted.instance] = None
        if self._speaking is not None:
            self._speaking.cancel()
        self._speaking = asyncio.create_task(self._speak())

    def say_goodbye(self, instance: str, mesh_hint: str | None) -> None:
        """End a name in public."""
        self._send_all(encode_beacon(Beacon(instance, 0, mesh_hint, is_reply_wanted=False)))

    def close(self, *, with_goodbye: bool = False) -> None:
        """Be silent; on a network that is left nothing is said."""
        if with_goodbye and self._current is not None:
            self.say_goodbye(self._current.instance, self._current.mesh_hint)
        if self._speaking is not None:
            self._speaking.cancel()
        for transport in (*(speaker for speaker, _ in self._speakers), *self._listeners):
            transport.close()

    def received(self, transport: asyncio.DatagramTransport, packet: bytes, source: Source) -> None:
        """Take a packet of any origin; what is no beacon of a peer's is passed over."""
        try:
            beacon = decode_beacon(packet)
        except PeerError:
            return
        if beacon.instance in self._own or not self._is_near(source):
            return
        if 0 < beacon.port < PORT_MIN:
            return
        host = source[0].partition("%")[0]
        scope = source[3] if len(source) == 4 else 0
        self._hear(beacon, Address(host, beacon.port, scope))
        if beacon.is_reply_wanted and self._may_answer(beacon.instance):
            transport.sendto(self._packet(is_reply_wanted=False), source)

    async def _endpoint(self, opened: socket.socket) -> asyncio.DatagramTransport:
        try:
            transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
                lambda: _Ear(self), sock=opened
            )
        except OSError:
            opened.close()
            raise
        return transport

    async def _speak(self) -> None:
        spoken_ms = 0
        for at_ms in BEACON_BURST_MS:
            await asyncio.sleep((at_ms - spoken_ms) / 1_000)
            spoken_ms = at_ms
            self._send_all(self._packet(is_reply_wanted=True))
        while True:
            jitter_ms = _chance.uniform(-BEACON_JITTER_MS, BEACON_JITTER_MS)
            await asyncio.sleep((BEACON_INTERVAL_MS + jitter_ms) / 1_000)
            self._send_all(self._packet(is_reply_wanted=False))

    def _send_all(self, packet: bytes) -> None:
        for speaker, destinations in self._speakers:
            for destination in destinations:
                speaker.sendto(packet, destination)

    def _packet(self, *, is_reply_wanted: bool) -> bytes:
        assert self._current is not None
        name, hint = self._current.instance, self._current.mesh_hint
        return encode_beacon(Beacon(name, self._port, hint, is_reply_wanted=is_reply_wanted))

    def _may_answer(self, instance: str) -> bool:
        """Once in a while for each name, and for few names."""
        if self._current is None:
            return False
        now = asyncio.get_running_loop().time()
        for answered, at in list(self._answered.items()):
            if now - at >= BEACON_REPLY_PAUSE_MS / 1_000:
                del self._answered[answered]
        if instance in self._answered or len(self._answered) >= BEACON_REPLIES_MAX:
            return False
        self._answered[instance] = now
        return True

    def _is_near(self, source: Source) -> bool:
        """Beacons do not cross routers: what comes from afar is somebody's trick."""
        address = ip_address(source[0].partition("%")[0])
        if address.version == 6:
            return address.is_link_local and len(source) == 4 and source[3] != 0
        return any(address in network for network in self._networks)


class _Ear(asyncio.DatagramProtocol):
    """Hands packets on; a failure to send is no more than a lost packet."""

    def __init__(self, radio: BeaconRadio) -> None:
        self._radio = radio
        self._transport: asyncio.DatagramTransport

    # A datagram protocol is only ever given a datagram transport; asyncio's types say less.
    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: Source) -> None:
        self._radio.received(self._transport, data, addr)

    def error_received(self, exc: Exception) -> None:
        _log.debug("a beacon was not sent: %s", exc)


def speaker_v4(address: InterfaceAddress) -> socket.socket:
    """A socket whose packets leave through one interface, and which hears what is sent back."""
    opened = _shared_socket(socket.AF_INET)
    try:
        near = socket.inet_aton(address.host)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, near)
        opened.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP, 1)
        opened.bind((address.host, BEACON_PORT))
    except OSError:
        opened.close()
        raise
    return opened


def listener_v4(addresses: list[InterfaceAddress]) -> socket.socket:
    """A socket that hears the group on these interfaces, and broadcasts."""
    opened = _shared_socket(socket.AF_INET)
    try:
        opened.bind(("", BEACON_PORT))
        for each in addresses:
            joined = socket.inet_aton(GROUP_V4) + socket.inet_aton(each.host)
            with suppress(OSError):
                opened.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, joined)
    except OSError:
        opened.close()
        raise
    return opened


def socket_v6(scopes: list[int]) -> socket.socket:
    """A socket that speaks to the group and hears it on these interfaces."""
    opened = _shared_socket(socket.AF_INET6)
    try:
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 1)
        opened.bind(("::", BEACON_PORT))
        for scope in scopes:
            joined = group_v6() + struct.pack("@I", scope)
            with suppress(OSError):
                opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, joined)
    except OSError:
        opened.close()
        raise
    return opened


def _shared_socket(family: socket.AddressFamily) -> socket.socket:
    """Several nodes of one machine share the port."""
    opened = socket.socket(family, socket.SOCK_DGRAM)
    opened.setblocking(False)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if sys.platform == "darwin":
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return opened
