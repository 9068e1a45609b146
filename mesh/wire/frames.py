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
from mesh.limits.anti_entropy import RECONCILE_FRAME_BYTES_MAX
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.direct_files import FILE_ASK_BLOCKS_MAX, FILE_PATH_BYTES_MAX
from mesh.limits.files import FILE_BLOCK_BYTES
from mesh.limits.link import FRAME_BYTES_MAX, HELLO_FEATURES_MAX, HELLO_VERSIONS_MAX
from mesh.limits.nearby import NEARBY_BOX_BYTES_MAX
from mesh.limits.peering import PEX_ADDRESSES_PER_RECORD_MAX, PEX_RECORDS_MAX, WHO_ENTRIES_MAX
from mesh.limits.replication import IDS_PER_FRAME_MAX, STUBS_PER_FRAME_MAX
from mesh.wire.envelope import STUB_BYTES, TOKEN_BYTES
from mesh.wire.retirement import RETIREMENT_BYTES, RETIREMENTS_PER_ENVELOPE_MAX

PROTOCOL_VERSIONS = (1, 2, 3)
"""The versions that this node speaks; 2 adds stems, 3 files that two nodes give each other."""

STEM_VERSION = 2
"""From this version on a peer passes stems on."""

FILES_VERSION = 3
"""From this version on a peer answers who asks it for blocks of files."""

ID_BYTES = 32
SHORT_ID_BYTES = 8
ENTRY_BYTES = ID_BYTES + 1
FLAG_BACKLOG = 1
WHO_ENTRY_BYTES = 8
WHO_ENTRIES_STEP = 64
FEATURE_TOLD_NEAR = 1
FEATURE_TOLD_FAR = 2
FEATURE_TIME_UNSURE = 3
FLAG_TIME_UNSURE = 1
MESH_TIME_ROUNDING_S = 10

U8 = Annotated[int, msgspec.Meta(ge=0, le=0xFF)]
U16 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)]
U32 = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]
U64 = Annotated[int, msgspec.Meta(ge=0)]
Bytes16 = Annotated[bytes, msgspec.Meta(min_length=16, max_length=16)]
Bytes32 = Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
Ids = Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * ID_BYTES)]
Entries = Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * ENTRY_BYTES)]
NegBytes = Annotated[bytes, msgspec.Meta(max_length=RECONCILE_FRAME_BYTES_MAX)]
ShortIds = Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * SHORT_ID_BYTES)]
StubEntry = tuple[
    Annotated[bytes, msgspec.Meta(min_length=STUB_BYTES, max_length=STUB_BYTES)],
    Annotated[bytes, msgspec.Meta(max_length=RETIREMENTS_PER_ENVELOPE_MAX * TOKEN_BYTES)],
]


class Hello(msgspec.Struct, frozen=True, array_like=True, tag=0x01):
    """The first frame each way: versions, features, mesh time rounded to 10 s, a nonce.

    The port is where its sender takes calls, if others may be told of that; 0 is nowhere.
    """

    versions: Annotated[list[U8], msgspec.Meta(min_length=1, max_length=HELLO_VERSIONS_MAX)]
    features: Annotated[list[U16], msgspec.Meta(max_length=HELLO_FEATURES_MAX)]
    mesh_time: U32
    nonce: Bytes16
    port: U16 = 0


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


class Who(msgspec.Struct, frozen=True, array_like=True, tag=0x05):
    """For each contact of the sender a proof of this link's key with them, among random entries."""

    entries: Annotated[bytes, msgspec.Meta(max_length=WHO_ENTRIES_MAX * WHO_ENTRY_BYTES)]


class Vouches(msgspec.Struct, frozen=True, array_like=True, tag=0x06):
    """Posting keys for which a contact vouches, by day (`wire/posting_key_lists.py`)."""

    lists: Annotated[bytes, msgspec.Meta(max_length=64 * 1024)]


class Time(msgspec.Struct, frozen=True, array_like=True, tag=0x07):
    """The sender's mesh time is no longer the one that it said. Flag bit 0: not its own clock's."""

    mesh_time: U32
    flags: U8


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


class DoNotWant(msgspec.Struct, frozen=True, array_like=True, tag=0x13):
    """Large envelopes that the sender has got: they need not be pushed to it any more."""

    ids: Ids


class Prune(msgspec.Struct, frozen=True, array_like=True, tag=0x14):
    """The sender has what the receiver pushes: announcing is enough from now on."""


class Graft(msgspec.Struct, frozen=True, array_like=True, tag=0x15):
    """The sender wants new mail pushed again, and these bodies now."""

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


class Stem(msgspec.Struct, frozen=True, array_like=True, tag=0x1A):
    """A whole envelope before it spreads: it goes over one link at a time."""

    envelope: Annotated[bytes, msgspec.Meta(max_length=64 * 1024)]


class StemRetired(msgspec.Struct, frozen=True, array_like=True, tag=0x1B):
    """Retirements before they spread: entries of an id and a token."""

    entries: Annotated[bytes, msgspec.Meta(max_length=IDS_PER_FRAME_MAX * RETIREMENT_BYTES)]


class NegOpen(msgspec.Struct, frozen=True, array_like=True, tag=0x20):
    """Begins to reconcile a lifetime class, from a floor on. Who dialled numbers evenly."""

    session: U16
    lifetime_class: U8
    floor: U32
    message: NegBytes


class NegMessage(msgspec.Struct, frozen=True, array_like=True, tag=0x21):
    """The next message of a session, or the answer to one; empty: it is done."""

    session: U16
    message: NegBytes


class NegClose(msgspec.Struct, frozen=True, array_like=True, tag=0x22):
    """Ends a session of the receiver. Reasons: 1 busy, 3 a higher floor, which is the value."""

    session: U16
    reason: U8
    value: U32


NEG_CLOSE_BUSY = 1
NEG_CLOSE_FLOOR = 3


class RootEntry(msgspec.Struct, frozen=True, array_like=True):
    """The sum of a lifetime class's ids, created from a floor on and before a ceiling."""

    lifetime_class: U8
    floor: U32
    ceiling: U32
    count: U32
    fingerprint: Bytes16


class Root(msgspec.Struct, frozen=True, array_like=True, tag=0x23):
    """The sender's knowledge, in short: who knows something else reconciles that class."""

    entries: Annotated[list[RootEntry], msgspec.Meta(max_length=8)]


class Audit(msgspec.Struct, frozen=True, array_like=True, tag=0x24):
    """Asks for a salted sum of the ids of a class, from a floor on and before a ceiling."""

    session: U16
    lifetime_class: U8
    nonce: Bytes16
    floor: U32
    ceiling: U32


class AuditResult(msgspec.Struct, frozen=True, array_like=True, tag=0x25):
    """The number of ids in the range, and the sum of their hashes modulo 2^64."""

    session: U16
    count: U32
    total: U64


class PexRequest(msgspec.Struct, frozen=True, array_like=True, tag=0x30):
    """Asks for addresses of other nodes, at most so many."""

    count: Annotated[int, msgspec.Meta(ge=1, le=PEX_RECORDS_MAX)]


class PexAddress(msgspec.Struct, frozen=True, array_like=True):
    """An IP address, packed, and a port."""

    kind: U8
    host: Annotated[bytes, msgspec.Meta(min_length=4, max_length=16)]
    port: Annotated[int, msgspec.Meta(ge=1, le=0xFFFF)]


PEX_KIND_V4 = 4
PEX_KIND_V6 = 6

PexRecord = Annotated[
    list[PexAddress], msgspec.Meta(min_length=1, max_length=PEX_ADDRESSES_PER_RECORD_MAX)
]


class Pex(msgspec.Struct, frozen=True, array_like=True, tag=0x31):
    """Nodes that the sender has reached within a day, each with where; the answer to a request."""

    records: Annotated[list[PexRecord], msgspec.Meta(max_length=PEX_RECORDS_MAX)]


class NearbyAsk(msgspec.Struct, frozen=True, array_like=True, tag=0x40):
    """Asks whether a person who opted in is there; only such a node answers, by its card."""


class NearbyCard(msgspec.Struct, frozen=True, array_like=True, tag=0x41):
    """A person near, as they call themselves, and their X25519 key of this hour."""

    name: Annotated[str, msgspec.Meta(max_length=NAME_BYTES_MAX)]
    key: Bytes32


class NearbySealed(msgspec.Struct, frozen=True, array_like=True, tag=0x42):
    """A step between two people near each other, sealed between their keys of this hour."""

    sender: Bytes32
    recipient: Bytes32
    box: Annotated[bytes, msgspec.Meta(max_length=NEARBY_BOX_BYTES_MAX)]


class FileAsk(msgspec.Struct, frozen=True, array_like=True, tag=0x50):
    """Asks a contact for blocks of a file that both know; the handle holds in this link alone."""

    handle: Bytes16
    first: U32
    count: Annotated[int, msgspec.Meta(ge=1, le=FILE_ASK_BLOCKS_MAX)]


class FileBlock(msgspec.Struct, frozen=True, array_like=True, tag=0x51):
    """One block that was asked for, with its path to the root of the file."""

    handle: Bytes16
    index: U32
    path: Annotated[bytes, msgspec.Meta(max_length=FILE_PATH_BYTES_MAX)]
    block: Annotated[bytes, msgspec.Meta(max_length=FILE_BLOCK_BYTES)]


class FileRefuse(msgspec.Struct, frozen=True, array_like=True, tag=0x52):
    """The answer to an ask that nothing comes of, whyever."""

    handle: Bytes16


Frame = (
    Hello
    | Ping
    | Pong
    | Close
    | Who
    | Vouches
    | Time
    | Push
    | IHave
    | IWant
    | DoNotWant
    | Prune
    | Graft
    | NoHave
    | Stubs
    | Retired
    | Held
    | Stem
    | StemRetired
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
    | FileAsk
    | FileBlock
    | FileRefuse
)

_decoder: msgspec.msgpack.Decoder[Frame] = msgspec.msgpack.Decoder(Frame)
_encoder = msgspec.msgpack.Encoder()
_KNOWN_TYPES = frozenset(
    {
        0x01,
        0x02,
        0x03,
        0x04,
        0x05,
        0x06,
        0x07,
        0x10,
        0x11,
        0x12,
        0x13,
        0x14,
        0x15,
        0x16,
        0x17,
        0x18,
        0x19,
        0x1A,
        0x1B,
        0x20,
        0x21,
        0x22,
        0x23,
        0x24,
        0x25,
        0x30,
        0x31,
        0x40,
        0x41,
        0x42,
        0x50,
        0x51,
        0x52,
    }
)
_FIXARRAY = range(0x91, 0xA0)
_FIXINT_MAX = 0x7F


def encode_frame(frame: Frame) -> bytes:
    """Return the bytes of one frame, without its length."""
    return _encoder.encode(frame)


def decode_frame(data: bytes | memoryview) -> Frame | None:
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


def rounded_time(mesh_time: int) -> int:
    """A mesh time as peers are told it: an exact clock error would be a fingerprint."""
    return mesh_time - mesh_time % MESH_TIME_ROUNDING_S


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
