"""X25519 by libsodium. A result of zeros, which a low-order point forces, is refused."""

from typing import Final

from nacl import bindings, exceptions

from mesh.errors import PeerError

X25519_BYTES: Final = 32


def x25519_public(private: bytes) -> bytes:
    """The public key of any 32 private bytes; they are clamped when used."""
    assert len(private) == X25519_BYTES
    return bindings.crypto_scalarmult_base(private)


def x25519(private: bytes, public: bytes) -> bytes:
    """The shared secret; PeerError if the public key is malformed or of low order."""
    assert len(private) == X25519_BYTES
    # The binding hands a pointer on without a look at the length.
    if len(public) != X25519_BYTES:
        raise PeerError("an X25519 key has a wrong length")
    try:
        return bindings.crypto_scalarmult(private, public)
    except exceptions.RuntimeError:
        raise PeerError("an X25519 key is of low order") from None
