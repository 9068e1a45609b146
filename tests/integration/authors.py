"""Envelopes by the hundred, as strangers write them: well-formed, signed, and opened by nobody."""

import os
from collections.abc import Sequence

from mesh.crypto.hashing import blake2b
from mesh.crypto.signing import verify_key_of
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.posting.stamp import mint
from mesh.wire.envelope import CREATED_ROUNDING_S, Envelope, Header, body_bytes, sign_envelope


class Author:
    """A posting key of one day. With bits the key has a stamp, which takes a while to make."""

    def __init__(self, seed: bytes, created: UnixSeconds, *, stamp_bits: int = 0) -> None:
        self._seed = seed
        self._created = UnixSeconds(created // CREATED_ROUNDING_S * CREATED_ROUNDING_S)
        self._key = PostingKey(verify_key_of(seed))
        self._stamp = mint(self._key, self._created // 86_400, stamp_bits, bytes(8))

    def write(self, count: int) -> list[Envelope]:
        """So many envelopes of the smallest size, all of one second."""
        return [self._write() for _ in range(count)]

    def _write(self) -> Envelope:
        header = Header(
            size_class=0,
            lifetime_class=1,
            created=self._created,
            tag=Tag(os.urandom(16)),
            read_hash=bytes(16),
            withdraw_hash=bytes(16),
            posting_key=self._key,
            stamp=self._stamp,
        )
        return sign_envelope(header, os.urandom(body_bytes(0)), self._seed)


def written(count: int, moments: Sequence[UnixSeconds], *, per_key: int = 100) -> list[Envelope]:
    """So many envelopes by as many authors as it takes, spread evenly over these moments."""
    made: list[Envelope] = []
    for number in range(0, count, per_key):
        seed = blake2b(os.urandom(32), number.to_bytes(8), b"", 32)
        moment = moments[number * len(moments) // count]
        made += Author(seed, moment).write(min(per_key, count - number))
    return made
