"""First contacts and letters: sealed to a bundle, authenticated from inside.

Implements `docs/protocol/first-contact.md`, sections "First contact" and "Letter": PQXDH in the
order of Noise IK (PQXDH specification, revision 3; Noise revision 34, section 7.5), so that the
author stands inside the encryption. An `Opening` is what an author draws once per first contact or
letter: E, the KEM ciphertext, the box with the author's identity, and the keys that follow. Every
message under one opening has its own number n and its own key; (E, n) refuses repeats.

Layout of a body:

    nonce 12 ‖ AEAD(K_box, nonce, header, kind 1 ‖ E 32 ‖ ct 1088 ‖ box 1432 ‖ n 4 ‖ letter)
    letter = AEAD(MK, nonce, header ‖ n, u16 length ‖ payload ‖ zeros)
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto import aead
from mesh.crypto.agreement import X25519_BYTES, x25519, x25519_public
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b, blake2b_128, blake2b_256
from mesh.crypto.kem import KEM_CIPHERTEXT_BYTES, Kem
from mesh.crypto.signing import Verify
from mesh.errors import PeerError
from mesh.ids import VerifyKey
from mesh.ratchet.identity import IdentityKeys, PrekeySecrets, tie_message
from mesh.wire.bundle import (
    KEY_BYTES,
    PREKEYS_BYTES,
    SIGNATURE_BYTES,
    Bundle,
    decode_prekeys,
)
from mesh.wire.envelope import SIZE_BYTES, body_bytes

KIND_LETTER: Final = 0
N_BYTES: Final = 4
N_MAX: Final = (1 << 32) - 1
BOX_BYTES: Final = 2 * KEY_BYTES + SIGNATURE_BYTES + PREKEYS_BYTES + aead.TAG_BYTES
_LENGTH_BYTES: Final = 2
_OPENING_BYTES: Final = 1 + X25519_BYTES + KEM_CIPHERTEXT_BYTES + BOX_BYTES
_OVERHEAD_BYTES: Final = (
    aead.NONCE_BYTES + _OPENING_BYTES + N_BYTES + _LENGTH_BYTES + 2 * aead.TAG_BYTES
)
_HEDGE_BYTES: Final = 16
_ZERO_NONCE: Final = bytes(aead.NONCE_BYTES)
_FIRST_CHAIN_KEY: Final = b"\xff" * 32


@dataclass(frozen=True, slots=True)
class Opening:
    """The author's half of a first contact or letter, kept while messages go out under it."""

    ephemeral: bytes
    ciphertext: bytes = field(repr=False)
    box: bytes = field(repr=False)
    root: bytes = field(repr=False)
    tag_root: bytes = field(repr=False)
    session_id: bytes


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote, as the inside of the encryption proves it, and how to answer."""

    verify_key: VerifyKey
    identity_key: bytes
    bundle: Bundle


@dataclass(frozen=True, slots=True)
class OpenedLetter:
    """A letter that was opened: everything but the decision whether its author is welcome."""

    author: Author
    ephemeral: bytes
    n: int
    payload: bytes = field(repr=False)
    root: bytes = field(repr=False)
    tag_root: bytes = field(repr=False)
    session_id: bytes
    read_token: bytes = field(repr=False)


def payload_bytes_max(size_class: int) -> int:
    """The longest payload that a letter of a size class holds; negative for the smallest."""
    return body_bytes(size_class) - _OVERHEAD_BYTES


def letter_size_class(payload_bytes: int) -> int | None:
    """The smallest size class for a payload, or None if none is large enough."""
    for size_class in range(len(SIZE_BYTES)):
        if payload_bytes <= payload_bytes_max(size_class):
            return size_class
    return None


def begin_letter(
    identity: IdentityKeys,
    my_bundle: Bundle,
    their_bundle: Bundle,
    *,
    entropy: Entropy,
    kem: Kem,
) -> Opening:
    """Draw E and make the keys of a first contact or letter to somebody's bundle.

    `my_bundle` travels in the box, so that they can answer. PeerError if their keys are bad.
    """
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
    inside = identity.verify_key + identity.identity_key + identity.tie + my_bundle.prekeys
    box = aead.seal(box_key, _ZERO_NONCE, transcript, inside)
    root, tag_root, session_id = _roots(
        chain, x25519(identity.identity_private, their_bundle.prekey), transcript, box
    )
    return Opening(ephemeral, ciphertext, box, root, tag_root, session_id)


def read_hash_of(root: bytes, n: int) -> bytes:
    """The read hash that the header of a letter bears; known before the header is made."""
    return blake2b_128(_read_token(_message_key(root, n)))


def seal_letter(
    opening: Opening,
    n: int,
    payload: bytes,
    *,
    box_key: bytes,
    header: bytes,
    size_class: int,
    entropy: Entropy,
) -> bytes:
    """The body of a letter: fills its size class, bound to its header."""
    assert 0 <= n <= N_MAX
    assert len(payload) <= payload_bytes_max(size_class)
    message_key = _message_key(opening.root, n)
    nonce = blake2b(message_key, entropy.draw(_HEDGE_BYTES) + payload, "mesh/msg/nonce", 12)
    number = n.to_bytes(N_BYTES, "big")
    padding = bytes(payload_bytes_max(size_class) - len(payload))
    padded = len(payload).to_bytes(_LENGTH_BYTES, "big") + payload + padding
    letter = aead.seal(message_key, nonce, header + number, padded)
    inside = b"".join(
        (bytes((KIND_LETTER,)), opening.ephemeral, opening.ciphertext, opening.box, number, letter)
    )
    return nonce + aead.seal(box_key, nonce, header, inside)


def open_letter(
    body: bytes,
    *,
    box_key: bytes,
    header: bytes,
    identity: IdentityKeys,
    bundle: Bundle,
    secrets: PrekeySecrets,
    verify: Verify,
    kem: Kem,
    is_fresh: Callable[[bytes, int], bool],
) -> OpenedLetter:
    """Open a letter to `bundle`, one of ours.

    `is_fresh(E, n)` is asked before any key agreement. Raises PeerError on everything that is
    not a whole, fresh letter by the author that it names.
    """
    nonce, inside = _outside_opened(body, box_key, header)
    if len(inside) < _OPENING_BYTES + N_BYTES or inside[0] != KIND_LETTER:
        raise PeerError("not a letter")
    ephemeral, ciphertext, box, number, letter = _parts(inside)
    n = int.from_bytes(number, "big")
    if not is_fresh(ephemeral, n):
        raise PeerError("a letter that was opened before")
    transcript = _transcript(bundle, ephemeral, ciphertext)
    author_key, chain = _first_keys(
        x25519(identity.identity_private, ephemeral),
        x25519(secrets.prekey_private, ephemeral),
        kem.decapsulate(secrets.kem_seed, ciphertext),
        transcript,
    )
    author = _author(aead.open_sealed(author_key, _ZERO_NONCE, transcript, box), verify)
    root, tag_root, session_id = _roots(
        chain, x25519(secrets.prekey_private, author.identity_key), transcript, box
    )
    message_key = _message_key(root, n)
    payload = _unpadded(aead.open_sealed(message_key, nonce, header + number, letter))
    return OpenedLetter(
        author=author,
        ephemeral=ephemeral,
        n=n,
        payload=payload,
        root=root,
        tag_root=tag_root,
        session_id=session_id,
        read_token=_read_token(message_key),
    )


def seal_bundle(
    bundle: Bundle, *, box_key: bytes, header: bytes, size_class: int, entropy: Entropy
) -> bytes:
    """The body of an envelope that carries an invite's bundle over the mesh."""
    nonce = entropy.draw(aead.NONCE_BYTES)
    encoded = bundle.encode()
    room = body_bytes(size_class) - aead.NONCE_BYTES - aead.TAG_BYTES - _LENGTH_BYTES
    assert len(encoded) <= room
    padded = len(encoded).to_bytes(_LENGTH_BYTES, "big") + encoded + bytes(room - len(encoded))
    return nonce + aead.seal(box_key, nonce, header, padded)


def open_bundle(body: bytes, *, box_key: bytes, header: bytes) -> bytes:
    """The bytes of the bundle in a body; PeerError if it is none."""
    _, inside = _outside_opened(body, box_key, header)
    return _unpadded(inside)


def _outside_opened(body: bytes, box_key: bytes, header: bytes) -> tuple[bytes, bytes]:
    """The nonce of a body, and what the box key of its tag opens."""
    nonce, sealed = body[: aead.NONCE_BYTES], body[aead.NONCE_BYTES :]
    if len(nonce) < aead.NONCE_BYTES:
        raise PeerError("body too short")
    return nonce, aead.open_sealed(box_key, nonce, header, sealed)


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
    keys = blake2b(_FIRST_CHAIN_KEY, material, "mesh/fc/k0", 64)
    return keys[:32], keys[32:]


def _roots(
    chain: bytes, of_identity: bytes, transcript: bytes, box: bytes
) -> tuple[bytes, bytes, bytes]:
    roots = blake2b(chain, of_identity + transcript + box, "mesh/fc/sk", 64)
    return roots[:32], roots[32:], blake2b(chain, b"", "mesh/fc/sid", 16)


def _message_key(root: bytes, n: int) -> bytes:
    return blake2b(root, n.to_bytes(N_BYTES, "big"), "mesh/fc/mk", 32)


def _read_token(message_key: bytes) -> bytes:
    return blake2b(message_key, b"", "mesh/ret/read", 16)


def _parts(inside: bytes) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    ephemeral_end = 1 + X25519_BYTES
    ciphertext_end = ephemeral_end + KEM_CIPHERTEXT_BYTES
    box_end = ciphertext_end + BOX_BYTES
    return (
        inside[1:ephemeral_end],
        inside[ephemeral_end:ciphertext_end],
        inside[ciphertext_end:box_end],
        inside[box_end : box_end + N_BYTES],
        inside[box_end + N_BYTES :],
    )


def _author(inside: bytes, verify: Verify) -> Author:
    """The author in an opened box; both identity keys must be one person's."""
    verify_key = VerifyKey(inside[:KEY_BYTES])
    identity_key = inside[KEY_BYTES : 2 * KEY_BYTES]
    tie_end = 2 * KEY_BYTES + SIGNATURE_BYTES
    if not verify(verify_key, tie_message(identity_key), inside[2 * KEY_BYTES : tie_end]):
        raise PeerError("identity keys of two people")
    bundle = decode_prekeys(verify_key, identity_key, inside[tie_end:], verify)
    return Author(verify_key, identity_key, bundle)


def _unpadded(padded: bytes) -> bytes:
    if len(padded) < _LENGTH_BYTES:
        raise PeerError("no length")
    end = _LENGTH_BYTES + int.from_bytes(padded[:_LENGTH_BYTES], "big")
    if end > len(padded) or padded[end:] != bytes(len(padded) - end):
        raise PeerError("wrong padding")
    return padded[_LENGTH_BYTES:end]
