"""Addresses that outlive a run: those that a person typed, and those that worked.

They stand in the store and are given to the dialing machine at start, and what worked on a network
whenever this machine comes to it, or has no link there for a while. People write addresses as
HOST:PORT or [IPv6]:PORT, an interface index after `%`.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Final, Literal, assert_never

from mesh.commands.answer import Answer, Done
from mesh.commands.command import Command
from mesh.commands.contacts import AddContact, ContactAnswer
from mesh.commands.peers import AddPeer, AskPeers, PeerAnswer, PeersAnswer, RemovePeer
from mesh.crypto.signing import is_signature_valid
from mesh.database import Connection
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.engine.link_streams import Streams
from mesh.engine.part import Part
from mesh.errors import UserError
from mesh.ids import Address, Instant, LinkId, Monotonic
from mesh.limits.peering import (
    CONFIGURED_PEERS_MAX,
    PORT_MIN,
    REMEMBERED_ADDRESSES_MAX,
    REMEMBERED_AGAIN_MS,
)
from mesh.peering.dialer import Dialer
from mesh.peering.network_memory import ANYWHERE, NetworkMemory
from mesh.peering.segments import FAR, OwnNetworks, is_global, is_node_address
from mesh.peering.targets import Source, Target
from mesh.storage.connection import transaction
from mesh.wire.invite import parse_invite

REMEMBERED: Final = "addresses that worked"
"""The setting of the store that holds those of which no network is known, one a line."""
BY_NETWORK: Final = "addresses by network"
"""The setting that holds the others: a network a line, and its addresses."""
_SOURCES: Final[Mapping[Source, Literal["typed", "announced", "remembered", "told"]]] = {
    Source.CONFIGURED: "typed",
    Source.ANNOUNCED: "announced",
    Source.REMEMBERED: "remembered",
    Source.EXCHANGED: "told",
}
_PORT_MAX = 65_535
_HOST_CHARACTERS_MAX = 253


class KnownAddresses(Part):
    """The addresses of the store, and the dialing machine that knows the same."""

    commands = (AskPeers, AddPeer, RemovePeer)

    def __init__(
        self,
        *,
        connection: Connection,
        buffer: EnvelopeBuffer,
        dialer: Dialer,
        streams: Streams,
        labels: Callable[[], Mapping[LinkId, str]],
        now: Instant,
    ) -> None:
        self._connection = connection
        self._buffer = buffer
        store = self._store = buffer.store
        self._dialer = dialer
        self._streams = streams
        # How our person calls those who are known at the other ends of links.
        self._labels = labels
        for text in store.link_state.peers():
            dialer.targets.configure(parse_address(text), now)
        stored = store.link_state.find_setting(REMEMBERED)
        self._remembered = stored.decode().split("\n") if stored else []
        dialer.targets.remember([parse_address(text) for text in self._remembered], now)
        self._memory = NetworkMemory(store.link_state.find_setting(BY_NETWORK) or b"")
        # On which networks the remembered were dialled last, and when they are dialled again.
        self._dialled_on: OwnNetworks | None = None
        self._again_at: Monotonic | None = None

    def answer(self, command: Command, now: Instant) -> Answer:
        """Return what can be dialled, or more or less of it; UserError says in words why not."""
        assert isinstance(command, AskPeers | AddPeer | RemovePeer)
        match command:
            case AskPeers():
                return self._peers(now)
            case AddPeer(address):
                return self._add(address, now)
            case RemovePeer(address):
                return self._remove(address)
            case _:
                assert_never(command)

    def answered(self, command: Command, answer: Answer | UserError, now: Instant) -> None:
        """Dial where an invite says that its author was; a bad hint is no more than useless.

        One that nobody signed may be of whoever had the invite on its way. A host name would ask
        its owner's server who looks, and low ports are doors of other services. A private address
        means another machine in the next house: it is dialled a few times, and kept once it led to
        a link.
        """
        if not isinstance(command, AddContact) or not isinstance(answer, ContactAnswer):
            return
        addresses = parse_invite(command.link, is_signature_valid).signed_addresses
        for text in reversed(addresses):
            with suppress(UserError):
                address = parse_address(text)
                if not _is_of_node(address):
                    continue
                self._dialer.targets.remember([address], now)
                if is_global(address):
                    self._remember([ANYWHERE], address, is_sure=False)

    def link_up(self, link: LinkId, now: Instant) -> None:
        """An address that worked is dialled first after a restart, before discovery wakes, if it
        may be anywhere; else when this machine is on its network again.
        """
        self._again_at = None
        own = self._streams.networks
        peer = self._streams.ready.get(link)
        if own.prefixes and peer is not None and peer.link.hello is not None:
            address = peer.address
            if not peer.link.is_initiator:
                address = Address(address.host, peer.link.hello.port, address.scope)
            if _is_of_node(address):
                networks = [ANYWHERE] if is_global(address) else own.prefixes_of(address)
                self._remember(networks, address, is_sure=peer.link.is_initiator)
            return
        working = [str(address) for address in self._dialer.links.working_addresses()]
        remembered = list(dict.fromkeys((*working, *self._remembered)))[:REMEMBERED_ADDRESSES_MAX]
        if remembered != self._remembered and not self._buffer.room.is_full:
            self._remembered = remembered
            with transaction(self._connection):
                self._store.link_state.put_setting(REMEMBERED, "\n".join(remembered).encode())

    def link_down(self, link: LinkId, now: Instant) -> None:
        """Try soon who else was reached here, after the last link ended."""
        if not self._streams.ready and self._streams.networks.prefixes:
            self._again_at = now.monotonic

    def tend(self, now: Instant) -> None:
        """Dial what is known of a network that this machine has come to, and again later."""
        own = self._streams.networks
        is_new = own.prefixes and self._dialled_on is not own
        is_due = self._again_at is not None and self._again_at <= now.monotonic
        if not (is_new or is_due):
            return
        self._dialled_on = own
        if self._remembered:
            self._sort_by_network(own)
        self._again_at = None if self._streams.ready else now.after(REMEMBERED_AGAIN_MS)
        known = [parse_address(text) for text in self._memory.known_at(own.prefixes)]
        linked = [one.address for one in self._streams.ready.values()]
        self._dialer.targets.remember([one for one in known if one not in linked], now)

    def deadline(self) -> Monotonic | None:
        """Return when the remembered are dialled again."""
        return self._again_at

    def _sort_by_network(self, own: OwnNetworks) -> None:
        """Of what was kept without a network the near stand under that of now, the far anywhere."""
        if self._buffer.room.is_full:
            return
        for text in reversed(self._remembered):
            address = parse_address(text)
            near = own.prefixes_of(address) if own.network_of(address) != FAR else ()
            self._memory.worked(near or [ANYWHERE], text)
        self._remembered = []
        with transaction(self._connection):
            self._store.link_state.put_setting(REMEMBERED, b"")
            self._store.link_state.put_setting(BY_NETWORK, self._memory.encode())

    def _remember(self, networks: Sequence[str], address: Address, *, is_sure: bool) -> None:
        """Keep an address under these networks, where the disk has room for it."""
        is_news = self._memory.worked(networks, str(address), is_sure=is_sure)
        if is_news and not self._buffer.room.is_full:
            with transaction(self._connection):
                self._store.link_state.put_setting(BY_NETWORK, self._memory.encode())

    def _add(self, text: str, now: Instant) -> Done:
        """Keep an address that a person typed, and dial it."""
        address = parse_address(text)
        self._buffer.room.require()
        if len(self._store.link_state.peers()) >= CONFIGURED_PEERS_MAX:
            raise UserError("too-many", "There are too many configured peers; remove one first.")
        with transaction(self._connection):
            self._store.link_state.add_peer(str(address))
        self._dialer.targets.configure(address, now)
        return Done()

    def _remove(self, text: str) -> Done:
        """Forget an address that a person typed; a link that stands stays."""
        address = parse_address(text)
        self._buffer.room.require()
        if str(address) not in self._store.link_state.peers():
            raise UserError("not-found", f"{address} is not a configured peer; see mesh peers.")
        with transaction(self._connection):
            self._store.link_state.remove_peer(str(address))
        self._dialer.targets.unconfigure(address)
        return Done()

    def _peers(self, now: Instant) -> PeersAnswer:
        """Links first, then what could be dialled."""
        labels = self._labels()
        configured = self._store.link_state.peers()
        linked = [
            PeerAnswer(
                address=str(one.address),
                state="linked" if one.is_ready else "connecting",
                is_configured=str(one.address) in configured,
                is_dialled_by_us=one.link.is_initiator,
                connected_seconds=(now.monotonic - one.connected_at) // 1_000_000,
                bytes_received=one.bytes_received,
                bytes_sent=one.bytes_sent,
                interface=self._streams.interface_of(link),
                contact=labels.get(link, ""),
            )
            for link, one in self._streams.all.items()
        ]
        # Whose dial has led to a stream is among these already.
        streaming = {one.dial: None for one in self._streams.all.values() if one.dial is not None}
        linked.sort(key=lambda peer: (peer.state != "linked", peer.address))
        seen = [
            PeerAnswer(
                address=str(target.addresses[0]),
                state=_state_of(target),
                source=_SOURCES[target.source],
                is_configured=target.source is Source.CONFIGURED,
                is_dialled_by_us=True,
                connected_seconds=0,
                bytes_received=0,
                bytes_sent=0,
            )
            for target in self._dialer.targets.unlinked()
            if target.dial not in streaming
        ]
        return PeersAnswer(peers=[*linked, *seen])


def _is_of_node(address: Address) -> bool:
    """Say whether a node may be there, and no other service."""
    return is_node_address(address) and address.port >= PORT_MIN


def _state_of(target: Target) -> Literal["connecting", "seen", "waiting"]:
    if target.dial is not None:
        return "connecting"
    return "waiting" if target.failures_count else "seen"


def parse_address(text: str) -> Address:
    """The address in `text`; UserError `bad-address` if it is none."""
    host, colon, port_text = text.strip().rpartition(":")
    is_number = port_text.isascii() and port_text.isdigit() and len(port_text) <= 5
    if not colon or not is_number or not 0 < int(port_text) <= _PORT_MAX:
        raise _bad(text)
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise _bad(text)
    host, percent, scope_text = host.partition("%")
    if percent and not (scope_text.isascii() and scope_text.isdigit()):
        raise _bad(text)
    if not host or len(host) > _HOST_CHARACTERS_MAX or any(char.isspace() for char in host):
        raise _bad(text)
    return Address(host, int(port_text), int(scope_text) if percent else 0)


def _bad(text: str) -> UserError:
    return UserError(
        "bad-address",
        f"{text[:80]!r} is not an address; write HOST:PORT, such as 192.168.1.20:41730"
        " or [fe80::1%3]:41730.",
    )
