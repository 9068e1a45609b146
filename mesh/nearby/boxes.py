"""The keys of the hour, and the boxes that two people near each other seal between them.

Implements `docs/protocol/nearby.md`, sections "Boxes" and "Steps". Frozen values; what does not
open raises PeerError.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.aead import KEY_BYTES, NONCE_BYTES, TAG_BYTES, open_sealed, seal
from mesh.crypto.agreement import X25519_BYTES, x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b, blake2b_256
from mesh.errors import PeerError
from mesh.ratchet.comparison import Comparing

_PREFIX: Final = b"mesh.near.1"
_HEDGE_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class HourKey:
    """The key pair of our card."""

    private: bytes = field(repr=False)
    public: bytes

    @classmethod
    def draw(cls, entropy: Entropy) -> "HourKey":
        """A new pair; nothing ties it to the former one."""
        private = entropy.draw(X25519_BYTES)
        return cls(private, x25519_public(private))


@dataclass(frozen=True, slots=True)
class Boxes:
    """Two directions between two nodes, and what every box is bound to."""

    sending_key: bytes = field(repr=False)
    receiving_key: bytes = field(repr=False)
    sending_bound: bytes
    receiving_bound: bytes

    def seal(self, step: bytes, entropy: Entropy) -> bytes:
        """A box for the other side."""
        hedged = entropy.draw(_HEDGE_BYTES) + step
        nonce = blake2b(self.sending_key, hedged, b"mesh/near/nonce", NONCE_BYTES)
        return nonce + seal(self.sending_key, nonce, self.sending_bound, step)

    def unseal(self, box: bytes) -> bytes:
        """Return what the other side has sealed; PeerError if it has not."""
        if len(box) < NONCE_BYTES + TAG_BYTES:
            raise PeerError("a box that is too short")
        nonce, sealed = box[:NONCE_BYTES], box[NONCE_BYTES:]
        return open_sealed(self.receiving_key, nonce, self.receiving_bound, sealed)


@dataclass(frozen=True, slots=True)
class Channel:
    """Two cards: our key of the hour and theirs, and the boxes between them."""

    ours: bytes
    theirs: bytes
    boxes: Boxes
    shared: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people whose screens were compared. `is_first` says whether we were the first."""

    is_first: bool
    transcript: bytes
    boxes: Boxes

    def proof(self, *, is_ours: bool) -> bytes:
        """Return what a vk signs to say that its holder made this comparison."""
        role = 0 if is_ours == self.is_first else 1
        return _PREFIX + bytes((role,)) + self.transcript


def channel_between(own: HourKey, theirs: bytes) -> Channel:
    """The channel to a card; PeerError if its key is of low order."""
    shared = x25519(own.private, theirs)
    sending, receiving = own.public + theirs, theirs + own.public
    boxes = Boxes(
        sending_key=blake2b(shared, sending, b"mesh/near/box", KEY_BYTES),
        receiving_key=blake2b(shared, receiving, b"mesh/near/box", KEY_BYTES),
        sending_bound=sending,
        receiving_bound=receiving,
    )
    return Channel(own.public, theirs, boxes, shared)


def pair_of(channel: Channel, compared: Comparing) -> Pair:
    """Return what both sides share when both nonces are known."""
    keys = (channel.ours, channel.theirs)
    nonces = (compared.nonce, compared.other_nonce)
    if not compared.is_first:
        keys, nonces = keys[::-1], nonces[::-1]
    transcript = blake2b_256(_PREFIX, *keys, compared.commit, *nonces)
    halves = blake2b(channel.shared, transcript, b"mesh/near/pair", 2 * KEY_BYTES)
    first, second = halves[:KEY_BYTES], halves[KEY_BYTES:]
    boxes = Boxes(
        sending_key=first if compared.is_first else second,
        receiving_key=second if compared.is_first else first,
        sending_bound=transcript,
        receiving_bound=transcript,
    )
    return Pair(compared.is_first, transcript, boxes)
