"""libsodium's secretstream (XChaCha20-Poly1305): pieces that open only whole and in their order.

Whatever is cut off, added, altered or moved shows when it is opened; the last piece says that it
is the last.
"""

from typing import Final

from nacl import bindings, exceptions

from mesh.errors import PeerError

KEY_BYTES: Final = bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES
STREAM_HEADER_BYTES: Final = bindings.crypto_secretstream_xchacha20poly1305_HEADERBYTES
PIECE_OVERHEAD_BYTES: Final = bindings.crypto_secretstream_xchacha20poly1305_ABYTES

_MESSAGE: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_MESSAGE
_FINAL: Final = bindings.crypto_secretstream_xchacha20poly1305_TAG_FINAL


class StreamSealer:
    """Seals the pieces of one stream, under a key that is used once."""

    def __init__(self, key: bytes) -> None:
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        self.header: bytes = bindings.crypto_secretstream_xchacha20poly1305_init_push(
            self._state, key
        )

    def seal(self, piece: bytes, *, is_last: bool) -> bytes:
        """The next piece, longer by `PIECE_OVERHEAD_BYTES`."""
        sealed: bytes = bindings.crypto_secretstream_xchacha20poly1305_push(
            self._state, piece, tag=_FINAL if is_last else _MESSAGE
        )
        return sealed


class StreamOpener:
    """Opens the pieces of one stream."""

    def __init__(self, key: bytes, header: bytes) -> None:
        self._state = bindings.crypto_secretstream_xchacha20poly1305_state()
        bindings.crypto_secretstream_xchacha20poly1305_init_pull(self._state, header, key)

    def open_sealed(self, sealed: bytes) -> tuple[bytes, bool]:
        """The next piece, and whether it is the last; PeerError if it is not the one sealed."""
        if len(sealed) < PIECE_OVERHEAD_BYTES:
            raise PeerError("it ends within a piece")
        try:
            piece, tag = bindings.crypto_secretstream_xchacha20poly1305_pull(self._state, sealed)
        except exceptions.RuntimeError:
            raise PeerError("a piece does not open") from None
        return piece, tag == _FINAL
