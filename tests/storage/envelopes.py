"""Envelopes as tests of the store need them: well-formed, with a body that a search would find."""

import hashlib

from mesh.crypto.signing import verify_key_of
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.wire.envelope import Envelope, Header, body_bytes, sign_envelope

SEED = bytes(range(32))
POSTING_KEY = PostingKey(verify_key_of(SEED))


def make_envelope(
    number: int,
    *,
    size_class: int = 0,
    lifetime_class: int = 1,
    created: int = 1_700_000_000,
    tag: bytes | None = None,
    text: bytes = b"",
) -> Envelope:
    """The envelope with this number; the same arguments make the same envelope."""
    chance = hashlib.shake_128(number.to_bytes(8, "big")).digest(48)
    header = Header(
        size_class=size_class,
        lifetime_class=lifetime_class,
        created=UnixSeconds(created),
        tag=Tag(chance[:16] if tag is None else tag),
        read_hash=chance[16:32],
        withdraw_hash=chance[32:48],
        posting_key=POSTING_KEY,
        stamp=bytes(12),
    )
    length = body_bytes(size_class)
    body = (text + hashlib.shake_128(chance).digest(length))[:length]
    return sign_envelope(header, body, SEED)
