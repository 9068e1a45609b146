"""ML-KEM-768 (FIPS 203) behind a door, because one implementation draws its own chance.

A private key is always its 64-byte seed, d ‖ z. The daemon uses pyca, whose `encapsulate` takes
no coins from us; the simulator and the frozen vectors use an implementation that takes them
from `entropy`, so that a run can be repeated.
"""

from typing import Final, Protocol, TypeVar

from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)

from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b_256
from mesh.errors import PeerError
from mesh.limits.sessions import KEM_KEYS_CACHED

KEM_SEED_BYTES: Final = 64
KEM_PUBLIC_KEY_BYTES: Final = 1184
KEM_CIPHERTEXT_BYTES: Final = 1088
KEM_SHARED_BYTES: Final = 32

_Kept = TypeVar("_Kept")


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

    def forget(self) -> None:
        """Let go of all keys that are kept for the next time."""
        ...


class PycaKem:
    """The KEM of the daemon. A few keys stay expanded, since letters use the same ones again.

    A private key is kept at its second use: the ephemeral ones of links have only one.
    """

    def __init__(self) -> None:
        self._used_once: dict[bytes, None] = {}
        self._private_keys: dict[bytes, MLKEM768PrivateKey] = {}
        self._public_keys: dict[bytes, MLKEM768PublicKey] = {}

    def public_key(self, seed: bytes) -> bytes:
        """The encapsulation key of a 64-byte seed."""
        assert len(seed) == KEM_SEED_BYTES
        return MLKEM768PrivateKey.from_seed_bytes(seed).public_key().public_bytes_raw()

    def encapsulate(self, public: bytes, entropy: Entropy) -> tuple[bytes, bytes]:
        """(ciphertext, shared secret), by coins of OpenSSL's own: `entropy` is not asked."""
        key = self._public_keys.get(public)
        if key is None:
            try:
                key = MLKEM768PublicKey.from_public_bytes(public)
            except ValueError:
                raise PeerError("an ML-KEM public key is malformed") from None
            _remember(self._public_keys, public, key)
        shared, ciphertext = key.encapsulate()
        return ciphertext, shared

    def decapsulate(self, seed: bytes, ciphertext: bytes) -> bytes:
        """The shared secret."""
        assert len(seed) == KEM_SEED_BYTES
        if len(ciphertext) != KEM_CIPHERTEXT_BYTES:
            raise PeerError("an ML-KEM ciphertext has a wrong length")
        name = blake2b_256(seed)
        key = self._private_keys.get(name)
        if key is None:
            key = MLKEM768PrivateKey.from_seed_bytes(seed)
            if name in self._used_once:
                _remember(self._private_keys, name, key)
            else:
                _remember(self._used_once, name, None)
        return key.decapsulate(ciphertext)

    def forget(self) -> None:
        """Let go of all keys: a vault that is locked leaves none behind here."""
        self._used_once.clear()
        self._private_keys.clear()
        self._public_keys.clear()


def _remember(keys: dict[bytes, _Kept], name: bytes, key: _Kept) -> None:
    """Keep an expanded key; the oldest makes room."""
    if len(keys) >= KEM_KEYS_CACHED:
        del keys[next(iter(keys))]
    keys[name] = key
