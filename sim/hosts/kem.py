"""ML-KEM-768 whose coins come from `entropy`, so that the same seed gives the same trace.

kyber-py is pure Python and about a hundred times slower than the daemon's; a large run asks
for the same things at both ends and again after restarts, so results are remembered. It is not
constant in time and never leaves the simulator and the tests.
"""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

from kyber_py.ml_kem import ML_KEM_768

from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import KEM_CIPHERTEXT_BYTES, KEM_PUBLIC_KEY_BYTES, KEM_SEED_BYTES
from mesh.errors import PeerError

REMEMBERED_MAX: Final = 4_096
"""Results remembered of each kind, oldest out first: about 30 MB when every table is full."""

COIN_BYTES: Final = 32

Key = TypeVar("Key")
Value = TypeVar("Value")


class _KyberPy(Protocol):
    """The used part of kyber-py. The internal names are FIPS 203's derandomised functions."""

    def key_derive(self, seed: bytes) -> tuple[bytes, bytes]: ...
    def _encaps_internal(self, ek: bytes, m: bytes) -> tuple[bytes, bytes]: ...
    def decaps(self, dk: bytes, c: bytes) -> bytes: ...


_KYBER: Final[_KyberPy] = ML_KEM_768


class KyberPyKem:
    """The KEM of the simulator: a function of its arguments and of the coins it draws."""

    def __init__(self) -> None:
        self._key_pairs: dict[bytes, tuple[bytes, bytes]] = {}
        self._encapsulations: dict[tuple[bytes, bytes], tuple[bytes, bytes]] = {}
        self._decapsulations: dict[tuple[bytes, bytes], bytes] = {}

    def public_key(self, seed: bytes) -> bytes:
        """The encapsulation key of a 64-byte seed."""
        return self._key_pair(seed)[0]

    def encapsulate(self, public: bytes, entropy: Entropy) -> tuple[bytes, bytes]:
        """(ciphertext, shared secret) by 32 bytes of `entropy`, drawn even for a bad key."""
        coin = entropy.draw(COIN_BYTES)
        if len(public) != KEM_PUBLIC_KEY_BYTES:
            raise PeerError("an ML-KEM public key is malformed")
        return _remembered(
            self._encapsulations, (public, coin), lambda: _encapsulated(public, coin)
        )

    def decapsulate(self, seed: bytes, ciphertext: bytes) -> bytes:
        """The shared secret."""
        if len(ciphertext) != KEM_CIPHERTEXT_BYTES:
            raise PeerError("an ML-KEM ciphertext has a wrong length")
        private = self._key_pair(seed)[1]
        return _remembered(
            self._decapsulations,
            (seed, ciphertext),
            lambda: _KYBER.decaps(private, ciphertext),
        )

    def forget(self) -> None:
        """Let go of all results; the same ones come again."""
        self._key_pairs.clear()
        self._encapsulations.clear()
        self._decapsulations.clear()

    def _key_pair(self, seed: bytes) -> tuple[bytes, bytes]:
        assert len(seed) == KEM_SEED_BYTES
        return _remembered(self._key_pairs, seed, lambda: _KYBER.key_derive(seed))


def _encapsulated(public: bytes, coin: bytes) -> tuple[bytes, bytes]:
    try:
        shared, ciphertext = _KYBER._encaps_internal(public, coin)
    except ValueError:
        raise PeerError("an ML-KEM public key is malformed") from None
    return ciphertext, shared


def _remembered(table: dict[Key, Value], key: Key, compute: Callable[[], Value]) -> Value:
    value = table.get(key)
    if value is None:
        value = compute()
        if len(table) >= REMEMBERED_MAX:
            del table[next(iter(table))]
        table[key] = value
    return value
