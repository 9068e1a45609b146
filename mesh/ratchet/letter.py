"""Letters: one message to somebody's bundle, which founds no session.

Implements `docs/protocol/first-contact.md`, section "Letters". A letter bears the opening of a
first contact, and so proves its author from inside, and behind it a box instead of a session's
message.

    body = nonce 12 ‖ AEAD(K_box, nonce, header, kind 2 ‖ opening 2,552 ‖ box)
    body = nonce 12 ‖ AEAD(K_box, nonce, header, kind 3 ‖ opening without prekeys 1,264 ‖ box)
    box  = AEAD(B(SK, "", "mesh/fc/letter", 32), nonce, header, u16 length ‖ content ‖ zeros)
"""

from typing import Final

from mesh.crypto import aead
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ratchet.first_contact import OPENING_BYTES, SHORT_OPENING_BYTES, Opening, Roots
from mesh.ratchet.sealed_message import nonce_of, split_nonce, unpadded
from mesh.wire.envelope import SIZE_BYTES, body_bytes

KIND_LETTER: Final = 2
KIND_SHORT_LETTER: Final = 3
"""Its author is known by his key, and nobody needs prekeys of his to answer."""

_OPENING_BYTES: Final = {KIND_LETTER: OPENING_BYTES, KIND_SHORT_LETTER: SHORT_OPENING_BYTES}
_LENGTH_BYTES: Final = 2
_OVERHEAD_BYTES: Final = aead.NONCE_BYTES + 2 * aead.TAG_BYTES + 1 + _LENGTH_BYTES


def letter_size_class(content_bytes: int, kind: int) -> int | None:
    """Return the smallest size class for the content of a letter, or None."""
    return next(
        (each for each in range(len(SIZE_BYTES)) if content_bytes <= _room(each, kind)), None
    )


def _room(size_class: int, kind: int) -> int:
    return body_bytes(size_class) - _OVERHEAD_BYTES - _OPENING_BYTES[kind]


def seal_letter(
    opening: Opening,
    content: bytes,
    *,
    box_key: bytes,
    header: bytes,
    size_class: int,
    entropy: Entropy,
) -> bytes:
    """Return the body of a letter, filling its size class. An opening seals one letter only."""
    kind = KIND_LETTER if len(opening.data) == OPENING_BYTES else KIND_SHORT_LETTER
    room = _room(size_class, kind)
    assert len(content) <= room
    key = _letter_key(opening.roots)
    nonce = nonce_of(key, content, entropy)
    padded = len(content).to_bytes(_LENGTH_BYTES, "big") + content + bytes(room - len(content))
    inside = bytes((kind,)) + opening.data + aead.seal(key, nonce, header, padded)
    return nonce + aead.seal(box_key, nonce, header, inside)


def open_letter_outside(body: bytes, *, box_key: bytes, header: bytes) -> tuple[bytes, bytes]:
    """Return the opening of a letter, and its nonce with its box; PeerError if it is none.

    The opening's length says which kind it is.
    """
    nonce, sealed = split_nonce(body)
    inside = aead.open_sealed(box_key, nonce, header, sealed)
    opening_bytes = _OPENING_BYTES.get(inside[0]) if inside else None
    if opening_bytes is None or len(inside) <= 1 + opening_bytes:
        raise PeerError("not a letter")
    return inside[1 : 1 + opening_bytes], nonce + inside[1 + opening_bytes :]


def open_letter_box(box: bytes, roots: Roots, *, header: bytes) -> bytes:
    """Return the content; PeerError unless who is in the opening sealed it."""
    nonce, sealed = split_nonce(box)
    return unpadded(aead.open_sealed(_letter_key(roots), nonce, header, sealed))


def _letter_key(roots: Roots) -> bytes:
    return blake2b(roots.ratchet, b"", b"mesh/fc/letter", 32)
