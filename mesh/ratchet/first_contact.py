"""First contacts: the first messages to somebody's bundle, authenticated from inside.

Implements `docs/protocol/first-contact.md`, section "First contact": PQXDH in the order of Noise
IK (PQXDH specification, revision 3; Noise revision 34, section 7.5), so that the author stands
inside the encryption. An `Opening` is what an author draws once: E, the KEM ciphertext, the box
with the author's identity, and the roots of the session. Until the first answer every message
repeats it around the next message of the session, so that any one of them opens the session.

Layout of a body:

    nonce 12 ‖ AEAD(K_box, nonce, header, kind 1 ‖ opening 2,552 ‖ header box ‖ message box)
    opening = E 32 ‖ ct 1,088 ‖ box 1,432

Where nobody is to answer the box has no prekeys: an opening of 1,264 bytes.
"""

from dataclasses import dataclass, field
from typing import Final

from mesh.crypto import aead
from mesh.crypto.agreement import X25519_BYTES, x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b, blake2b_256
from mesh.crypto.kem import KEM_CIPHERTEXT_BYTES, Kem
from mesh.crypto.signing import Verify
from mesh.errors import PeerError
from mesh.ids import VerifyKey
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets, tie_message
from mesh.ratchet.sealed_message import nonce_of, payload_room, seal_boxes, split_nonce, unpadded
from mesh.wire.bundle import (
    BUNDLE_BYTES,
    KEY_BYTES,
    PREKEYS_BYTES,
    SIGNATURE_BYTES,
    Bundle,
    decode_prekeys,
)
from mesh.wire.envelope import SIZE_BYTES, body_bytes
from mesh.wire.ratchet_header import RatchetHeader

KIND_FIRST_CONTACT: Final = 1
BOX_BYTES: Final = 2 * KEY_BYTES + SIGNATURE_BYTES + PREKEYS_BYTES + aead.TAG_BYTES
OPENING_BYTES: Final = X25519_BYTES + KEM_CIPHERTEXT_BYTES + BOX_BYTES
SHORT_OPENING_BYTES: Final = OPENING_BYTES - PREKEYS_BYTES
SESSION_ID_BYTES: Final = 16
_LENGTH_BYTES: Final = 2
_ZERO_NONCE: Final = bytes(aead.NONCE_BYTES)
_FIRST_CHAIN_KEY: Final = b"\xff" * 32


@dataclass(frozen=True, slots=True)
class Roots:
    """The secrets of both sides after a first contact: where ratchet and tags grow from."""

    ratchet: bytes = field(repr=False)
    tags: bytes = field(repr=False)
    header_key: bytes = field(repr=False)
    session_id: bytes


@dataclass(frozen=True, slots=True)
class Opening:
    """E, the ciphertext and the box, one behind the other: 2,552 bytes, or 1,264 without prekeys;
    and the roots.
    """

    data: bytes = field(repr=False)
    roots: Roots


@dataclass(frozen=True, slots=True)
class Author:
    """The author, as the inside of the encryption proves it, and how to answer."""

    verify_key: VerifyKey
    identity_key: bytes
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class FirstContact:
    """A first contact whose outside was opened: an opening, and a message of the session."""

    opening: bytes = field(repr=False)
    boxes: bytes = field(repr=False)
    nonce: bytes

    @property
    def ephemeral(self) -> bytes:
        """E, which names the opening."""
        return self.opening[:X25519_BYTES]


def first_contact_size_class(payload_bytes: int) -> int | None:
    """The smallest size class for a payload in a first contact, or None."""
    for size_class in range(len(SIZE_BYTES)):
        room = _boxes_room(size_class) + aead.NONCE_BYTES
        if payload_bytes <= payload_room(room, has_long_header=False):
            return size_class
    return None


def begin_first_contact(
    identity: IdentityKeys,
    my_bundle: Bundle,
    their_bundle: Bundle,
    *,
    entropy: Entropy,
    kem: Kem,
) -> Opening:
    """Draw E and make the keys of a session to somebody's bundle.

    `my_bundle` travels in the box, so that they can answer. PeerError if their keys are bad.
    """
    return _begin(identity, my_bundle.prekeys, their_bundle, entropy=entropy, kem=kem)


def begin_short_opening(
    identity: IdentityKeys, their_bundle: Bundle, *, entropy: Entropy, kem: Kem
) -> Opening:
    """Make an opening that proves its author in the same way, and to which nobody can answer.

    PeerError if their keys are bad.
    """
    return _begin(identity, b"", their_bundle, entropy=entropy, kem=kem)


def _begin(
    identity: IdentityKeys,
    prekeys: bytes,
    their_bundle: Bundle,
    *,
    entropy: Entropy,
    kem: Kem,
) -> Opening:
    ephemeral_private = entropy.draw(X25519_BYTES)
    ephemeral = x25519_public(ephemeral_private)
    ciphertext, shared = kem.encapsulate(their_bundle.kem_key, entropy)
    transcript = _transcript(their_bundle, ephemeral, ciphertext)
    box_key, chain = _first_keys(
        x25519(ephemeral_private, their_bundle.identity_key),
        x25519(ephemeral_private, their_bundle.prekey),
        shared,
        transcript,
    )
    inside = identity.verify_key + identity.identity_key + identity.tie + prekeys
    box = aead.seal(box_key, _ZERO_NONCE, transcript, inside)
    roots = _roots(chain, x25519(identity.identity_private, their_bundle.prekey), transcript, box)
    return Opening(ephemeral + ciphertext + box, roots)


def seal_first_contact(
    opening: bytes,
    header: RatchetHeader,
    message_key: bytes,
    payload: bytes,
    *,
    first_header_key: bytes,
    box_key: bytes,
    associated: bytes,
    size_class: int,
    entropy: Entropy,
) -> bytes:
    """The body of one repetition: the opening, and the next message of its session."""
    assert len(opening) == OPENING_BYTES
    nonce = nonce_of(message_key, payload, entropy)
    boxes = seal_boxes(
        header,
        message_key,
        payload,
        header_key=first_header_key,
        associated=associated,
        nonce=nonce,
        room=_boxes_room(size_class) + aead.NONCE_BYTES,
    )
    inside = bytes((KIND_FIRST_CONTACT,)) + opening + boxes
    return nonce + aead.seal(box_key, nonce, associated, inside)


def open_outside(body: bytes, *, box_key: bytes, associated: bytes) -> FirstContact:
    """Open what the tag's box key seals; PeerError if it is no first contact."""
    nonce, sealed = split_nonce(body)
    inside = aead.open_sealed(box_key, nonce, associated, sealed)
    if len(inside) <= 1 + OPENING_BYTES or inside[0] != KIND_FIRST_CONTACT:
        raise PeerError("not a first contact")
    return FirstContact(inside[1 : 1 + OPENING_BYTES], inside[1 + OPENING_BYTES :], nonce)


def open_opening(
    opening: bytes,
    *,
    identity: IdentityKeys,
    bundle: Bundle,
    secrets: PrekeySecrets,
    verify: Verify,
    kem: Kem,
) -> tuple[Author, Roots]:
    """Agree on the keys of an opening to `bundle`, one of ours.

    Raises PeerError on everything that is not a whole opening. That its author holds the key of
    the identity in it is proved only by a message that opens under the roots.
    """
    agreed = _agree(opening, identity, bundle, secrets, kem)
    author = _author(agreed.inside, verify)
    return author, agreed.roots(author.identity_key, secrets)


def open_short_opening(
    opening: bytes,
    *,
    identity: IdentityKeys,
    bundle: Bundle,
    secrets: PrekeySecrets,
    verify: Verify,
    kem: Kem,
) -> tuple[VerifyKey, Roots]:
    """Agree on the keys of an opening without prekeys to `bundle`, one of ours; return also the
    author's key, which is proved by what opens under the roots alone. PeerError on anything else.
    """
    agreed = _agree(opening, identity, bundle, secrets, kem)
    verify_key, identity_key, prekeys = _identity(agreed.inside, verify)
    if prekeys:
        raise PeerError("prekeys in a short opening")
    return verify_key, agreed.roots(identity_key, secrets)


@dataclass(frozen=True, slots=True)
class _Agreed:
    """The values that both sides have once the box of an opening is open."""

    inside: bytes = field(repr=False)
    chain: bytes = field(repr=False)
    transcript: bytes
    box: bytes

    def roots(self, author: bytes, secrets: PrekeySecrets) -> Roots:
        """Return the roots, if the author has the private half of this identity key."""
        shared = x25519(secrets.prekey_private, author)
        return _roots(self.chain, shared, self.transcript, self.box)


def _agree(
    opening: bytes, identity: IdentityKeys, bundle: Bundle, secrets: PrekeySecrets, kem: Kem
) -> _Agreed:
    """Open the box of an opening; PeerError if it is not to this bundle."""
    ciphertext_end = X25519_BYTES + KEM_CIPHERTEXT_BYTES
    ephemeral, ciphertext = opening[:X25519_BYTES], opening[X25519_BYTES:ciphertext_end]
    box = opening[ciphertext_end:]
    transcript = _transcript(bundle, ephemeral, ciphertext)
    author_key, chain = _first_keys(
        x25519(identity.identity_private, ephemeral),
        x25519(secrets.prekey_private, ephemeral),
        kem.decapsulate(secrets.kem_seed, ciphertext),
        transcript,
    )
    inside = aead.open_sealed(author_key, _ZERO_NONCE, transcript, box)
    return _Agreed(inside, chain, transcript, box)


def seal_bundle(
    bundle: Bundle,
    invite_signature: bytes,
    *,
    box_key: bytes,
    header: bytes,
    size_class: int,
    entropy: Entropy,
) -> bytes:
    """The body of an envelope that carries an invite's bundle, and the signature of its short
    texts, over the mesh.
    """
    nonce = entropy.draw(aead.NONCE_BYTES)
    encoded = bundle.encode() + invite_signature
    room = body_bytes(size_class) - aead.NONCE_BYTES - aead.TAG_BYTES - _LENGTH_BYTES
    assert len(encoded) <= room
    padded = len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded + bytes(room - len(encoded))
    return nonce + aead.seal(box_key, nonce, header, padded)


def open_bundle(body: bytes, *, box_key: bytes, header: bytes) -> tuple[bytes, bytes]:
    """The bytes of the bundle in a body, and of the signature behind it, which may be missing.

    PeerError if the body does not open.
    """
    nonce, sealed = split_nonce(body)
    data = unpadded(aead.open_sealed(box_key, nonce, header, sealed))
    return data[:BUNDLE_BYTES], data[BUNDLE_BYTES:]


def _boxes_room(size_class: int) -> int:
    """Return what a size class leaves for the two boxes of a message."""
    return body_bytes(size_class) - aead.NONCE_BYTES - aead.TAG_BYTES - 1 - OPENING_BYTES


def _transcript(bundle: Bundle, ephemeral: bytes, ciphertext: bytes) -> bytes:
    return b"".join(
        (
            b"mesh.fc.1",
            bundle.verify_key,
            bundle.identity_key,
            bundle.prekey,
            blake2b_256(bundle.kem_key),
            ephemeral,
            ciphertext,
        )
    )


def _first_keys(
    with_identity: bytes, with_prekey: bytes, shared: bytes, transcript: bytes
) -> tuple[bytes, bytes]:
    material = with_identity + with_prekey + shared + transcript
    keys = blake2b(_FIRST_CHAIN_KEY, material, b"mesh/fc/k0", 64)
    return keys[:32], keys[32:]


def _roots(chain: bytes, of_identity: bytes, transcript: bytes, box: bytes) -> Roots:
    roots = blake2b(chain, of_identity + transcript + box, b"mesh/fc/sk", 64)
    return Roots(
        ratchet=roots[:32],
        tags=roots[32:],
        header_key=blake2b(roots[:32], b"", b"mesh/fc/hb", 32),
        session_id=blake2b(chain, b"", b"mesh/fc/sid", SESSION_ID_BYTES),
    )


def _author(inside: bytes, verify: Verify) -> Author:
    """The author in an opened box, with his prekeys."""
    verify_key, identity_key, prekeys = _identity(inside, verify)
    bundle = decode_prekeys(verify_key, identity_key, prekeys, verify)
    return Author(verify_key, identity_key, bundle)


def _identity(inside: bytes, verify: Verify) -> tuple[VerifyKey, bytes, bytes]:
    """Both identity keys in an opened box, which must be one person's, and what is behind them."""
    verify_key = VerifyKey(inside[:KEY_BYTES])
    identity_key = inside[KEY_BYTES : 2 * KEY_BYTES]
    tie_end = 2 * KEY_BYTES + SIGNATURE_BYTES
    if not verify(verify_key, tie_message(identity_key), inside[2 * KEY_BYTES : tie_end]):
        raise PeerError("identity keys of two people")
    return verify_key, identity_key, inside[tie_end:]
