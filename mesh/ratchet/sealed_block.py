"""One block of a file, sealed: a nonce and a box, under keys of the file and of one posting.

Implements `docs/protocol/files.md`, section "Postings". Who has the description of a file has its
key, and so all keys below; a posting is random, so no two envelopes bear the same tag.
"""

from typing import Final

from mesh.crypto import aead
from mesh.crypto.entropy import Entropy
from mesh.crypto.hashing import blake2b
from mesh.ids import Tag
from mesh.ratchet.sealed_message import nonce_of, split_nonce, unpadded
from mesh.ratchet.tags import tag_of
from mesh.wire.envelope import SIZE_BYTES, body_bytes

_LENGTH_BYTES: Final = 2
_AROUND_BYTES: Final = aead.NONCE_BYTES + _LENGTH_BYTES + aead.TAG_BYTES


def block_key_of(file_key: bytes, posting: bytes, index: int) -> bytes:
    """Return the key K_i that seals block i of a posting."""
    return blake2b(file_key, posting + index.to_bytes(4, "big"), b"mesh/file/key", 32)


def block_tag_of(file_key: bytes, posting: bytes, index: int) -> Tag:
    """Return the tag of block i of a posting."""
    return tag_of(blake2b(file_key, posting, b"mesh/file/tag", 32), index)


def block_size_class(content_bytes: int) -> int:
    """Return the smallest size class for a path and its block."""
    sizes = range(len(SIZE_BYTES))
    return next(one for one in sizes if content_bytes <= body_bytes(one) - _AROUND_BYTES)


def seal_block(
    key: bytes, content: bytes, *, associated: bytes, size_class: int, entropy: Entropy
) -> bytes:
    """The body of an envelope that holds a path and its block. `key`: K_i."""
    nonce = nonce_of(key, content, entropy)
    padded = len(content).to_bytes(_LENGTH_BYTES, "big") + content
    room = body_bytes(size_class) - aead.NONCE_BYTES - aead.TAG_BYTES
    return nonce + aead.seal(key, nonce, associated, padded.ljust(room, b"\0"))


def open_block(key: bytes, body: bytes, *, associated: bytes) -> bytes:
    """The path and block in a body; PeerError if it was not sealed under this key."""
    nonce, box = split_nonce(body)
    return unpadded(aead.open_sealed(key, nonce, associated, box))
