"""From a passphrase to a key: for the vault, and for the psk of a closed mesh."""

import unicodedata

from mesh.crypto.hashing import argon2id
from mesh.limits.passphrase import PASSPHRASE_BYTES_MAX


def derive_key(passphrase: str, salt: bytes, *, memory_bytes: int, passes: int) -> bytes:
    """Argon2id over the UTF-8 of the passphrase in Unicode's normal form C, 32 bytes out.

    Keyboards of different systems spell an accented letter in different ways; the normal form
    makes the same key of all of them. The salt is 16 bytes. The caller has bounded the length.
    """
    secret = unicodedata.normalize("NFC", passphrase).encode()
    assert len(secret) <= PASSPHRASE_BYTES_MAX
    return argon2id(secret, salt=salt, memory_bytes=memory_bytes, passes=passes)
