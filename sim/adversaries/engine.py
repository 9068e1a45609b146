"""The engine of a hostile node: streams, real links, and whom it dials.

It stands where an engine stands behind `sim.hosts.driver_protocol.AnyEngine`. It has the psk and
today's protocol, so it passes every handshake with the real machine of `mesh.link`; what it then
sends is decided by its `Behaviour`. It dials whom discovery shows it, and whoever dials it is let
in.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import Kem
from mesh.effects import Announce, Dial, Disconnect, Effect, SendBytes
from mesh.errors import PeerError
from mesh.ids import Address, DialId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.inputs import (
    BytesReceived,
    Connected,
    DialFailed,
    Disconnected,
    Input,
    PeerGone,
    PeerSeen,
)
from mesh.link.first_messages import FirstMessages
from mesh.link.link import BeginHandshake, HandshakeSetup, Link, own_hello
from mesh.wire.frames import Frame, IHave, Push, Stem, StemRetired, Stubs, encode_frame
from mesh.wire.parameters import MeshParameters
from sim.adversaries.behaviour import Behaviour
from sim.kernel.entropy import Chance

REDIAL_US: Final = 2_000_000
"""How long one waits after a dial that failed or a link that ended: it is in a hurry."""

DIALS_AT_ONCE_MAX: Final = 8
INSTANCE_BYTES: Final = 8
LINKS_HELD_MAX: Final = 256
"""Streams of one hostile node: far more than an honest one holds, and a run must end."""


@dataclass(slots=True)
class Tally:
    """The account of one hostile node: what it sent and what it got, for the invariant of
    amplification.
    """

    sent_bytes: int = 0
    received_bytes: int = 0
    bodies_bytes: int = 0
    """Of what was received, envelopes: mail that every neighbour is given."""

    announced_bytes: int = 0
    """Of what was received, ids of such mail."""

    streams_count: int = 0
    links_count: int = 0
    faults_count: int = 0


@dataclass(slots=True)
class _Target:
    """Somebody whom discovery showed."""

    addresses: tuple[Address, ...]
    not_before: Monotonic
    streams: dict[LinkId, None] = field(default_factory=dict)
    dials_count: int = 0


class AdversaryEngine:
    """One life of a hostile node."""

    def __init__(
        self,
        behaviour: Behaviour,
        *,
        parameters: MeshParameters,
        entropy: Entropy,
        kem: Kem,
        begin: BeginHandshake,
        chance: Chance,
        tally: Tally,
        dials: bool,
    ) -> None:
        self._behaviour = behaviour
        self._may_dial = dials
        self._setup = HandshakeSetup(parameters, FirstMessages(), entropy, kem, begin)
        self._entropy = entropy
        self._chance = chance
        self._tally = tally
        self._static = entropy.draw(32)
        self._nonce = entropy.draw(16)
        self._targets: dict[str, _Target] = {}
        self._dials: dict[DialId, str] = {}
        self._links: dict[LinkId, Link] = {}
        self._raw: dict[LinkId, None] = {}
        self._of_target: dict[LinkId, str] = {}
        self._next_dial = 1
        self._act_at: Monotonic | None = None
        self._effects: list[Effect] = [
            Announce(self._nonce[:INSTANCE_BYTES].hex(), None, is_new_network=False)
        ]

    def handle(self, batch: Sequence[Input], now: Instant, /) -> list[Effect]:
        """Return what happened, and what it does about that."""
        if self._act_at is None:
            self._act_at = Monotonic(now.monotonic + self._chance.below(self._behaviour.pause_us))
        for happened in batch:
            self._happened(happened, now)
        if now.monotonic >= self._act_at:
            self._act_at = Monotonic(now.monotonic + self._behaviour.pause_us)
            self._behaviour.act(now)
        self._dial(now)
        self._flush(now)
        effects, self._effects = self._effects, []
        return effects

    def deadline(self) -> Monotonic | None:
        """Return when it wants to act, dial, or keep a link alive."""
        waits = [one.not_before for one in self._targets.values() if self._wants(one)]
        if len(self._dials) >= DIALS_AT_ONCE_MAX:
            waits = []
        pings = [each for link in self._links.values() if (each := link.deadline()) is not None]
        due = [] if self._act_at is None else [self._act_at]
        return min([*due, *waits, *pings], default=None)

    # --- What happens -------------------------------------------------------------------------

    def _happened(self, happened: Input, now: Instant) -> None:
        match happened:
            case PeerSeen(instance=instance, addresses=addresses):
                if addresses and self._behaviour.is_target(addresses):
                    fresh = _Target(addresses, now.monotonic)
                    self._targets.setdefault(instance, fresh).addresses = addresses
            case PeerGone(instance):
                self._targets.pop(instance, None)
            case DialFailed(dial, _):
                self._dial_ended(dial, None, now)
            case Connected(link, dial, _):
                self._connected(link, dial, now)
            case BytesReceived(link, data):
                self._received(link, data, now)
            case Disconnected(link):
                self._ended(link, now)
            case _:
                pass

    def _connected(self, link: LinkId, dial: DialId | None, now: Instant) -> None:
        self._tally.streams_count += 1
        self._dial_ended(dial, link, now)
        if len(self._links) + len(self._raw) >= LINKS_HELD_MAX:
            self._effects.append(Disconnect(link, "enough"))
            return
        raw = self._behaviour.first_bytes(is_dialled=dial is not None)
        if raw is not None:
            self._raw[link] = None
            self._behaviour.raw_opened(link)
            self._send_bytes(link, raw)
            return
        is_many = self._behaviour.links_per_target > 1
        self._links[link] = Link(
            self._setup,
            link_private=self._entropy.draw(32) if is_many else self._static,
            is_initiator=dial is not None,
            hello=own_hello(
                self._entropy.draw(16) if is_many else self._nonce,
                UnixSeconds(now.unix_seconds + self._behaviour.lie_seconds(self._chance)),
            ),
            now=now,
        )

    def _received(self, link_id: LinkId, data: bytes, now: Instant) -> None:
        self._tally.received_bytes += len(data)
        self._behaviour.heard_raw(link_id, data)
        link = self._links.get(link_id)
        if link is None:
            return
        was_ready = link.is_ready
        try:
            frames = link.receive(data, now)
        except PeerError:
            self._end(link_id)
            return
        if link.is_ready and not was_ready:
            self._tally.links_count += 1
            self._behaviour.links[link_id] = None
            self._belongs(link_id, link)
            self._behaviour.opened(link_id, now)
        for frame in frames:
            if isinstance(frame, Push | Stem):
                self._tally.bodies_bytes += len(encode_frame(frame))
            else:
                self._tally.announced_bytes += announced_bytes(frame)
            # Hostile nodes send each other forms that are none, too.
            with suppress(PeerError):
                self._behaviour.came(link_id, frame, now)

    def _belongs(self, link_id: LinkId, link: Link) -> None:
        """Whoever dialled us need not be dialled too."""
        assert link.hello is not None
        name = link.hello.nonce[:INSTANCE_BYTES].hex()
        target = self._targets.get(name)
        if target is not None and link_id not in self._of_target:
            target.streams[link_id] = None
            self._of_target[link_id] = name

    def _ended(self, link: LinkId, now: Instant) -> None:
        self._links.pop(link, None)
        self._raw.pop(link, None)
        if self._behaviour.links.pop(link, False) is None:
            self._tally.faults_count += 1
            self._behaviour.closed(link)
        target = self._targets.get(self._of_target.pop(link, ""))
        if target is not None:
            target.streams.pop(link, None)
            target.not_before = self._later(now)

    # --- What it does -------------------------------------------------------------------------

    def _wants(self, target: _Target) -> bool:
        count = len(target.streams) + target.dials_count
        is_room = len(self._links) + len(self._raw) < LINKS_HELD_MAX
        return self._may_dial and is_room and count < self._behaviour.links_per_target

    def _dial(self, now: Instant) -> None:
        for name, target in self._targets.items():
            if len(self._dials) >= DIALS_AT_ONCE_MAX:
                return
            if self._wants(target) and target.not_before <= now.monotonic:
                dial = DialId(self._next_dial)
                self._next_dial += 1
                self._dials[dial] = name
                target.dials_count += 1
                address = self._chance.pick(target.addresses)
                self._effects.append(Dial(dial, address))

    def _dial_ended(self, dial: DialId | None, link: LinkId | None, now: Instant) -> None:
        if dial is None:
            return
        name = self._dials.pop(dial)
        target = self._targets.get(name)
        if target is None:
            return
        target.dials_count -= 1
        if link is None:
            target.not_before = self._later(now)
        else:
            target.streams[link] = None
            self._of_target[link] = name

    def _later(self, now: Instant) -> Monotonic:
        return Monotonic(now.monotonic + self._chance.between(REDIAL_US // 2, REDIAL_US))

    def _end(self, link: LinkId) -> None:
        if self._links.pop(link, None) is not None or self._raw.pop(link, False) is None:
            self._effects.append(Disconnect(link, "done"))

    def _flush(self, now: Instant) -> None:
        for link_id, frame in self._behaviour.take_frames():
            if link_id in self._links:
                self._links[link_id].send(frame)
        for link_id, raw in self._behaviour.take_raw():
            if link_id in self._raw:
                self._send_bytes(link_id, raw)
        for link_id, link in list(self._links.items()):
            deadline = link.deadline()
            if deadline is not None and deadline <= now.monotonic:
                try:
                    link.deadline_passed(now)
                except PeerError:
                    self._end(link_id)
                    continue
            data = link.take_bytes(now)
            if data:
                self._send_bytes(link_id, data)

    def _send_bytes(self, link: LinkId, data: bytes) -> None:
        if data:
            self._tally.sent_bytes += len(data)
            self._effects.append(SendBytes(link, data))


def announced_bytes(frame: Frame) -> int:
    """Bytes of a frame that tell of mail."""
    return len(encode_frame(frame)) if isinstance(frame, IHave | Stubs | StemRetired) else 0
