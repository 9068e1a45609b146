"""One side of a session in tests: a ratchet, the keys that it keeps, and the AEAD around it.

What a messenger does with rows is done with a dict here: only what opened is kept. The box is the
plainest that binds a header to its message, so that a foreign ratchet can make and open it too.
"""

from dataclasses import dataclass
from random import Random

from mesh.crypto import aead
from mesh.crypto.hashing import blake2b
from mesh.crypto.kem import Kem
from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.ratchet.double_ratchet import Awaiting, Ratchet
from mesh.wire.ratchet_header import RatchetHeader
from tests.entropy import SeededEntropy


@dataclass(frozen=True)
class Posted:
    """A message on its way; its header is in clear, since the ratchet knows no boxes of headers."""

    header: RatchetHeader
    sealed: bytes


class Side:
    """Our ratchet as one of two; `open` returns None while a long header is awaited."""

    def __init__(self, ratchet: Ratchet, *, kem: Kem, seed: int) -> None:
        self.ratchet = ratchet
        self.skipped: dict[tuple[bytes, int], bytes] = {}
        self.mesh_now = UnixSeconds(0)
        self.steps_count = 0
        self._kem = kem
        self._entropy = SeededEntropy(seed)

    @property
    def can_send(self) -> bool:
        """Say whether the other side's key is known."""
        return self.ratchet.can_send

    def seal(self, text: bytes) -> Posted:
        """Post a text."""
        sending = self.ratchet.next_sending(
            entropy=self._entropy, kem=self._kem, mesh_now=self.mesh_now
        )
        self.ratchet = sending.ratchet
        self.steps_count += sending.tag_root is not None
        return Posted(sending.header, sealed(sending.message_key, sending.header, text))

    def open(self, posted: Posted) -> bytes | None:
        """The text of a message; PeerError, and nothing has changed, if it does not open."""
        found = self.ratchet.receive(
            posted.header, kem=self._kem, mesh_now=self.mesh_now, find_skipped=self._find_skipped
        )
        if isinstance(found, Awaiting):
            return None
        text = opened(found.message_key, posted.header, posted.sealed)
        self.ratchet = found.ratchet
        for one in found.skipped:
            assert (one.name.public, one.name.number) not in self.skipped
            self.skipped[one.name.public, one.name.number] = one.key
        if found.used is not None:
            del self.skipped[found.used.public, found.used.number]
        return text

    def _find_skipped(self, public: bytes, number: int) -> bytes | None:
        return self.skipped.get((public, number))


def pair(random: Random, *, kem: Kem, is_post_quantum: bool) -> tuple[Side, Side]:
    """An initiator and a responder of one session."""
    root, private, kem_seed = random.randbytes(32), random.randbytes(32), random.randbytes(64)
    now = UnixSeconds(0)
    responder = Ratchet.responder(
        root,
        private,
        their_kem_key=kem.public_key(kem_seed) if is_post_quantum else None,
        mesh_now=now,
    )
    initiator = Ratchet.initiator(
        root,
        responder.public,
        kem_seed=kem_seed if is_post_quantum else None,
        mesh_now=now,
    )
    return (
        Side(initiator, kem=kem, seed=random.getrandbits(64)),
        Side(responder, kem=kem, seed=random.getrandbits(64)),
    )


def sealed(message_key: bytes, header: RatchetHeader, text: bytes) -> bytes:
    """The box of a text."""
    nonce = blake2b(message_key, text, b"mesh/msg/nonce", aead.NONCE_BYTES)
    return nonce + aead.seal(message_key, nonce, header.encode(), text)


def opened(message_key: bytes, header: RatchetHeader, box: bytes) -> bytes:
    """The text of a box; PeerError if it is of another key or header."""
    nonce, inside = box[: aead.NONCE_BYTES], box[aead.NONCE_BYTES :]
    return aead.open_sealed(message_key, nonce, header.encode(), inside)


def is_refused(side: Side, posted: Posted) -> bool:
    """Say whether a message does not open, and changes nothing by that."""
    before, kept = side.ratchet, dict(side.skipped)
    try:
        text = side.open(posted)
    except PeerError:
        assert side.ratchet == before
        assert side.skipped == kept
        return True
    assert side.ratchet == before or text is not None
    return False
