"""Hash functions: BLAKE2b keyed and personalised, BLAKE2s for tags, Argon2id.

`blake2b` is the function that the protocol pages write as `B(key, data, person, n)`.
"""

import hashlib
from typing import Final

from nacl import bindings

_LARGE_BYTES: Final = 2_048
"""From this size on libsodium's vectors pay: 1.7 times as fast for a block of a file, and slower to
call for what is small."""
ARGON2_SALT_BYTES: Final = bindings.crypto_pwhash_SALTBYTES


def blake2b(key: bytes, message: bytes, person: bytes, length: int) -> bytes:
    """B of the protocol: BLAKE2b with a key of at most 64 bytes and a personalisation.

    The personalisation, at most 16 bytes, is filled with zeros to 16. The length is a parameter
    of BLAKE2b, so a shorter output is not a prefix of a longer one.
    """
    if len(message) >= _LARGE_BYTES:
        return bindings.crypto_generichash_blake2b_salt_personal(
            message, digest_size=length, key=key, person=person
        )
    hasher = hashlib.blake2b(message, key=key, person=person, digest_size=length)
    return hasher.digest()


def blake2b_256(*parts: bytes) -> bytes:
    """Plain BLAKE2b-256 of the concatenated parts."""
    return hashlib.blake2b(b"".join(parts), digest_size=32).digest()


def blake2b_128(*parts: bytes) -> bytes:
    """Plain BLAKE2b-128 of the concatenated parts."""
    return hashlib.blake2b(b"".join(parts), digest_size=16).digest()


def blake2s_128(key: bytes, message: bytes) -> bytes:
    """BLAKE2s-128 with a key of at most 32 bytes: the function of all tags."""
    return hashlib.blake2s(message, key=key, digest_size=16).digest()


def argon2id(secret: bytes, *, salt: bytes, memory_bytes: int, passes: int) -> bytes:
    """32 bytes of Argon2id, version 0x13, one lane, without the interpreter's lock."""
    assert len(salt) == ARGON2_SALT_BYTES
    return bindings.crypto_pwhash_alg(
        32, secret, salt, passes, memory_bytes, bindings.crypto_pwhash_ALG_ARGON2ID13
    )
