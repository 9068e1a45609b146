"""A stand-in for ML-KEM-768 in large runs: same sizes, same laws, no secrecy.

A real key pair costs milliseconds in pure Python, and a thousand nodes make tens of thousands of
handshakes. Here the public key is a hash of the seed and the ciphertext one of the coin, and
anybody can compute the secret from the two; so both ends agree, and a forged ciphertext gives a
secret that the other end does not have, as in the real one. The report says when it ran.
"""

import hashlib
from typing import Final

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import (
    KEM_CIPHERTEXT_BYTES,
    KEM_PUBLIC_KEY_BYTES,
    KEM_SEED_BYTES,
    KEM_SHARED_BYTES,
)
from mesh.errors import PeerError

COIN_BYTES: Final = 32


class ModelledKem:
    """Fits `mesh.crypto.kem.Kem`; a pure function of its arguments and of the coins it draws."""

    def public_key(self, seed: bytes) -> bytes:
        """1,184 bytes that follow from the seed."""
        assert len(seed) == KEM_SEED_BYTES
        return hashlib.shake_128(b"public" + seed).digest(KEM_PUBLIC_KEY_BYTES)

    def encapsulate(self, public: bytes, entropy: Entropy) -> tuple[bytes, bytes]:
        """(ciphertext, shared secret) by 32 bytes of `entropy`, drawn even for a bad key."""
        coin = entropy.draw(COIN_BYTES)
        if len(public) != KEM_PUBLIC_KEY_BYTES:
            raise PeerError("an ML-KEM public key is malformed")
        ciphertext = hashlib.shake_128(b"cipher" + coin).digest(KEM_CIPHERTEXT_BYTES)
        return ciphertext, _shared(public, ciphertext)

    def decapsulate(self, seed: bytes, ciphertext: bytes) -> bytes:
        """The shared secret; another one for a ciphertext made for another key."""
        if len(ciphertext) != KEM_CIPHERTEXT_BYTES:
            raise PeerError("an ML-KEM ciphertext has a wrong length")
        return _shared(self.public_key(seed), ciphertext)

    def forget(self) -> None:
        """Nothing is kept."""


def _shared(public: bytes, ciphertext: bytes) -> bytes:
    return hashlib.blake2b(public + ciphertext, digest_size=KEM_SHARED_BYTES).digest()
