"""ChaCha20-Poly1305 (RFC 8439) with 32-byte keys, 12-byte nonces and 16-byte tags."""

from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mesh.errors import PeerError

KEY_BYTES: Final = 32
NONCE_BYTES: Final = 12
TAG_BYTES: Final = 16


class Box:
    """A prepared key that seals and opens, for whoever uses a key more than once.

    To prepare a key takes the library as long as to seal a short message, and its context 2 KB.
    """

    __slots__ = ("_cipher",)

    def __init__(self, key: bytes) -> None:
        assert len(key) == KEY_BYTES
        self._cipher = ChaCha20Poly1305(key)

    def seal(
        self, nonce: bytes, associated: bytes, plaintext: bytes | bytearray | memoryview
    ) -> bytes:
        """The ciphertext with its tag behind it."""
        return self._cipher.encrypt(nonce, plaintext, associated)

    def open_sealed(self, nonce: bytes, associated: bytes, sealed: bytes | memoryview) -> bytes:
        """The plaintext; PeerError if anything but the key's holder made what was sealed."""
        try:
            return self._cipher.decrypt(nonce, sealed, associated)
        except InvalidTag:
            raise PeerError("a sealed box does not open") from None


def seal(key: bytes, nonce: bytes, associated: bytes, plaintext: bytes | bytearray) -> bytes:
    """The ciphertext with its tag behind it, under a key that is used once."""
    return Box(key).seal(nonce, associated, plaintext)


def open_sealed(key: bytes, nonce: bytes, associated: bytes, sealed: bytes) -> bytes:
    """The plaintext; PeerError if anything but the key's holder made what was sealed."""
    return Box(key).open_sealed(nonce, associated, sealed)


def open_sealed_key(key: bytes, nonce: bytes, associated: bytes, sealed: bytes) -> bytearray:
    """The plaintext, which whoever asked for it overwrites after use; else as `open_sealed`."""
    plaintext = bytearray(len(sealed) - TAG_BYTES)
    try:
        ChaCha20Poly1305(key).decrypt_into(nonce, sealed, associated, plaintext)
    except InvalidTag:
        raise PeerError("a sealed box does not open") from None
    return plaintext
