"""Links without secrecy, in the place of those of `mesh.link`: what is left of a link.

A handshake sends the same messages with the same sizes at the same times, and draws the same chance
from its node; but keys stand in clear and nothing is agreed on. Records are as long as real ones.
Where a real record has its tag, a plain one has its number and a checksum: bytes that were changed,
lost or repeated still end a link, and so does a node of another mesh. So a run without Noise does
the same at the same instants as one with it; only its bytes, and so its trace hash, are others.

What is given up: S8 sees no records, and nobody could tell a forger who can compute a checksum.
What is gained: no AEAD, no agreement, no memory of each record's nonce. And S6 looks into every
frame, as a neighbour does, where it only sees sealed records otherwise.
"""

from hashlib import blake2b
from typing import Final
from zlib import crc32

from mesh.crypto.aead import TAG_BYTES
from mesh.crypto.agreement import X25519_BYTES, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import (
    KEM_CIPHERTEXT_BYTES,
    KEM_PUBLIC_KEY_BYTES,
    KEM_SEED_BYTES,
    Kem,
)
from mesh.errors import PeerError
from sim.hosts.modelled_kem import COIN_BYTES

MESSAGES_BYTES: Final = (
    X25519_BYTES + KEM_PUBLIC_KEY_BYTES + 2 * TAG_BYTES,
    X25519_BYTES + KEM_CIPHERTEXT_BYTES + X25519_BYTES + 3 * TAG_BYTES,
    X25519_BYTES + 2 * TAG_BYTES,
)
"""Of psk e e1 | e ee ekem1 s es | s se, each with an empty payload."""


class PlainCipher:
    """One direction: a box is the plaintext, its number and a checksum of both."""

    __slots__ = ("_number",)

    def __init__(self) -> None:
        self._number = 0

    def seal(self, associated: bytes, plaintext: bytes | memoryview, /) -> bytes:
        """The next box."""
        return b"".join((plaintext, self._next_tag(associated, plaintext)))

    def open_sealed(self, associated: bytes, sealed: bytes | memoryview, /) -> bytes:
        """The plaintext of the next box; PeerError if it is another one, or changed."""
        plaintext = bytes(sealed[:-TAG_BYTES])
        if sealed[-TAG_BYTES:] != self._next_tag(associated, plaintext):
            raise PeerError("a sealed box does not open")
        return plaintext

    def rekey(self) -> None:
        """There is no key."""

    def _next_tag(self, associated: bytes, plaintext: bytes | memoryview) -> bytes:
        self._number += 1
        checksum = crc32(plaintext, crc32(associated, self._number))
        return self._number.to_bytes(8, "big") + checksum.to_bytes(8, "big")


class PlainHandshake:
    """One side: each message is a key in clear, zeros, and a hash of the mesh and the key."""

    def __init__(self, *, is_initiator: bool, entropy: Entropy, static: bytes, mesh: bytes) -> None:
        self._is_initiator = is_initiator
        self._entropy = entropy
        self._static = static
        self._mesh = mesh
        self._next_message = 0
        self._has_failed = False
        self._heard = blake2b()
        self._remote_static: bytes | None = None
        self._remote_ephemeral: bytes | None = None

    @property
    def is_finished(self) -> bool:
        """Say whether all messages went through."""
        return self._next_message == len(MESSAGES_BYTES) and not self._has_failed

    @property
    def is_our_turn(self) -> bool:
        """Say whether the next message is ours to write."""
        is_ours = (self._next_message % 2 == 0) == self._is_initiator
        return is_ours and not (self.is_finished or self._has_failed)

    @property
    def handshake_hash(self) -> bytes:
        """A name of this channel that both sides know."""
        return self._heard.digest()

    @property
    def remote_static(self) -> bytes:
        """The other side's static key, as soon as it was read."""
        assert self._remote_static is not None
        return self._remote_static

    @property
    def remote_ephemeral(self) -> bytes:
        """Return what the other side has drawn for this handshake."""
        assert self._remote_ephemeral is not None
        return self._remote_ephemeral

    def write_message(self, payload: bytes, /) -> bytes:
        """The next message."""
        assert self.is_our_turn
        assert not payload
        keys = b""
        if self._next_message < 2:
            keys = self._entropy.draw(X25519_BYTES)
            # The seed of a KEM key, or the coins of a ciphertext: as much chance as a real one.
            self._entropy.draw(KEM_SEED_BYTES if self._is_initiator else COIN_BYTES)
        if self._next_message > 0:
            keys += x25519_public(self._static)
        return self._took(self._made(keys))

    def read_message(self, message: bytes, /) -> bytes:
        """Read the other side's next message; PeerError if it is not one of this mesh."""
        if self._has_failed:
            raise PeerError("the handshake has failed already")
        assert not self.is_our_turn
        ephemeral_bytes = X25519_BYTES if self._next_message < 2 else 0
        static_bytes = X25519_BYTES if self._next_message > 0 else 0
        keys = message[: ephemeral_bytes + static_bytes]
        if message != self._made(keys):
            self._has_failed = True
            raise PeerError("a handshake message does not open")
        if ephemeral_bytes:
            self._remote_ephemeral = keys[:ephemeral_bytes]
        if static_bytes:
            self._remote_static = keys[ephemeral_bytes:]
        self._took(message)
        return b""

    def split(self) -> tuple[PlainCipher, PlainCipher]:
        """One for each direction."""
        assert self.is_finished
        return PlainCipher(), PlainCipher()

    def _made(self, keys: bytes) -> bytes:
        size = MESSAGES_BYTES[self._next_message]
        proof = blake2b(self._mesh + keys, digest_size=TAG_BYTES).digest()
        return keys.ljust(size - TAG_BYTES, b"\0") + proof

    def _took(self, message: bytes) -> bytes:
        self._heard.update(message)
        self._next_message += 1
        return message


def begin_plainly(
    *,
    is_initiator: bool,
    entropy: Entropy,
    kem: Kem,
    prologue: bytes,
    static: bytes,
    psk: bytes,
) -> PlainHandshake:
    """Fits `mesh.link.link.BeginHandshake`; no key encapsulation is needed."""
    return PlainHandshake(
        is_initiator=is_initiator, entropy=entropy, static=static, mesh=prologue + psk
    )
