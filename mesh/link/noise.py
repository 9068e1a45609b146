"""The Noise Protocol Framework without a socket: bytes in, bytes out.

Implements the specification's revision 34 (25519, ChaChaPoly, BLAKE2b, BLAKE2s and SHA256) and
the hfs draft's revision 1 with ML-KEM-768, as `docs/protocol/link.md` uses them. Three objects hold
each other like the specification's: a `HandshakeState` walks over the tokens of a pattern
and owns a `SymmetricState`, which owns a `CipherState` once there is a key. At the end the
handshake splits into one `CipherState` per direction.

Everything that the other side can cause is a `PeerError`; after one the handshake is over.
"""

from collections.abc import Sequence
from typing import Final, assert_never

from mesh.crypto.agreement import X25519_BYTES, x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.kem import (
    KEM_CIPHERTEXT_BYTES,
    KEM_PUBLIC_KEY_BYTES,
    KEM_SEED_BYTES,
    Kem,
)
from mesh.errors import PeerError
from mesh.link.patterns import NoiseProtocol, Token
from mesh.link.symmetric import CipherState, SymmetricState

PSK_BYTES: Final = 32
MESSAGE_BYTES_MAX: Final = 65_535


class HandshakeState:
    """One side of one handshake, from the first message to the split.

    The sides write and read in turn, as the pattern says; who writes or reads out of turn has a
    fault of its own, which is asserted. Keys of one side that the pattern has no use for may be
    given, so that a node need not look at the pattern. Ephemeral keys are drawn when they
    are written: 32 bytes for `e`, 64 for `e1`, and what the KEM wants for `ekem1`.
    """

    def __init__(
        self,
        protocol: NoiseProtocol,
        *,
        is_initiator: bool,
        entropy: Entropy,
        kem: Kem,
        prologue: bytes = b"",
        static: bytes | None = None,
        remote_static: bytes | None = None,
        psks: Sequence[bytes] = (),
    ) -> None:
        assert len(psks) == protocol.psks_count
        assert all(len(psk) == PSK_BYTES for psk in psks)
        self._is_initiator = is_initiator
        self._entropy = entropy
        self._kem = kem
        self._messages = protocol.messages
        self._next_message = 0
        self._has_failed = False
        self._psks = list(psks)
        self._mixes_ephemerals = protocol.psks_count > 0
        self._static = static
        self._ephemeral: bytes | None = None
        self._kem_seed: bytes | None = None
        self._remote_static = remote_static
        self._remote_ephemeral: bytes | None = None
        self._remote_kem: bytes | None = None
        self._symmetric = SymmetricState(protocol.name, protocol.hash_name)
        self._symmetric.mix_hash(prologue)
        for is_known, is_ours in (
            (protocol.is_initiator_known, is_initiator),
            (protocol.is_responder_known, not is_initiator),
        ):
            if is_known:
                key = x25519_public(_held(static)) if is_ours else _held(remote_static)
                self._symmetric.mix_hash(key)

    @property
    def is_finished(self) -> bool:
        """Say whether all messages went through; then, and only then, it can be split."""
        return self._next_message == len(self._messages) and not self._has_failed

    @property
    def is_our_turn(self) -> bool:
        """Say whether the next message is ours to write."""
        return (
            not self.is_finished
            and not self._has_failed
            and (self._next_message % 2 == 0) == self._is_initiator
        )

    @property
    def handshake_hash(self) -> bytes:
        """A name of this channel that both sides know and no other channel has."""
        assert self.is_finished
        return self._symmetric.handshake_hash

    @property
    def remote_static(self) -> bytes:
        """The other side's static key, as soon as it was read."""
        return _held(self._remote_static)

    @property
    def remote_ephemeral(self) -> bytes:
        """The other side's ephemeral key, as soon as it was read; a replay shows the same one."""
        return _held(self._remote_ephemeral)

    def write_message(self, payload: bytes) -> bytes:
        """The next message of the handshake, with this payload inside.

        PeerError if a key that the other side sent turns out to be bad only now.
        """
        assert self.is_our_turn
        try:
            parts = [self._write_token(token) for token in self._messages[self._next_message]]
        except PeerError:
            self._has_failed = True
            raise
        message = b"".join(parts) + self._symmetric.encrypt_and_hash(payload)
        assert len(message) <= MESSAGE_BYTES_MAX
        self._next_message += 1
        return message

    def read_message(self, message: bytes) -> bytes:
        """The payload of the other side's next message; PeerError on anything wrong with it."""
        if self._has_failed:
            raise PeerError("the handshake has failed already")
        assert not self.is_finished
        assert not self.is_our_turn
        try:
            if len(message) > MESSAGE_BYTES_MAX:
                raise PeerError("a handshake message is too long")
            position = 0
            for token in self._messages[self._next_message]:
                position += self._read_token(token, message, position)
            payload = self._symmetric.decrypt_and_hash(message[position:])
        except PeerError:
            self._has_failed = True
            raise
        self._next_message += 1
        return payload

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers to send and to receive with."""
        assert self.is_finished
        initiators, responders = self._symmetric.split()
        return (initiators, responders) if self._is_initiator else (responders, initiators)

    def _write_token(self, token: Token) -> bytes:
        """Carry out one token of a message of ours; what it puts on the wire."""
        match token:
            case Token.E:
                self._ephemeral = self._entropy.draw(X25519_BYTES)
                public = x25519_public(self._ephemeral)
                self._mix_ephemeral(public)
                return public
            case Token.S:
                return self._symmetric.encrypt_and_hash(x25519_public(_held(self._static)))
            case Token.E1:
                self._kem_seed = self._entropy.draw(KEM_SEED_BYTES)
                return self._symmetric.encrypt_and_hash(self._kem.public_key(self._kem_seed))
            case Token.EKEM1:
                ciphertext, shared = self._kem.encapsulate(_held(self._remote_kem), self._entropy)
                sent = self._symmetric.encrypt_and_hash(ciphertext)
                self._symmetric.mix_key(shared)
                return sent
            case Token.PSK | Token.EE | Token.ES | Token.SE | Token.SS:
                self._mix_shared(token)
                return b""
            case _:
                assert_never(token)

    def _read_token(self, token: Token, message: bytes, position: int) -> int:
        """Carry out one token of the other side's message; how many bytes of it were taken."""
        match token:
            case Token.E:
                self._remote_ephemeral = _cut(message, position, X25519_BYTES)
                self._mix_ephemeral(self._remote_ephemeral)
                return X25519_BYTES
            case Token.S:
                length = X25519_BYTES + self._symmetric.sealing_overhead
                sealed = _cut(message, position, length)
                self._remote_static = self._symmetric.decrypt_and_hash(sealed)
                return length
            case Token.E1:
                length = KEM_PUBLIC_KEY_BYTES + self._symmetric.sealing_overhead
                sealed = _cut(message, position, length)
                self._remote_kem = self._symmetric.decrypt_and_hash(sealed)
                return length
            case Token.EKEM1:
                length = KEM_CIPHERTEXT_BYTES + self._symmetric.sealing_overhead
                ciphertext = self._symmetric.decrypt_and_hash(_cut(message, position, length))
                self._symmetric.mix_key(self._kem.decapsulate(_held(self._kem_seed), ciphertext))
                return length
            case Token.PSK | Token.EE | Token.ES | Token.SE | Token.SS:
                self._mix_shared(token)
                return 0
            case _:
                assert_never(token)

    def _mix_ephemeral(self, public: bytes) -> None:
        self._symmetric.mix_hash(public)
        # A psk alone would seal two first messages under one key and nonce (section 9.2).
        if self._mixes_ephemerals:
            self._symmetric.mix_key(public)

    def _mix_shared(self, token: Token) -> None:
        """Carry out a token that puts nothing on the wire, the same when written and read."""
        if token is Token.PSK:
            self._symmetric.mix_key_and_hash(self._psks.pop(0))
            return
        # The first letter is the initiator's key, the second the responder's.
        initiators, responders = token.value
        ours, theirs = (initiators, responders) if self._is_initiator else (responders, initiators)
        private = self._ephemeral if ours == "e" else self._static
        public = self._remote_ephemeral if theirs == "e" else self._remote_static
        self._symmetric.mix_key(x25519(_held(private), _held(public)))


def _held(key: bytes | None) -> bytes:
    """A key that the pattern guarantees to be there."""
    assert key is not None
    return key


def _cut(message: bytes, position: int, length: int) -> bytes:
    part = message[position : position + length]
    if len(part) != length:
        raise PeerError("a handshake message is too short")
    return part
