"""The answer to a first contact by an invite that is closed: one word, and nothing of its author.

Implements `docs/protocol/first-contact.md`, section "A closed invite". The key grows from the tag
root of the first contact, so only who could open that can have made the answer, and only who made
it finds and opens the answer. No session is founded by it.
"""

from typing import Final

from mesh.crypto import aead
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ids import Tag
from mesh.ratchet.sealed_message import nonce_of, split_nonce, unpadded
from mesh.ratchet.tags import box_key_of, tag_of
from mesh.wire.envelope import body_bytes

CLOSED_SIZE_CLASS: Final = 1
"""That of the hello by which the first contact would have been answered."""

_CLOSED: Final = bytes((1,))
_LENGTH_BYTES: Final = 2


def closed_key_of(tag_root: bytes) -> bytes:
    """The key of the one answer to the first contact with this tag root; its tag grows from it."""
    return blake2b(tag_root, b"", b"mesh/inv/closed", 32)


def closed_tag_of(key: bytes) -> Tag:
    """The tag by which its reader finds the answer."""
    return tag_of(key, 0)


def seal_closed(key: bytes, *, associated: bytes, entropy: Entropy) -> bytes:
    """The body of the answer that the invite is closed."""
    nonce = nonce_of(key, _CLOSED, entropy)
    room = body_bytes(CLOSED_SIZE_CLASS) - aead.NONCE_BYTES - aead.TAG_BYTES
    content = len(_CLOSED).to_bytes(_LENGTH_BYTES, "big") + _CLOSED
    return nonce + aead.seal(box_key_of(key, 0), nonce, associated, content.ljust(room, b"\0"))


def check_closed(body: bytes, *, key: bytes, associated: bytes) -> None:
    """PeerError if a body under the tag is not the answer that the invite is closed.

    What a later version says behind the word is passed over.
    """
    nonce, sealed = split_nonce(body)
    content = unpadded(aead.open_sealed(box_key_of(key, 0), nonce, associated, sealed))
    if content[:1] != _CLOSED:
        raise PeerError("an answer to a first contact that says nothing known")
