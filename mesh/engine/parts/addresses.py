"""Addresses that outlive a run: those that a person typed, and those that worked.

They stand in the store and are given to the dialing machine at start. People write addresses as
HOST:PORT or [IPv6]:PORT, an interface index after `%`.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, Literal, assert_never

from mesh.commands.answer import Answer, Done
from mesh.commands.command import Command
from mesh.commands.contacts import AddContact, ContactAnswer
from mesh.commands.peers import AddPeer, AskPeers, PeerAnswer, PeersAnswer, RemovePeer
from mesh.crypto.signing import is_signature_valid
from mesh.engine.link_streams import Streams
from mesh.engine.part import Part
from mesh.errors import UserError
from mesh.ids import Address, Instant, LinkId
from mesh.inputs import Connection
from mesh.limits.peering import CONFIGURED_PEERS_MAX, REMEMBERED_ADDRESSES_MAX
from mesh.peering.dialer import Dialer
from mesh.peering.targets import Source, Target
from mesh.storage.connection import transaction
from mesh.storage.store.store import Store
from mesh.wire.invite import parse_invite

REMEMBERED: Final = "addresses that worked"
"""The setting of the store that holds them, one a line."""
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
        store: Store,
        dialer: Dialer,
        streams: Streams,
        labels: Callable[[], Mapping[LinkId, str]],
        now: Instant,
    ) -> None:
        self._connection = connection
        self._store = store
        self._dialer = dialer
        self._streams = streams
        # How our person calls those who are known at the other ends of links.
        self._labels = labels
        for text in store.link_state.peers():
            dialer.targets.configure(parse_address(text), now)
        stored = store.link_state.find_setting(REMEMBERED)
        self._remembered = stored.decode().split("\n") if stored else []
        dialer.targets.remember([parse_address(text) for text in self._remembered], now)

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
        """Dial where an invite says that its author was; a bad hint is no more than useless."""
        if not isinstance(command, AddContact) or not isinstance(answer, ContactAnswer):
            return
        hint = parse_invite(command.link, is_signature_valid).address_hint
        with suppress(UserError):
            self._dialer.targets.remember([parse_address(hint)] if hint else [], now)

    def link_up(self, link: LinkId, now: Instant) -> None:
        """Addresses that worked are dialled first after a restart, before discovery wakes."""
        working = [str(address) for address in self._dialer.links.working_addresses()]
        remembered = list(dict.fromkeys((*working, *self._remembered)))[:REMEMBERED_ADDRESSES_MAX]
        if remembered != self._remembered:
            self._remembered = remembered
            with transaction(self._connection):
                self._store.link_state.put_setting(REMEMBERED, "\n".join(remembered).encode())

    def _add(self, text: str, now: Instant) -> Done:
        """Keep an address that a person typed, and dial it."""
        address = parse_address(text)
        if len(self._store.link_state.peers()) >= CONFIGURED_PEERS_MAX:
            raise UserError("too-many", "There are too many configured peers; remove one first.")
        with transaction(self._connection):
            self._store.link_state.add_peer(str(address))
        self._dialer.targets.configure(address, now)
        return Done()

    def _remove(self, text: str) -> Done:
        """Forget an address that a person typed; a link that stands stays."""
        address = parse_address(text)
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
