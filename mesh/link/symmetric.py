"""Noise's CipherState and SymmetricState: the keys of a handshake and of what follows it.

Sections 5.1 and 5.2 of the specification's revision 34. A symmetric state holds the running hash
of all that both sides saw and the key chained from all that they share; each time something is
mixed in, it makes a new cipher. `docs/protocol/link.md` has the bytes.
"""

import hashlib
import hmac
from typing import Final

from mesh.crypto.aead import KEY_BYTES, TAG_BYTES, Box
from mesh.link.patterns import HashName

REKEY_NONCE: Final = 2**64 - 1
"""Reserved by the specification; no message is ever sealed with it."""


class CipherState:
    """A key and the number of the next message under it, which never repeats."""

    __slots__ = ("_box", "_next_nonce")

    def __init__(self, key: bytes) -> None:
        self._box = Box(key)
        self._next_nonce = 0

    def seal(self, associated: bytes, plaintext: bytes | memoryview) -> bytes:
        """Encrypt the next message."""
        assert self._next_nonce < REKEY_NONCE
        sealed = self._box.seal(_nonce(self._next_nonce), associated, plaintext)
        self._next_nonce += 1
        return sealed

    def open_sealed(self, associated: bytes, sealed: bytes | memoryview) -> bytes:
        """Decrypt the next message; a forged one raises PeerError and does not count."""
        assert self._next_nonce < REKEY_NONCE
        plaintext = self._box.open_sealed(_nonce(self._next_nonce), associated, sealed)
        self._next_nonce += 1
        return plaintext

    def rekey(self) -> None:
        """Replace the key by one from which it cannot be found again; the count goes on."""
        self._box = Box(self._box.seal(_nonce(REKEY_NONCE), b"", bytes(KEY_BYTES))[:KEY_BYTES])


class SymmetricState:
    """The state of a handshake's secrecy, on one side; both sides' are equal at each step."""

    __slots__ = ("_chaining_key", "_cipher", "_hash_name", "handshake_hash")

    def __init__(self, protocol_name: str, hash_name: HashName) -> None:
        self._hash_name = hash_name.value
        name = protocol_name.encode("ascii")
        length = hashlib.new(self._hash_name).digest_size
        self.handshake_hash = name.ljust(length, b"\0") if len(name) <= length else self._hash(name)
        self._chaining_key = self.handshake_hash
        self._cipher: CipherState | None = None

    @property
    def sealing_overhead(self) -> int:
        """Bytes that `encrypt_and_hash` adds at this point."""
        return 0 if self._cipher is None else TAG_BYTES

    def mix_hash(self, seen: bytes) -> None:
        self.handshake_hash = self._hash(self.handshake_hash + seen)

    def mix_key(self, shared: bytes) -> None:
        self._chaining_key, key = self._derive(shared, 2)
        self._cipher = CipherState(key[:KEY_BYTES])

    def mix_key_and_hash(self, psk: bytes) -> None:
        self._chaining_key, seen, key = self._derive(psk, 3)
        self.mix_hash(seen)
        self._cipher = CipherState(key[:KEY_BYTES])

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        sealed = plaintext
        if self._cipher is not None:
            sealed = self._cipher.seal(self.handshake_hash, plaintext)
        self.mix_hash(sealed)
        return sealed

    def decrypt_and_hash(self, sealed: bytes) -> bytes:
        plaintext = sealed
        if self._cipher is not None:
            plaintext = self._cipher.open_sealed(self.handshake_hash, sealed)
        self.mix_hash(sealed)
        return plaintext

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers of the initiator's and of the responder's messages."""
        first, second = self._derive(b"", 2)
        return CipherState(first[:KEY_BYTES]), CipherState(second[:KEY_BYTES])

    def _hash(self, message: bytes) -> bytes:
        return hashlib.new(self._hash_name, message).digest()

    def _derive(self, material: bytes, count: int) -> list[bytes]:
        """HKDF of the specification (4.3): `count` outputs of the hash's length."""
        secret = hmac.digest(self._chaining_key, material, self._hash_name)
        outputs: list[bytes] = []
        previous = b""
        for index in range(1, count + 1):
            previous = hmac.digest(secret, previous + bytes([index]), self._hash_name)
            outputs.append(previous)
        return outputs


def _nonce(count: int) -> bytes:
    """ChaChaPoly's nonce: 32 bits of zeros, then the count, little-endian."""
    return bytes(4) + count.to_bytes(8, "little")
