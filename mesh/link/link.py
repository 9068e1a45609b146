"""A link: one stream to a peer, from the first handshake byte to the last frame.

Implements `docs/protocol/link.md`. A live machine without a socket: bytes come in, frames come
out, and the other way round.

Theory of operation. A link is `Handshaking`, then `Open`, then `Closed`. The dialler speaks
first. A responder that cannot read the first message, or has seen it before, raises `PeerError`
without having written a byte: to an outsider a closed mesh is silence. Both sides send `Hello`
as soon as they may; the link is *ready* when the other's Hello was read and a version agreed. What
the other side took for its last step of the handshake is a first `round_trip_ms`.
Frames wait in `_outgoing` until `take_bytes`, so that what is ready in one batch shares records.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from mesh.crypto.agreement import x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import Kem
from mesh.errors import PeerError
from mesh.ids import Instant, LinkKey, Monotonic, UnixSeconds
from mesh.limits.link import (
    HANDSHAKE_TIMEOUT_MS,
    LINK_CHECK_MS,
    LINK_DEAD_MS,
    LINK_PING_GRACE_MS,
    LINK_PING_IDLE_MS,
    LINK_PING_STEP_MS,
    LINK_RECEIVE_FRAMES_BURST,
    LINK_RECEIVE_FRAMES_PER_SECOND,
    LINK_SILENT_MS,
)
from mesh.link.first_messages import FirstMessages
from mesh.link.noise import HandshakeState
from mesh.link.patterns import LINK_PROTOCOL
from mesh.link.records import (
    Cipher,
    HandshakeReader,
    RecordReader,
    RecordWriter,
    handshake_block,
)
from mesh.token_bucket import TokenBucket
from mesh.wire.frames import (
    PROTOCOL_VERSIONS,
    Frame,
    Hello,
    Ping,
    Pong,
    decode_frame,
    encode_frame,
    rounded_time,
)
from mesh.wire.parameters import MeshParameters

PROLOGUE: Final = b"mesh/link/1"

_STEP_US: Final = 1000 * LINK_PING_STEP_MS


class Handshake(Protocol):
    """One side of a handshake: messages in turn, then a cipher for each direction."""

    @property
    def is_finished(self) -> bool: ...
    @property
    def is_our_turn(self) -> bool: ...
    @property
    def handshake_hash(self) -> bytes: ...
    @property
    def remote_static(self) -> bytes: ...
    @property
    def remote_ephemeral(self) -> bytes: ...
    def write_message(self, payload: bytes, /) -> bytes: ...
    def read_message(self, message: bytes, /) -> bytes: ...
    def split(self) -> tuple[Cipher, Cipher]: ...


class BeginHandshake(Protocol):
    """The beginning of a link: `begin_noise`, or in a simulator one that keeps no secret."""

    def __call__(
        self,
        *,
        is_initiator: bool,
        entropy: Entropy,
        kem: Kem,
        prologue: bytes,
        static: bytes,
        psk: bytes,
    ) -> Handshake: ...


def begin_noise(
    *,
    is_initiator: bool,
    entropy: Entropy,
    kem: Kem,
    prologue: bytes,
    static: bytes,
    psk: bytes,
) -> Handshake:
    """The handshake of all links of the mesh."""
    return HandshakeState(
        LINK_PROTOCOL,
        is_initiator=is_initiator,
        entropy=entropy,
        kem=kem,
        prologue=prologue,
        static=static,
        psks=(psk,),
    )


IsMeant = Callable[[bytes, Instant], bool]
"""Says of the payload of a first message whether it is answered; PeerError if it is none."""


def says_nothing(payload: bytes, _: Instant) -> bool:
    """In an open mesh a first message is for whoever gets it."""
    return not payload


@dataclass(frozen=True, slots=True)
class HandshakeSetup:
    """The beginning of a node's handshakes; `first_messages` are those that it has heard."""

    parameters: MeshParameters
    first_messages: FirstMessages
    entropy: Entropy
    kem: Kem
    begin: BeginHandshake = begin_noise

    def start(self, link_private: bytes, *, is_initiator: bool) -> Handshake:
        """A new handshake under this link key."""
        return self.begin(
            is_initiator=is_initiator,
            entropy=self.entropy,
            kem=self.kem,
            prologue=PROLOGUE + self.parameters.mesh_id,
            static=link_private,
            psk=self.parameters.psk,
        )


def own_hello(
    nonce: bytes, mesh_now: UnixSeconds, *, features: Sequence[int] = (), told_port: int = 0
) -> Hello:
    """Return what this side says of itself; `told_port` is where it takes calls, 0 if nobody is
    told.
    """
    return Hello(
        versions=list(PROTOCOL_VERSIONS),
        features=list(features),
        mesh_time=rounded_time(mesh_now),
        nonce=nonce,
        port=told_port,
    )


@dataclass(slots=True)
class Handshaking:
    """The handshake is under way."""

    noise: Handshake
    reader: HandshakeReader


@dataclass(slots=True)
class Open:
    """Both ciphers stand; `hello` is the other side's, once it came."""

    reader: RecordReader
    writer: RecordWriter
    remote_key: LinkKey
    handshake_hash: bytes
    hello: Hello | None = None


@dataclass(slots=True)
class Closed:
    """Nothing is read or written any more."""


class Link:
    """One side of one link. After a `PeerError` it is closed for good."""

    def __init__(
        self,
        setup: HandshakeSetup,
        *,
        link_private: bytes,
        is_initiator: bool,
        hello: Hello,
        now: Instant,
        first_payload: bytes = b"",
        is_meant: IsMeant = says_nothing,
    ) -> None:
        """`hello` is sent as soon as the handshake is done.

        `first_payload`: what our first message says; `is_meant`: whether theirs is answered.
        """
        noise = setup.start(link_private, is_initiator=is_initiator)
        self.is_initiator: Final = is_initiator
        self.local_key: Final = LinkKey(x25519_public(link_private))
        self.opened_at: Monotonic | None = None
        self.round_trip_ms = 0
        self.resumed_at: Monotonic | None = None
        """When it was last heard again after a long silence, if it was."""
        self.unknown_frames_count = 0
        self._first_messages = setup.first_messages
        self._is_meant = is_meant
        self.said: Final = hello
        self._state: Handshaking | Open | Closed = Handshaking(noise, HandshakeReader())
        self._raw = bytearray()
        self._outgoing: list[bytes] = []
        self._heard_at = now.monotonic
        self._spoke_at = now.monotonic
        self._started_at = now.monotonic
        self._check_ends_at: Monotonic | None = None
        self._pongs_due = 0
        # It is the same for all links of a link key, and nobody else can know it. So the steps tell
        # nothing of the clock behind them, by which a node would be known under its next key.
        drawn = blake2b(link_private, b"", b"mesh/ping-steps", 8)
        self._step_phase_us: Final = int.from_bytes(drawn, "big") % _STEP_US
        # Each frame costs us at least a decode.
        self._frames_allowed = TokenBucket(
            per_second=LINK_RECEIVE_FRAMES_PER_SECOND, burst=LINK_RECEIVE_FRAMES_BURST, now=now
        )
        if is_initiator:
            self._raw += handshake_block(noise.write_message(first_payload))

    @property
    def is_ready(self) -> bool:
        """Say whether frames may be exchanged: handshake done and Hello read."""
        return isinstance(self._state, Open) and self._state.hello is not None

    @property
    def remote_key(self) -> LinkKey | None:
        """The other side's link key, once the handshake is done."""
        return self._state.remote_key if isinstance(self._state, Open) else None

    @property
    def handshake_hash(self) -> bytes:
        """Return what the whole handshake comes to, the same on both sides and on no other link."""
        assert isinstance(self._state, Open)
        return self._state.handshake_hash

    @property
    def hello(self) -> Hello | None:
        """The other side's Hello, once it was read."""
        return self._state.hello if isinstance(self._state, Open) else None

    @property
    def version(self) -> int:
        """The greatest version that both sides speak; 0 before the other's Hello was read."""
        told = () if self.hello is None else self.hello.versions
        return max((one for one in told if one in PROTOCOL_VERSIONS), default=0)

    def receive(self, received: bytes, now: Instant) -> list[Frame]:
        """Take bytes of any cut and return the frames that they complete.

        Hello, Ping and Pong are dealt with here and not returned. Raises PeerError on anything
        wrong; the link is then closed.
        """
        try:
            return self._receive(received, now)
        except PeerError:
            self._state = Closed()
            self._outgoing.clear()
            raise

    @property
    def has_frames(self) -> bool:
        """Say whether frames wait for the next `take_bytes`."""
        return bool(self._outgoing)

    def send(self, frame: Frame, *, is_first: bool = False) -> None:
        """Queue a frame, behind or before the others; it leaves with the next `take_bytes`."""
        if isinstance(frame, Ping):
            self._pongs_due += 1
        self._outgoing.insert(0 if is_first else len(self._outgoing), encode_frame(frame))

    def take_bytes(self, now: Instant) -> bytes:
        """All bytes that may leave now, in order."""
        taken = bytes(self._raw)
        self._raw.clear()
        if self._outgoing and isinstance(self._state, Open):
            written = self._state.writer.write(self._outgoing)
            self._outgoing.clear()
            taken = taken + written if taken else written
        if taken:
            self._spoke_at = now.monotonic
        return taken

    def close(self) -> None:
        """Take nothing more from the other side; what was queued may still leave."""
        if self._outgoing and isinstance(self._state, Open):
            self._raw += self._state.writer.write(self._outgoing)
            self._outgoing.clear()
        self._state = Closed()

    def check(self, now: Instant) -> None:
        """The other side may be gone: ask, and wait no longer than a moment for the answer.

        What else comes may have been sent before the question, and lain in a buffer while this
        machine slept. It puts the end off by a moment, since a living side with much to send
        answers behind that.
        """
        if self.is_ready:
            self.send(Ping())
            self._check_ends_at = now.after(LINK_CHECK_MS)

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        match self._state:
            case Closed():
                return None
            case Open(hello=Hello()):
                return min(self._dead_at, self._asks_at)
            case _:
                return Monotonic(self._started_at + HANDSHAKE_TIMEOUT_MS * 1000)

    def deadline_passed(self, now: Instant) -> None:
        """Ping an idle peer; PeerError if it is dead or never finished its handshake."""
        if not self.is_ready:
            if now.monotonic >= self._started_at + HANDSHAKE_TIMEOUT_MS * 1000:
                self._state = Closed()
                raise PeerError("handshake took too long")
            return
        if now.monotonic >= self._dead_at:
            self._state = Closed()
            raise PeerError("neighbour went silent")
        if now.monotonic >= self._asks_at:
            self.send(Ping())

    @property
    def _asks_at(self) -> Monotonic:
        """Return when silence of our own becomes a ping.

        Who dialled asks at the first step after half of the time. So one who was dialled, and would
        wait for the whole of it and a moment, mostly never asks.
        """
        if not self.is_initiator:
            return Monotonic(self._spoke_at + 1000 * (LINK_PING_IDLE_MS + LINK_PING_GRACE_MS))
        earliest = self._spoke_at + 1000 * LINK_PING_IDLE_MS - _STEP_US
        return Monotonic(earliest + _STEP_US - (earliest - self._step_phase_us) % _STEP_US)

    @property
    def _dead_at(self) -> Monotonic:
        """Return when silence becomes death."""
        dead_at = Monotonic(self._heard_at + LINK_DEAD_MS * 1000)
        return dead_at if self._check_ends_at is None else min(dead_at, self._check_ends_at)

    def _receive(self, received: bytes, now: Instant) -> list[Frame]:
        if now.monotonic - self._heard_at >= LINK_SILENT_MS * 1000:
            self.resumed_at = now.monotonic
        self._heard_at = now.monotonic
        if self._check_ends_at is not None:
            self._check_ends_at = now.after(LINK_CHECK_MS)
        if isinstance(self._state, Handshaking):
            received = self._shake_hands(self._state, received, now)
        match self._state:
            case Open() as open_:
                return self._frames(open_, open_.reader.feed(received), now)
            case _:
                return []

    def _shake_hands(self, state: Handshaking, received: bytes, now: Instant) -> bytes:
        """Walk on in the handshake; return the bytes that belong to the records behind it."""
        noise = state.noise
        state.reader.feed(received)
        while not noise.is_finished and (message := state.reader.find_message()) is not None:
            payload = noise.read_message(message)
            if noise.is_our_turn and not self.is_initiator:
                self._refuse_replay(noise, payload, now)
            elif payload:
                raise PeerError("handshake carries a payload")
            if noise.is_our_turn:
                self._raw += handshake_block(noise.write_message(b""))
        if not noise.is_finished:
            return b""
        sending, receiving = noise.split()
        self._state = Open(
            reader=RecordReader(receiving),
            writer=RecordWriter(sending),
            remote_key=LinkKey(noise.remote_static),
            handshake_hash=noise.handshake_hash,
        )
        self.opened_at = now.monotonic
        self.round_trip_ms = (now.monotonic - self._spoke_at) // 1000
        self.send(self.said)
        return state.reader.rest()

    def _refuse_replay(self, noise: Handshake, payload: bytes, now: Instant) -> None:
        """Before a responder answers at all, refuse a first message that was made for another one,
        or played before.
        """
        if not self._is_meant(payload, now):
            raise PeerError("a first message for somebody else")
        if not self._first_messages.is_fresh(noise.remote_ephemeral):
            raise PeerError("replayed handshake")

    def _frames(self, state: Open, raw: Sequence[bytes | memoryview], now: Instant) -> list[Frame]:
        if not self._frames_allowed.take(len(raw), now):
            raise PeerError("flood of frames")
        frames: list[Frame] = []
        for data in raw:
            frame = decode_frame(data)
            if state.hello is None:
                state.hello = _agreed_hello(frame)
                continue
            match frame:
                case None:
                    self.unknown_frames_count += 1
                case Hello():
                    raise PeerError("a second Hello")
                case Ping():
                    self.send(Pong())
                case Pong():
                    self._pong_came()
                case _:
                    frames.append(frame)
        return frames

    def _pong_came(self) -> None:
        """With the answer to the last question the other side is known to be there."""
        self._pongs_due = max(0, self._pongs_due - 1)
        if self._pongs_due == 0:
            self._check_ends_at = None


def _agreed_hello(frame: Frame | None) -> Hello:
    """The first frame, if it is a Hello that shares a version with us."""
    if not isinstance(frame, Hello):
        raise PeerError("the first frame is not a Hello")
    if not any(version in frame.versions for version in PROTOCOL_VERSIONS):
        raise PeerError("no common version")
    return frame
