"""Every box that is sealed or opened, seen where `mesh.crypto.aead` calls its library."""

import contextlib
from collections.abc import Callable, Iterator

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from mesh.crypto import aead
from sim.patching import Patch, patched

Sealing = Callable[[bytes, bytes, bytes, bytes], None]
"""Told of a key, a nonce, what is associated, and a plaintext."""

Opened = Callable[[bytes, bytes], None]
"""Told of a key and a plaintext whose tag was right."""


def _pass_over(key: bytes, plaintext: bytes) -> None:
    pass


@contextlib.contextmanager
def observing_cipher(sealing: Sealing, opened: Opened = _pass_over) -> Iterator[None]:
    """While inside, whatever goes through the cipher is told."""

    class Watched:
        """The cipher, observed."""

        def __init__(self, key: bytes) -> None:
            self._key = key
            self._cipher = ChaCha20Poly1305(key)

        def encrypt(self, nonce: bytes, plaintext: bytes, associated: bytes) -> bytes:
            """Tell, and seal."""
            sealing(self._key, nonce, associated, plaintext)
            return self._cipher.encrypt(nonce, plaintext, associated)

        def decrypt(self, nonce: bytes, sealed: bytes, associated: bytes) -> bytes:
            """Open, and tell."""
            plaintext = self._cipher.decrypt(nonce, sealed, associated)
            opened(self._key, plaintext)
            return plaintext

    with patched(Patch(aead, "ChaCha20Poly1305", Watched)):
        yield
