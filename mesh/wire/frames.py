"""The frames of an open link: MessagePack arrays that begin with their type.

Implements `docs/protocol/link.md`, section "Frames". Many ids of one kind travel as one byte
string of fixed-width entries: a page of 512 ids decodes at the cost of one. Fields that a later
version appends are skipped; a type that we do not know decodes to `None` and is counted.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated

import msgspec

from mesh.errors import PeerError
from mesh.ids import EnvelopeId
from mesh.limits import (
    FRAME_BYTES_MAX,
    HELLO_FEATURES_MAX,
    HELLO_VERSIONS_MAX,
    IDS_PER_FRAME_MAX,
    NAME_BYTES_MAX,
    NEARBY_BOX_BYTES_MAX,
    STUBS_PER_FRAME_MAX,
)
from mesh.wire.envelope import STUB_BYTES, TOKEN_BYTES
from mesh.wire.retirement import RETIREMENT_BYTES, RETIREMENTS_PER_ENVELOPE_MAX

PROTOCOL_VERSION = 1
ID_BYTES = 32
SHORT_ID_BYTES = 8
ENTRY_BYTES = ID_BYTES + 1
CURSOR_BYTES = 4 + ID_BYTES
FLAG_BACKLOG = 1

U8 = Annotated[int, msgspec.Meta(ge=0, le=0xFF)]
U16 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
U32 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
Bytes16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Ids = Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * ID_BYTES)]
Entries = Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * ENTRY_BYTES)]
ShortIds = Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * SHORT_ID_BYTES)]
StubEntry = tuple[
    Annotated[bytes, msgspec.Meta(min_length=STUB_BYTES, max_length=STUB_BYTES)],
    Annotated[bytes, msgspec.Meta(max_length=RETIREMENTS_PER_ENVELOPE_MAX * TOKEN_BYTES)],
]
Cursor = Annotated[bytes, msgspec.Meta(max_length=CURSOR_BYTES)]


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=0x01):
    """The first frame each way: versions, features, mesh time rounded to 10 s, a nonce."""

    versions: Annotated[list[U8], msgspec.Meta(min_length=1, max_length=HELLO_VERSIONS_MAX)]
    features: Annotated[list[U16], msgspec.Meta(max_length=HELLO_FEATURES_MAX)]
    mesh_time: U32
    nonce: Bytes16


class Ping(msgspec.Struct, frozen=True, array_like=True, tag=0x02):
    """Asks for a Pong, so that silence can be told from death."""


class Pong(msgspec.Struct, frozen=True, array_like=True, tag=0x03):
    """Answers a Ping."""


class Close(msgspec.Struct, frozen=True, array_like=True, tag=0x04):
    """The last frame of a link. Reasons: 1 duplicate, 2 self, 3 too many links, 4 going away."""

    reason: U8


CLOSE_DUPLICATE = 1
CLOSE_SELF = 2
CLOSE_TOO_MANY = 3
CLOSE_GOING_AWAY = 4


class Push(msgspec.Struct, frozen=True, array_like=True, tag=0x10):
    """A whole envelope; its id is recomputed by who receives it."""

    envelope: Annotated[bytes, msgspec.Meta(max_length=64 * 1024)]


class IHave(msgspec.Struct, frozen=True, array_like=True, tag=0x11):
    """Ids that the sender holds, each with its size class. Flag bit 0: backlog."""

    entries: Entries
    flags: U8


class IWant(msgspec.Struct, frozen=True, array_like=True, tag=0x12):
    """Ids whose bodies the sender lacks and asks for."""

    ids: Ids


class NoHave(msgspec.Struct, frozen=True, array_like=True, tag=0x16):
    """The answer to an IWant that cannot be served; entries end in 1 unknown, 2 busy."""

    entries: Entries


class Stubs(msgspec.Struct, frozen=True, array_like=True, tag=0x17):
    """The answer to an IWant for envelopes whose bodies are gone: each stub with its tokens."""

    entries: Annotated[list[StubEntry], msgspec.Meta(max_length=STUBS_PER_FRAME_MAX)]


class Retired(msgspec.Struct, frozen=True, array_like=True, tag=0x18):
    """The answer to an IWant for retirements: entries of an id and a token."""

    entries: Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * RETIREMENT_BYTES)]


class Held(msgspec.Struct, frozen=True, array_like=True, tag=0x19):
    """After a commit: the first 8 bytes of ids now held here, and of ids refused."""

    held: ShortIds
    refused: ShortIds


class ListWanted(msgspec.Struct, frozen=True, array_like=True, tag=0x28):
    """Asks for the next page of the receiver's ids, older than the cursor (empty: newest)."""

    cursor: Cursor


class ListAgain(msgspec.Struct, frozen=True, array_like=True, tag=0x2A):
    """Asks the receiver to list the sender's ids anew: some were not pushed for want of room."""


class ListPage(msgspec.Struct, frozen=True, array_like=True, tag=0x29):
    """A page of ids, newest first, and the cursor of the next page (empty: no more)."""

    entries: Entries
    next_cursor: Cursor


class NearbyAsk(msgspec.Struct, frozen=True, array_like=True, tag=0x40):
    """Asks whether a person who opted in is there; only such a node answers, by its card."""


class NearbyCard(msgspec.Struct, frozen=True, array_like=True, tag=0x41):
    """Who is there, as they call themselves, and their X25519 key of this hour."""

    name: Annotated[str, msgspec.Meta(max_length=NAME_BYTES_MAX)]
    key: Bytes32


class NearbySealed(msgspec.Struct, frozen=True, array_like=True, tag=0x42):
    """A step between two people near each other, sealed between their keys of this hour."""

    sender: Bytes32
    recipient: Bytes32
    box: Annotated[bytes, msgspec.Meta(max_length=NEARBY_BOX_BYTES_MAX)]


Frame = (
    Hello
    | Ping
    | Pong
    | Close
    | Push
    | IHave
    | IWant
    | NoHave
    | Stubs
    | Retired
    | Held
    | ListWanted
    | ListPage
    | ListAgain
    | NearbyAsk
    | NearbyCard
    | NearbySealed
)

_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_encoder = msgspec.msgpack.Encoder()
_KNOWN_TYPES = frozenset(
    {
        0x01,
        0x02,
        0x03,
        0x04,
        0x10,
        0x11,
        0x12,
        0x16,
        0x17,
        0x18,
        0x19,
        0x28,
        0x29,
        0x2A,
        0x40,
        0x41,
        0x42,
    }
)
_FIXARRAY = range(0x91, 0xA0)
_FIXINT_MAX = 0x7F


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of one frame, without its length."""
    return _encoder.encode(frame)


def decode_frame(data: bytes) -> Frame | None:
    """Return the frame in `data`, or None if its type is of a later version.

    Raises PeerError on anything that is not a frame.
    """
    if len(data) > FRAME_BYTES_MAX:
        raise PeerError("frame too long")
    if len(data) < 2 or data[0] not in _FIXARRAY or data[1] > _FIXINT_MAX:
        raise PeerError("not a frame")
    if data[1] not in _KNOWN_TYPES:
        return None
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("malformed frame") from error


def split_ids(ids: bytes) -> list[EnvelopeId]:
    """Return the ids in a byte string of 32-byte entries; PeerError if one is cut."""
    if len(ids) % ID_BYTES:
        raise PeerError("cut list of ids")
    return [EnvelopeId(ids[i : i + ID_BYTES]) for i in range(0, len(ids), ID_BYTES)]


def join_entries(entries: Iterable[tuple[EnvelopeId, int]]) -> bytes:
    """Return entries of an id and one byte each as one byte string."""
    return b"".join(id_ + bytes((byte,)) for id_, byte in entries)


def split_entries(entries: bytes) -> Iterator[tuple[EnvelopeId, int]]:
    """Return the (id, byte) entries of a byte string; PeerError if one is cut."""
    if len(entries) % ENTRY_BYTES:
        raise PeerError("cut list of entries")
    return (
        (EnvelopeId(entries[i : i + ID_BYTES]), entries[i + ID_BYTES])
        for i in range(0, len(entries), ENTRY_BYTES)
    )


def split_short_ids(ids: bytes) -> list[bytes]:
    """Return the 8-byte prefixes in a byte string; PeerError if one is cut."""
    if len(ids) % SHORT_ID_BYTES:
        raise PeerError("cut list of short ids")
    return [ids[i : i + SHORT_ID_BYTES] for i in range(0, len(ids), SHORT_ID_BYTES)]
