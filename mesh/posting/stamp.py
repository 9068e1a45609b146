"""The stamp: proof of work that admits so many envelopes of a posting key on a day.

Implements `docs/protocol/posting.md`, section "Stamp". `nonce` makes Argon2id begin with zero bits,
which costs 10 ms a try to make and to check: the more bits, the more envelopes. `c` makes a cheap
hash begin with 16 zero bits, so that each false stamp costs its maker 2^16 hashes before it costs
us 10 ms.
"""

from typing import Final

from mesh.crypto.hashing import argon2id, blake2b
from mesh.ids import PostingKey
from mesh.limits.admission import STAMP_BITS_MAX
from mesh.limits.posting_keys import STAMP_TRY_MS
from mesh.wire.envelope import STAMP_BYTES, STAMP_NONCE_BYTES, StampedKey

NO_STAMP: Final = bytes(STAMP_BYTES)
"""What stands in the header of a mesh without stamps."""

_C_BYTES: Final = STAMP_BYTES - STAMP_NONCE_BYTES
_PRECHECK_BITS: Final = 16
_SALT: Final = b"mesh/post/stamp1"
_MEMORY_BYTES: Final = 16 * 1024 * 1024
_PASSES: Final = 1


def mint(posting_key: PostingKey, day: int, bits: int, start: bytes) -> bytes:
    """Make the stamp of a key and day: 12 bytes. Blocks for 2^bits tries of 10 ms in the mean.

    `start` (8 bytes) is where the search of the nonce begins; the same start gives the same stamp.
    """
    if bits == 0:
        return NO_STAMP
    nonce = int.from_bytes(start, "big")
    while True:
        key = StampedKey(posting_key, day, nonce.to_bytes(STAMP_NONCE_BYTES, "big"))
        if proof_bits(key) >= bits:
            break
        nonce = (nonce + 1) % (1 << 8 * STAMP_NONCE_BYTES)
    subject, c = _subject(key), 0
    while not _has_zero_bits(_precheck(subject, c.to_bytes(_C_BYTES, "big")), _PRECHECK_BITS):
        c += 1
    return key.nonce + c.to_bytes(_C_BYTES, "big")


def mean_seconds(bits: int) -> int:
    """Return how long a stamp takes in the mean, rounded up; one in twenty takes three times it."""
    return -(-(STAMP_TRY_MS << bits) // 1_000) if bits else 0


def is_precheck_valid(posting_key: PostingKey, day: int, stamp: bytes) -> bool:
    """Say whether the cheap half of a stamp holds; only then is the dear half worth a look."""
    subject = _subject(StampedKey(posting_key, day, stamp[:STAMP_NONCE_BYTES]))
    return _has_zero_bits(_precheck(subject, stamp[STAMP_NONCE_BYTES:]), _PRECHECK_BITS)


def proof_bits(key: StampedKey) -> int:
    """Return the bits of a stamp, 12 at most, by its dear half; costs 10 ms and 16 MiB."""
    proof = argon2id(_subject(key), salt=_SALT, memory_bytes=_MEMORY_BYTES, passes=_PASSES)
    zeros = 8 * len(proof) - int.from_bytes(proof, "big").bit_length()
    return min(zeros, STAMP_BITS_MAX)


def _subject(key: StampedKey) -> bytes:
    return key.posting_key + key.day.to_bytes(4, "big") + key.nonce


def _precheck(subject: bytes, c: bytes) -> bytes:
    return blake2b(b"", subject + c, b"mesh/post/pre", 32)


def _has_zero_bits(digest: bytes, bits: int) -> bool:
    return int.from_bytes(digest, "big") >> (8 * len(digest) - bits) == 0
