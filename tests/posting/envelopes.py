"""Signed envelopes for tests of posting."""

from mesh.crypto.signing import SigningKey
from mesh.ids import Instant, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.posting.stamp import NO_STAMP
from mesh.wire.envelope import Envelope, Header, body_bytes, sign_envelope

NOON = UnixSeconds(1_800_000_000)
DAY = NOON // 86_400


def posting_seed(number: int) -> bytes:
    """The private half of an author's key."""
    return number.to_bytes(32, "big")


def posting_key(number: int) -> PostingKey:
    """The public half."""
    return PostingKey(SigningKey.from_seed(posting_seed(number)).verify_key)


def envelope(
    number: int = 0,
    *,
    author: int = 1,
    created: int = NOON,
    lifetime_class: int = 1,
    stamp: bytes = NO_STAMP,
) -> Envelope:
    """The envelope of a number by an author."""
    header = Header(
        size_class=0,
        lifetime_class=lifetime_class,
        created=UnixSeconds(created),
        tag=Tag(number.to_bytes(16, "big")),
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=posting_key(author),
        stamp=stamp,
    )
    return sign_envelope(header, bytes(body_bytes(0)), posting_seed(author))


def at(milliseconds: int) -> Instant:
    """An instant; the calendar stands beside it."""
    return Instant(Monotonic(milliseconds * 1_000), NOON * 1_000_000 + milliseconds * 1_000)
