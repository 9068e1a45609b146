"""The envelope: the sealed unit that all nodes store and forward.

Implements `docs/protocol/envelope.md`. An envelope is a header of 99 bytes, a body that fills its
size class, and a signature by the posting key. Its *stub* (header, hash of the body, signature)
proves it without its body, and the hash of the stub is its id. Here is form only: whether an
envelope may enter a node is for `mesh.posting` to judge.
"""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import SigningKey, Verify
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, PostingKey, Tag, UnixSeconds

VERSION: Final = 1
"""The version of what this node makes, and the latest that it reads. One of a later version has the
same outer form, and is carried.
"""
SIZE_BYTES: Final = (1024, 4096, 16_384, 65_536)
"""The whole envelope, by size class."""
LIFETIME_SECONDS: Final = (86_400, 7 * 86_400, 30 * 86_400)
"""From `created`, by lifetime class."""
LIFETIME_DAY, LIFETIME_WEEK, LIFETIME_MONTH = 0, 1, 2
HEADER_BYTES: Final = 99
SIGNATURE_BYTES: Final = 64
STUB_BYTES: Final = HEADER_BYTES + 32 + SIGNATURE_BYTES
TAG_BYTES: Final = 16
TOKEN_BYTES: Final = 16
TOKEN_HASH_BYTES: Final = 16
STAMP_NONCE_BYTES: Final = 8
STAMP_BYTES: Final = STAMP_NONCE_BYTES + 4
CREATED_ROUNDING_S: Final = 10
SECONDS_PER_DAY: Final = 86_400
_SIGNED_PREFIX: Final = b"mesh/env/1"


class StampedKey(NamedTuple):
    """A posting key on its day, by one stamp: what a quota counts.

    Without `c`, the cheap half of a stamp: or each `c` more would admit as much as the work did.
    """

    posting_key: PostingKey
    day: int
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Header:
    """The part of an envelope that everybody sees. `created` is mesh time, rounded down to 10 s.

    `version` says how tag and body are made; the form of all else is that of every version.
    """

    size_class: int
    lifetime_class: int
    created: UnixSeconds
    tag: Tag
    read_hash: bytes
    withdraw_hash: bytes
    posting_key: PostingKey
    stamp: bytes
    version: int = VERSION

    @property
    def is_newer(self) -> bool:
        """Say whether a later Mesh made it, so that this one can carry it and not read it."""
        return self.version > VERSION

    @property
    def day(self) -> int:
        """The day of the posting key, counted from 1970."""
        return self.created // SECONDS_PER_DAY

    @property
    def stamped_key(self) -> StampedKey:
        """Return under what the envelope counts."""
        day = self.created // SECONDS_PER_DAY
        return StampedKey(self.posting_key, day, self.stamp[:STAMP_NONCE_BYTES])

    @property
    def lapses(self) -> UnixSeconds:
        """Return when the envelope has outlived its lifetime."""
        return UnixSeconds(self.created + LIFETIME_SECONDS[self.lifetime_class])

    def encode(self) -> bytes:
        """The 99 bytes of the header."""
        return b"".join(
            (
                bytes((self.version, self.size_class, self.lifetime_class)),
                self.created.to_bytes(4, "big"),
                self.tag,
                self.read_hash,
                self.withdraw_hash,
                self.posting_key,
                self.stamp,
            )
        )


@dataclass(frozen=True, slots=True)
class Envelope:
    """A well-formed envelope; nothing is said of its signature."""

    id: EnvelopeId
    header: Header
    header_bytes: bytes = field(repr=False)
    body: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def data(self) -> bytes:
        """All bytes, as they go over a link."""
        return self.header_bytes + self.body + self.signature

    @property
    def body_hash(self) -> bytes:
        """Return what stands for the body in the stub."""
        return blake2b_256(self.body)

    @property
    def stub(self) -> bytes:
        """The 195 bytes that prove the envelope without its body."""
        return self.header_bytes + self.body_hash + self.signature


@dataclass(frozen=True, slots=True)
class Stub:
    """An envelope without its body, well-formed; nothing is said of its signature."""

    id: EnvelopeId
    header: Header
    header_bytes: bytes = field(repr=False)
    body_hash: bytes = field(repr=False)
    signature: bytes = field(repr=False)

    @property
    def data(self) -> bytes:
        """The 195 bytes."""
        return self.header_bytes + self.body_hash + self.signature


def body_bytes(size_class: int) -> int:
    """The length of the body that fills a size class."""
    return SIZE_BYTES[size_class] - HEADER_BYTES - SIGNATURE_BYTES


def envelope_id_of(data: bytes) -> EnvelopeId:
    """The id of an envelope from its bytes, before anything else is looked at."""
    if len(data) <= HEADER_BYTES + SIGNATURE_BYTES:
        raise PeerError("envelope too short")
    header, body = data[:HEADER_BYTES], data[HEADER_BYTES:-SIGNATURE_BYTES]
    return _id_of_stub(header + blake2b_256(body) + data[-SIGNATURE_BYTES:])


def decode_envelope(data: bytes) -> Envelope:
    """The envelope in `data`; PeerError if its form is wrong."""
    if len(data) <= HEADER_BYTES + SIGNATURE_BYTES:
        raise PeerError("envelope too short")
    header_bytes = data[:HEADER_BYTES]
    header = decode_header(header_bytes)
    if len(data) != SIZE_BYTES[header.size_class]:
        raise PeerError("envelope does not fill its size class")
    body, signature = data[HEADER_BYTES:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
    envelope_id = _id_of_stub(header_bytes + blake2b_256(body) + signature)
    return Envelope(envelope_id, header, header_bytes, body, signature)


def decode_stub(data: bytes) -> Stub:
    """The stub in 195 bytes; PeerError if its form is wrong."""
    if len(data) != STUB_BYTES:
        raise PeerError("stub of a wrong length")
    header_bytes = data[:HEADER_BYTES]
    return Stub(
        id=_id_of_stub(data),
        header=decode_header(header_bytes),
        header_bytes=header_bytes,
        body_hash=data[HEADER_BYTES:-SIGNATURE_BYTES],
        signature=data[-SIGNATURE_BYTES:],
    )


def decode_header(data: bytes) -> Header:
    """The header in 99 bytes; PeerError if its form is wrong."""
    if len(data) != HEADER_BYTES:
        raise PeerError("header of a wrong length")
    if not data[0]:
        raise PeerError("envelope of no version")
    if data[1] >= len(SIZE_BYTES):
        raise PeerError("unknown size class")
    if data[2] >= len(LIFETIME_SECONDS):
        raise PeerError("unknown lifetime class")
    created = int.from_bytes(data[3:7], "big")
    if created % CREATED_ROUNDING_S:
        raise PeerError("creation time is not rounded")
    return Header(
        size_class=data[1],
        lifetime_class=data[2],
        created=UnixSeconds(created),
        tag=Tag(data[7:23]),
        read_hash=data[23:39],
        withdraw_hash=data[39:55],
        posting_key=PostingKey(data[55:87]),
        stamp=data[87:99],
        version=data[0],
    )


def sign_envelope(header: Header, body: bytes, posting_seed: bytes) -> Envelope:
    """Make an envelope; `posting_seed` is the private half of the header's posting key."""
    return envelope_of(header, body, SigningKey.from_seed(posting_seed))


def envelope_of(header: Header, body: bytes, posting_key: SigningKey) -> Envelope:
    """Make an envelope with the header's posting key, for whoever signs by it more than once."""
    assert len(body) == body_bytes(header.size_class)
    header_bytes = header.encode()
    assert len(header_bytes) == HEADER_BYTES
    body_hash = blake2b_256(body)
    signature = posting_key.sign(_signed(header_bytes, body_hash))
    envelope_id = _id_of_stub(header_bytes + body_hash + signature)
    return Envelope(envelope_id, header, header_bytes, body, signature)


def is_envelope_signature_valid(envelope: Envelope | Stub, verify: Verify) -> bool:
    """Say whether the posting key signed this header and body."""
    signed = _signed(envelope.header_bytes, envelope.body_hash)
    return verify(envelope.header.posting_key, signed, envelope.signature)


def _signed(header_bytes: bytes, body_hash: bytes) -> bytes:
    return _SIGNED_PREFIX + header_bytes + body_hash


def _id_of_stub(stub: bytes) -> EnvelopeId:
    return EnvelopeId(blake2b_256(stub))
