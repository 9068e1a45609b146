"""ML-KEM-768 (FIPS 203) behind a door, because one implementation draws its own chance.

A private key is always its 64-byte seed, d ‖ z. The daemon uses pyca, whose `encapsulate` takes
no coins from us; the simulator and the frozen vectors use an implementation that takes them
from `entropy`, so that a run can be repeated.
"""

from typing import Final, Protocol

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)

from mesh.crypto.entropy import Entropy
from mesh.errors import PeerError

KEM_SEED_BYTES: Final = 64
KEM_PUBLIC_KEY_BYTES: Final = 1184
KEM_CIPHERTEXT_BYTES: Final = 1088
KEM_SHARED_BYTES: Final = 32


class Kem(Protocol):
    """ML-KEM-768. What a peer sent in a wrong form raises PeerError."""

    def public_key(self, seed: bytes) -> bytes:
        """The encapsulation key of a 64-byte seed, 1,184 bytes."""
        ...

    def encapsulate(self, public: bytes, entropy: Entropy) -> tuple[bytes, bytes]:
        """(ciphertext of 1,088 bytes, shared secret of 32 bytes)."""
        ...

    def decapsulate(self, seed: bytes, ciphertext: bytes) -> bytes:
        """The shared secret; for a forged ciphertext one that nobody else knows."""
        ...


class PycaKem:
    """The KEM of the daemon."""

    def public_key(self, seed: bytes) -> bytes:
        """The encapsulation key of a 64-byte seed."""
        assert len(seed) == KEM_SEED_BYTES
        return MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()

    def encapsulate(self, public: bytes, entropy: Entropy) -> tuple[bytes, bytes]:
        """(ciphertext, shared secret), by coins of OpenSSL's own: `entropy` is not asked."""
        try:
            key = MLKEM768PublicKey.from_public_bytes(public)
        except ValueError:
            raise PeerError("an ML-KEM public key is malformed") from None
        shared, ciphertext = key.encapsulate()
        return ciphertext, shared

    def decapsulate(self, seed: bytes, ciphertext: bytes) -> bytes:
        """The shared secret."""
        assert len(seed) == KEM_SEED_BYTES
        if len(ciphertext) != KEM_CIPHERTEXT_BYTES:
            raise PeerError("an ML-KEM ciphertext has a wrong length")
        return MLKEM768PrivateKey.from_seed_bytes(seed).decapsulate(ciphertext)
