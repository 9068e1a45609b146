"""Records what a relay and a listener see of a world, and beside it what is true.

The format is `docs/captures.md`. It looks at the bytes of all streams, which links without
secrecy (`sim.hosts.plain_links`) leave open, at the same lengths and instants as with it: a
relay's own links are given decrypted, and of all others lengths and times alone. Who sent an
envelope before anybody else wrote it, and who first told its retirement read it.
"""

import gzip
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

import msgspec

from mesh.crypto.aead import TAG_BYTES
from mesh.errors import PeerError
from mesh.ids import EnvelopeId
from mesh.inputs import BytesReceived, Disconnected, Input
from mesh.wire.envelope import SIZE_BYTES, VERSION, Envelope, decode_envelope
from mesh.wire.frames import (
    Audit,
    AuditResult,
    Close,
    DoNotWant,
    Frame,
    Graft,
    Held,
    Hello,
    IHave,
    IWant,
    NearbyAsk,
    NearbyCard,
    NearbySealed,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Pex,
    PexRequest,
    Ping,
    Pong,
    Prune,
    Push,
    Root,
    Stubs,
    Time,
    Vouches,
    Who,
    decode_frame,
)
from mesh.wire.retirement import RETIREMENT_BYTES, Retirement, is_token_of
from sim.network.stream import End

SHORT: Final = 8
"""Of ids, keys and tags so many bytes stand in a capture, as hex: enough to tell them apart."""

ENTRY: Final = 33
HANDSHAKE_BLOCKS: Final = (2, 1)
"""Of who dialled, and of who was called: handshake messages before the first record."""

Detail = dict[str, object]
Line = list[object]


class Split:
    """One direction of a stream: bytes of any cut into blocks, and records into frames."""

    __slots__ = ("_frames", "_handshakes", "_raw")

    def __init__(self, handshakes: int) -> None:
        self._handshakes = handshakes
        self._raw = bytearray()
        self._frames = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, bool, list[bytes]]]:
        """Each block that is whole: its length with the two bytes before it, whether it is of the
        handshake, and the frames that it ends.
        """
        raw = self._raw
        raw += data
        while len(raw) >= 2 and len(raw) >= 2 + (size := int.from_bytes(raw[:2], "big")):
            block = bytes(raw[2 : 2 + size])
            del raw[: 2 + size]
            if self._handshakes:
                self._handshakes -= 1
                yield size + 2, True, []
            else:
                yield size + 2, False, self._take_frames(block[:-TAG_BYTES])

    def _take_frames(self, plaintext: bytes) -> list[bytes]:
        frames, whole = self._frames, []
        frames += plaintext
        while len(frames) >= 4 and len(frames) >= 4 + (size := int.from_bytes(frames[:4], "big")):
            whole.append(bytes(frames[4 : 4 + size]))
            del frames[: 4 + size]
        return whole


@dataclass(slots=True)
class _Stream:
    number: int
    ends: tuple[End, End]
    sent: tuple[Split, Split]
    heard: tuple[Split, Split]
    is_over: bool = False

    def side(self, end: End) -> int:
        """0 at who dialled, 1 at who was called."""
        return 0 if end is self.ends[0] else 1


@dataclass(slots=True)
class Post:
    """The truth of one envelope."""

    author: int
    at: int
    reader: int | None = None
    """Who told first that it is done with; its author, where it was withdrawn or a dummy."""

    told: int | None = None
    is_read_token: bool = False


@dataclass(slots=True)
class Recorder:
    """Sees all streams of a world. `relays` are the nodes whose frames are written down."""

    relays: tuple[int, ...]
    now: "Clock"
    relay_lines: dict[int, list[Line]] = field(default_factory=dict)
    listener_lines: list[Line] = field(default_factory=list)
    posts: dict[str, Post] = field(default_factory=dict)
    _streams: dict[End, _Stream] = field(default_factory=dict)
    _by_link: dict[tuple[int, int], End] = field(default_factory=dict)
    _headers: dict[bytes, Envelope] = field(default_factory=dict)
    _count: int = 0

    def __post_init__(self) -> None:
        """Begin empty."""
        self.relay_lines = {relay: [] for relay in self.relays}

    def joined(self, near: End, far: End) -> None:
        """A stream begins: `near` has dialled."""
        if near in self._streams:
            return
        self._count += 1
        stream = _Stream(
            self._count,
            (near, far),
            (Split(HANDSHAKE_BLOCKS[0]), Split(HANDSHAKE_BLOCKS[1])),
            (Split(HANDSHAKE_BLOCKS[0]), Split(HANDSHAKE_BLOCKS[1])),
        )
        for end in (near, far):
            self._streams[end] = stream
            self._by_link[end.host.index, end.link] = end
        callers = (near.host.index, far.host.index)
        self.listener_lines.append([self.now.us, "open", stream.number, *callers])
        for end, other in ((near, far), (far, near)):
            lines = self.relay_lines.get(end.host.index)
            if lines is not None:
                is_ours = end is near
                lines.append([self.now.us, "open", stream.number, other.host.index, is_ours])

    def sent(self, end: End, data: bytes) -> None:
        """A node hands bytes to a stream."""
        stream = self._streams[end]
        side = stream.side(end)
        lines = self.relay_lines.get(end.host.index)
        for size, is_handshake, frames in stream.sent[side].feed(data):
            word = "handshake" if is_handshake else "record"
            self.listener_lines.append([self.now.us, word, stream.number, side, size])
            for raw in frames:
                frame = _decoded(raw)
                if frame is None:
                    if lines is not None:
                        lines.append([self.now.us, "out", stream.number, "Unknown", len(raw), {}])
                    continue
                self._learn(end.host.index, frame)
                if lines is not None:
                    lines.append(self._line("out", stream.number, frame, len(raw)))

    def happened(self, node: int, happened: Input) -> None:
        """Something reaches a node."""
        if isinstance(happened, Disconnected):
            end = self._by_link.get((node, happened.link))
            if end is not None:
                self._ended(self._streams[end])
        elif isinstance(happened, BytesReceived) and node in self.relay_lines:
            end = self._by_link[node, happened.link]
            stream = self._streams[end]
            lines = self.relay_lines[node]
            for _, _, frames in stream.heard[1 - stream.side(end)].feed(happened.data):
                for raw in frames:
                    frame = _decoded(raw)
                    if frame is None:
                        lines.append([self.now.us, "in", stream.number, "Unknown", len(raw), {}])
                    else:
                        lines.append(self._line("in", stream.number, frame, len(raw)))

    def _ended(self, stream: _Stream) -> None:
        if stream.is_over:
            return
        stream.is_over = True
        self.listener_lines.append([self.now.us, "end", stream.number])
        for end in stream.ends:
            lines = self.relay_lines.get(end.host.index)
            if lines is not None:
                lines.append([self.now.us, "end", stream.number])

    def _line(self, way: str, stream: int, frame: Frame, size: int) -> Line:
        return [self.now.us, way, stream, type(frame).__name__, size, detail_of(frame)]

    def _learn(self, node: int, frame: Frame) -> None:
        """Note who is the first in the whole world to send an envelope or a retirement."""
        for envelope in envelopes_of(frame):
            name = _short(envelope.id)
            if name not in self.posts:
                self.posts[name] = Post(author=node, at=self.now.us)
                self._headers[envelope.id] = envelope
        for retirement in retirements_of(frame):
            known = self._headers.get(retirement.envelope)
            post = self.posts.get(_short(retirement.envelope))
            if known is None or post is None or post.told is not None:
                continue
            if is_token_of(known.header, retirement.token):
                post.reader, post.told = node, self.now.us
                digest = blake2b(retirement.token, digest_size=16).digest()
                post.is_read_token = digest == known.header.read_hash


class Clock:
    """The instant at which the world is, in microseconds."""

    us: int = 0


def detail_of(frame: Frame) -> Detail:
    """The contents of a frame, as far as a classifier may want them."""
    detail: Detail = {}
    envelopes = [_envelope_words(envelope) for envelope in envelopes_of(frame)]
    if envelopes:
        detail["envelopes"] = envelopes
    retired = [[_short(each.envelope), _short(each.element)] for each in retirements_of(frame)]
    if retired:
        detail["retired"] = retired
    if isinstance(frame, Stubs):
        detail["stubs"] = len(frame.entries)
        return detail
    for name in frame.__struct_fields__:
        value: object = getattr(frame, name)
        if isinstance(value, int):
            detail[name] = value
        elif name == "entries" and isinstance(frame, IHave) and isinstance(value, bytes):
            cuts = range(0, len(value), ENTRY)
            detail["entries"] = [[_short(value[at:]), value[at + ENTRY - 1]] for at in cuts]
        elif name == "ids" and isinstance(value, bytes):
            detail["ids"] = [_short(value[at:]) for at in range(0, len(value), 32)]
        elif name in ("held", "refused") and isinstance(value, bytes):
            detail[name] = [_short(value[at:]) for at in range(0, len(value), SHORT)]
    return detail


def envelopes_of(frame: Frame) -> Iterable[Envelope]:
    """The whole envelopes in a frame of any type, also of one that came after this was written."""
    if isinstance(frame, Push):
        values: Iterable[object] = (frame.envelope,)
    elif isinstance(frame, _KNOWN):
        return
    else:
        values = (getattr(frame, name) for name in frame.__struct_fields__)
    for value in values:
        if isinstance(value, bytes) and len(value) in SIZE_BYTES and value[0] == VERSION:
            try:
                yield decode_envelope(value)
            except PeerError:
                continue


def retirements_of(frame: Frame) -> Iterable[Retirement]:
    """The retirements in a frame of any type."""
    if isinstance(frame, Push | _KNOWN):
        return
    for name in frame.__struct_fields__:
        value: object = getattr(frame, name)
        if isinstance(value, bytes) and value and not len(value) % RETIREMENT_BYTES:
            for at in range(0, len(value), RETIREMENT_BYTES):
                yield Retirement(
                    EnvelopeId(value[at : at + 32]), value[at + 32 : at + RETIREMENT_BYTES]
                )


_KNOWN: Final = (
    Hello
    | Ping
    | Pong
    | Close
    | Who
    | Vouches
    | Time
    | IHave
    | IWant
    | DoNotWant
    | Prune
    | Graft
    | NoHave
    | Stubs
    | Held
    | NegOpen
    | NegMessage
    | NegClose
    | Root
    | Audit
    | AuditResult
    | PexRequest
    | Pex
    | NearbyAsk
    | NearbyCard
    | NearbySealed
)
"""Frames in which neither an envelope nor a token stands whole."""


def _decoded(raw: bytes) -> Frame | None:
    try:
        return decode_frame(raw)
    except PeerError:
        return None


def _envelope_words(envelope: Envelope) -> Detail:
    header = envelope.header
    return {
        "id": _short(envelope.id),
        "key": _short(header.posting_key),
        "tag": _short(header.tag),
        "created": header.created,
        "bytes": SIZE_BYTES[header.size_class],
        "lifetime": header.lifetime_class,
    }


def _short(data: bytes) -> str:
    return data[:SHORT].hex()


def pack(lines: Iterable[object]) -> bytes:
    """JSON, one value a line, compressed; without a time in it, so that the same gives the same."""
    text = b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    return gzip.compress(text, compresslevel=6, mtime=0)
