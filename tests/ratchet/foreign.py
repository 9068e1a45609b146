"""The `DoubleRatchet` package as the other side: code that we did not write, with our functions.

The order of steps, the chains, late keys and X25519 (by another library than ours) are its own; its
two KDFs and its AEAD are replaced by those of `docs/protocol/session.md`. It is written for
asyncio but waits for nothing, so its coroutines are run to their end by hand.
"""

from collections.abc import Coroutine
from random import Random
from typing import TypeVar

import doubleratchet
from doubleratchet import AEAD, KDF, DoubleRatchet, EncryptedMessage, Header
from doubleratchet.recommended import diffie_hellman_ratchet_curve25519

from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.limits.sessions import SKIPPED_PER_MESSAGE_MAX, SKIPPED_PER_SESSION_MAX
from mesh.wire.ratchet_header import RatchetHeader, decode_ratchet_header
from tests.ratchet.side import Posted, opened, sealed

_Result = TypeVar("_Result")


class RootKdf(KDF):
    """RK' ‖ CK = B(RK, DH, "mesh/dr/root", 64)."""

    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        """64 bytes."""
        assert length == 64
        return blake2b(key, data, b"mesh/dr/root", length)


class MessageKdf(KDF):
    """CK' ‖ MK = B(CK, "", "mesh/dr/chain", 64)."""

    @staticmethod
    async def derive(key: bytes, data: bytes, length: int) -> bytes:
        """64 bytes; the constant of the package is left empty."""
        assert length == 64
        assert data == b""
        return blake2b(key, data, b"mesh/dr/chain", length)


class Box(AEAD):
    """ChaCha20-Poly1305 as in the tests of our own ratchet; associated is our header."""

    @staticmethod
    async def encrypt(plaintext: bytes, key: bytes, associated_data: bytes) -> bytes:
        """Seal."""
        return sealed(key, decode_ratchet_header(associated_data), plaintext)

    @staticmethod
    async def decrypt(ciphertext: bytes, key: bytes, associated_data: bytes) -> bytes:
        """Open, or fail in the package's way."""
        try:
            return opened(key, decode_ratchet_header(associated_data), ciphertext)
        except PeerError:
            raise doubleratchet.AuthenticationFailedException from None


class Curve(diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet):
    """X25519 by pyca, with chance that repeats; the chance is one for all, since it is static."""

    random = Random(0)

    @staticmethod
    def _generate_priv() -> bytes:
        return Curve.random.randbytes(32)


class Clear(DoubleRatchet):
    """The package's ratchet; its header is associated in our form."""

    @staticmethod
    def _build_associated_data(associated_data: bytes, header: Header) -> bytes:
        return associated_data + ours(header).encode()


class ForeignSide:
    """One of two sides, as `Side` is one."""

    def __init__(self, root: bytes, *, private: bytes | None, their_public: bytes | None) -> None:
        self._root = root
        self._private = private
        self._their_public = their_public
        self._ratchet: Clear | None = None

    @property
    def can_send(self) -> bool:
        """A responder has to hear first."""
        return self._ratchet is not None or self._their_public is not None

    def seal(self, text: bytes) -> Posted:
        """Post a text."""
        if self._ratchet is None:
            assert self._their_public is not None
            self._ratchet, message = run(
                Clear.encrypt_initial_message(
                    Curve,
                    RootKdf,
                    MessageKdf,
                    b"",
                    SKIPPED_PER_MESSAGE_MAX,
                    SKIPPED_PER_SESSION_MAX,
                    Box,
                    self._root,
                    self._their_public,
                    text,
                    b"",
                )
            )
        else:
            message = run(self._ratchet.encrypt_message(text, b""))
        return Posted(ours(message.header), message.ciphertext)

    def open(self, posted: Posted) -> bytes | None:
        """The text; PeerError if it does not open."""
        header = posted.header
        message = EncryptedMessage(
            Header(header.public, header.previous_count, header.number), posted.sealed
        )
        try:
            if self._ratchet is not None:
                return run(self._ratchet.decrypt_message(message, b""))
            assert self._private is not None
            self._ratchet, text = run(
                Clear.decrypt_initial_message(
                    Curve,
                    RootKdf,
                    MessageKdf,
                    b"",
                    SKIPPED_PER_MESSAGE_MAX,
                    SKIPPED_PER_SESSION_MAX,
                    Box,
                    self._root,
                    self._private,
                    message,
                    b"",
                )
            )
        except (
            doubleratchet.AuthenticationFailedException,
            doubleratchet.DuplicateMessageException,
        ):
            raise PeerError("the other implementation refuses it") from None
        return text


def ours(header: Header) -> RatchetHeader:
    """A header of the package as one of ours without a post-quantum step."""
    return RatchetHeader(
        header.ratchet_pub, header.previous_sending_chain_length, header.sending_chain_length
    )


def run(coroutine: Coroutine[None, None, _Result]) -> _Result:
    """Run a coroutine that waits for nothing."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: _Result = ended.value
        return result
    raise AssertionError("the coroutine waits for something")
