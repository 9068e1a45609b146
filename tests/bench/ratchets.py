"""Three ratchets behind one form: ours, Olm's (vodozemac), and that of the `DoubleRatchet` package.

Each has what its library recommends: Olm clear headers, AES-CBC and a MAC of 8 bytes in Rust; the
package HKDF, HMAC and AES-CBC with clear headers in Python. Ours is there twice: `Bare` with its
header in clear like the others, and `Whole`, the body of an envelope of 1 KiB, in which the header
is sealed in a box of its own and 256 bytes are padded to 770.
"""

from collections.abc import Coroutine
from random import Random
from typing import NamedTuple, Protocol, TypeVar

import doubleratchet
import vodozemac
from doubleratchet.recommended import (
    HashFunction,
    aead_aes_hmac,
    diffie_hellman_ratchet_curve25519,
    kdf_hkdf,
    kdf_separate_hmacs,
)

from mesh.crypto import aead
from mesh.crypto.kem import PycaKem
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.limits.sessions import SKIPPED_PER_MESSAGE_MAX, SKIPPED_PER_SESSION_MAX
from mesh.node.system_entropy import SystemEntropy
from mesh.ratchet.double_ratchet import Awaiting, Ratchet, Receiving
from mesh.ratchet.sealed_message import (
    nonce_of,
    open_header,
    open_payload,
    seal_boxes,
    session_size_class,
    split_nonce,
)
from mesh.wire.envelope import HEADER_BYTES, body_bytes
from mesh.wire.ratchet_header import RatchetHeader, decode_ratchet_header

_Result = TypeVar("_Result")
_Message = TypeVar("_Message")
ENTROPY, KEM, NOW = SystemEntropy(), PycaKem(), UnixSeconds(0)
ENVELOPE_HEADER, BOX_KEY = bytes(HEADER_BYTES), bytes(range(32))


class Party(Protocol[_Message]):
    """One side of a session."""

    def seal(self, text: bytes) -> _Message:
        """The next message."""
        ...

    def open(self, message: _Message) -> bytes:
        """Its text; any error if it does not open."""
        ...


class Holder:
    """A person who holds a ratchet of ours and the keys of messages that have not come."""

    def __init__(self, ratchet: Ratchet) -> None:
        self._ratchet = ratchet
        self._kept: dict[tuple[bytes, int], bytes] = {}

    def _next(self) -> tuple[RatchetHeader, bytes]:
        sending = self._ratchet.next_sending(entropy=ENTROPY, kem=KEM, mesh_now=NOW)
        self._ratchet = sending.ratchet
        return sending.header, sending.message_key

    def _received(self, header: RatchetHeader) -> Receiving:
        received = self._ratchet.receive(
            header, kem=KEM, mesh_now=NOW, find_skipped=self._find_kept
        )
        assert not isinstance(received, Awaiting)
        return received

    def _keep(self, received: Receiving) -> None:
        self._ratchet = received.ratchet
        for one in received.skipped:
            self._kept[one.name.public, one.name.number] = one.key
        if received.used is not None:
            del self._kept[received.used.public, received.used.number]

    def _find_kept(self, public: bytes, number: int) -> bytes | None:
        return self._kept.get((public, number))


class Whole(Holder):
    """Our ratchet with the bodies of a session; one box key stands for those of all tags."""

    def seal(self, text: bytes) -> bytes:
        """A body."""
        header, key = self._next()
        size_class = session_size_class(len(text), has_long_header=bool(header.kem_part))
        assert size_class is not None
        nonce = nonce_of(key, text, ENTROPY)
        return nonce + seal_boxes(
            header,
            key,
            text,
            header_key=BOX_KEY,
            associated=ENVELOPE_HEADER,
            nonce=nonce,
            room=body_bytes(size_class),
        )

    def open(self, message: bytes) -> bytes:
        """The text of a body."""
        nonce, boxes = split_nonce(message)
        header, header_box, message_box = open_header(
            boxes, header_key=BOX_KEY, associated=ENVELOPE_HEADER, nonce=nonce
        )
        received = self._received(header)
        text = open_payload(
            received.message_key,
            associated=ENVELOPE_HEADER,
            nonce=nonce,
            header_box=header_box,
            message_box=message_box,
        )
        self._keep(received)
        return text


class Clear(NamedTuple):
    """A message whose header is in clear, as those of the other libraries are."""

    header: bytes
    nonce: bytes
    box: bytes


class Bare(Holder):
    """Our ratchet and one box for each message; its header is in clear and authenticated."""

    def seal(self, text: bytes) -> Clear:
        """Header, nonce and box."""
        header, key = self._next()
        data, nonce = header.encode(), nonce_of(key, text, ENTROPY)
        return Clear(data, nonce, aead.seal(key, nonce, data, text))

    def open(self, message: Clear) -> bytes:
        """The text."""
        received = self._received(decode_ratchet_header(message.header))
        text = aead.open_sealed(received.message_key, message.nonce, message.header, message.box)
        self._keep(received)
        return text


class Olm:
    """A session of vodozemac."""

    def __init__(self, session: vodozemac.Session) -> None:
        self._session = session

    def seal(self, text: bytes) -> vodozemac.AnyOlmMessage:
        """A message of Olm."""
        return self._session.encrypt(text)

    def open(self, message: vodozemac.AnyOlmMessage) -> bytes:
        """Its text."""
        text: bytes = self._session.decrypt(message)
        return text


class RootKdf(kdf_hkdf.KDF):
    """HKDF."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"bench root"


class MessageKdf(kdf_separate_hmacs.KDF):
    """Two HMACs."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256


class Box(aead_aes_hmac.AEAD):
    """AES-256-CBC and HMAC."""

    @staticmethod
    def _get_hash_function() -> HashFunction:
        return HashFunction.SHA_256

    @staticmethod
    def _get_info() -> bytes:
        return b"bench box"


class PackageRatchet(doubleratchet.DoubleRatchet):
    """The package's ratchet."""

    @staticmethod
    def _build_associated_data(associated_data: bytes, header: doubleratchet.Header) -> bytes:
        return b"".join(
            (
                associated_data,
                header.ratchet_pub,
                header.previous_sending_chain_length.to_bytes(8, "big"),
                header.sending_chain_length.to_bytes(8, "big"),
            )
        )


class Package:
    """A session of the `DoubleRatchet` package; its coroutines never wait."""

    def __init__(self, ratchet: PackageRatchet) -> None:
        self._ratchet = ratchet

    def seal(self, text: bytes) -> doubleratchet.EncryptedMessage:
        """A message of the package."""
        return run(self._ratchet.encrypt_message(text, b""))

    def open(self, message: doubleratchet.EncryptedMessage) -> bytes:
        """Its text."""
        return run(self._ratchet.decrypt_message(message, b""))


def whole(*, is_post_quantum: bool = False) -> tuple[Whole, Whole]:
    """Two of ours that have both answered, with the bodies of envelopes."""
    initiator, responder = _two_ends(is_post_quantum=is_post_quantum)
    return answered(Whole(initiator), Whole(responder))


def bare(*, is_post_quantum: bool = False) -> tuple[Bare, Bare]:
    """Two of ours that have both answered, with headers in clear."""
    initiator, responder = _two_ends(is_post_quantum=is_post_quantum)
    return answered(Bare(initiator), Bare(responder))


def _two_ends(*, is_post_quantum: bool) -> tuple[Ratchet, Ratchet]:
    random = Random()
    root, private, kem_seed = random.randbytes(32), random.randbytes(32), random.randbytes(64)
    their_kem_key = KEM.public_key(kem_seed) if is_post_quantum else None
    responder = Ratchet.responder(root, private, their_kem_key=their_kem_key, mesh_now=NOW)
    initiator = Ratchet.initiator(
        root, responder.public, kem_seed=kem_seed if is_post_quantum else None, mesh_now=NOW
    )
    return initiator, responder


def olm() -> tuple[Olm, Olm]:
    """Two of vodozemac that have both answered."""
    one, other = vodozemac.Account(), vodozemac.Account()
    other.generate_one_time_keys(1)
    (key,) = other.one_time_keys.values()
    outbound = one.create_outbound_session(other.curve25519_key, key)
    message = outbound.encrypt(b"hello").to_pre_key()
    assert message is not None
    inbound, _ = other.create_inbound_session(one.curve25519_key, message)
    return answered(Olm(outbound), Olm(inbound), is_heard=True)


def package() -> tuple[Package, Package]:
    """Two of the package that have both answered."""
    root, private = Random().randbytes(32), Random().randbytes(32)
    curve = diffie_hellman_ratchet_curve25519.DiffieHellmanRatchet
    limits = (SKIPPED_PER_MESSAGE_MAX, SKIPPED_PER_SESSION_MAX)
    one, message = run(
        PackageRatchet.encrypt_initial_message(
            curve,
            RootKdf,
            MessageKdf,
            b"\x01\x02",
            *limits,
            Box,
            root,
            curve._derive_pub(private),
            b"hello",
            b"",
        )
    )
    other, _ = run(
        PackageRatchet.decrypt_initial_message(
            curve, RootKdf, MessageKdf, b"\x01\x02", *limits, Box, root, private, message, b""
        )
    )
    return answered(Package(one), Package(other), is_heard=True)


_Side = TypeVar("_Side", Whole, Bare, Olm, Package)


def answered(one: _Side, other: _Side, *, is_heard: bool = False) -> tuple[_Side, _Side]:
    """Let both write once, so that every chain has begun."""
    if not is_heard:
        opened(other, one.seal(b"hello"))
    opened(one, other.seal(b"hello"))
    opened(other, one.seal(b"hello"))
    return one, other


def opened(party: Party[_Message], message: _Message) -> bool:
    """Say whether a message opens."""
    refusals = (
        PeerError,
        ValueError,
        doubleratchet.AuthenticationFailedException,
        doubleratchet.DuplicateMessageException,
    )
    try:
        party.open(message)
    except refusals:
        return False
    return True


def run(coroutine: Coroutine[None, None, _Result]) -> _Result:
    """Run a coroutine that waits for nothing, without the cost of a loop."""
    try:
        coroutine.send(None)
    except StopIteration as ended:
        result: _Result = ended.value
        return result
    raise AssertionError("the coroutine waits for something")
