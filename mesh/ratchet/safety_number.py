"""The safety number: sixty digits that two persons compare, whenever they meet.

Implements `docs/protocol/trust.md`, section "Safety number". The algorithm is the one that Signal
calls the numeric fingerprint, version 0, with 5,200 rounds: each side's half grows from its key
and its id, and the smaller half stands first, so that both see the same. Ours takes both identity
keys as the key and the verify key as the id.
"""

from hashlib import sha512
from typing import Final

from mesh.ids import VerifyKey

ROUNDS: Final = 5_200
"""So many hashes stand before each try of somebody who seeks a key with the same digits."""

HALF_DIGITS: Final = 30
_VERSION: Final = b"\x00\x00"
_GROUP_BYTES: Final = 5
_GROUP_DIGITS: Final = 5
_GROUPS_PER_HALF: Final = HALF_DIGITS // _GROUP_DIGITS


def half_of(key: bytes, id_: bytes) -> str:
    """Thirty digits of one side."""
    digest = _VERSION + key + id_
    for _ in range(ROUNDS):
        digest = sha512(digest + key).digest()
    groups = (
        int.from_bytes(digest[start : start + _GROUP_BYTES], "big") % 10**_GROUP_DIGITS
        for start in range(0, _GROUPS_PER_HALF * _GROUP_BYTES, _GROUP_BYTES)
    )
    return "".join(f"{group:0{_GROUP_DIGITS}}" for group in groups)


def joined(one: str, other: str) -> str:
    """Sixty digits; the same whoever asks."""
    return min(one, other) + max(one, other)


def identity_half(verify_key: VerifyKey, identity_key: bytes) -> str:
    """Thirty digits of one of our identities."""
    return half_of(verify_key + identity_key, verify_key)
