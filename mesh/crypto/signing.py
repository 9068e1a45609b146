"""Ed25519 by libsodium's rules: all nodes must agree which signatures are valid.

libsodium refuses keys and points of small order, keys and S that are not canonical, and checks
without the cofactor. The bindings are called directly, since every relayed envelope is
verified; they check no lengths, so it is done here.
"""

from collections.abc import Callable
from typing import Final, Self

from nacl import bindings
from nacl.exceptions import BadSignatureError

SEED_BYTES: Final = 32
VERIFY_KEY_BYTES: Final = 32
SIGNATURE_BYTES: Final = 64

Verify = Callable[[bytes, bytes, bytes], bool]
"""(key, message, signature) -> whether it is valid; `is_signature_valid`, or one that counts."""


class SigningKey:
    """A seed, expanded once; half the time of `sign` for whoever signs more than once."""

    __slots__ = ("_secret", "verify_key")

    def __init__(self, verify_key: bytes, secret: bytes) -> None:
        self.verify_key = verify_key
        self._secret = secret

    @classmethod
    def from_seed(cls, seed: bytes) -> Self:
        """The key pair of a 32-byte seed."""
        assert len(seed) == SEED_BYTES
        return cls(*bindings.crypto_sign_seed_keypair(seed))

    def sign(self, message: bytes) -> bytes:
        """The signature, 64 bytes; the same for the same message."""
        return bindings.crypto_sign(message, self._secret)[:SIGNATURE_BYTES]


def verify_key_of(seed: bytes) -> bytes:
    """The public key of a 32-byte seed."""
    return SigningKey.from_seed(seed).verify_key


def sign(seed: bytes, message: bytes) -> bytes:
    """Sign once with the key of a 32-byte seed."""
    return SigningKey.from_seed(seed).sign(message)


def is_signature_valid(key: bytes, message: bytes, signature: bytes) -> bool:
    """Say whether the signature stands; bytes of a wrong length are only invalid, never an
    error.
    """
    if len(key) != VERIFY_KEY_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(signature + message, key)
    except BadSignatureError:
        return False
    return True
