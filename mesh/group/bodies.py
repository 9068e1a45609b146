"""The body of an envelope under a chain of a group: one box, which fills its size class.

Implements `docs/protocol/group-keys.md`, section "Body". The content is a payload of entries, or a
post with its author's signature; its first element tells them apart.

    body = nonce 12 ‖ AEAD(MK, nonce, envelope header, u16 length ‖ content ‖ zeros)
"""

from contextlib import suppress
from typing import Annotated, Final

import msgspec

from mesh.crypto import aead
from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import SIGNATURE_BYTES, SigningKey, Verify
from mesh.errors import PeerError
from mesh.group.posts import VERSION, GroupId, SignedPost, is_post_valid, sign_post
from mesh.ids import VerifyKey
from mesh.ratchet.sealed_message import nonce_of, split_nonce, unpadded
from mesh.wire.envelope import SIZE_BYTES, body_bytes

_LENGTH_BYTES: Final = 2


class _Version(msgspec.Struct, frozen=True, array_like=True):
    version: Annotated[int, msgspec.Meta(ge=0, le=0xFF)]


_versions: msgspec.msgpack.Decoder[_Version] = msgspec.msgpack.Decoder(_Version)


def content_room(size_class: int) -> int:
    """The longest content that the body of a size class holds."""
    return body_bytes(size_class) - aead.NONCE_BYTES - aead.TAG_BYTES - _LENGTH_BYTES


def content_size_class(content_bytes: int) -> int | None:
    """The smallest size class for a content, or None."""
    return next(
        (each for each in range(len(SIZE_BYTES)) if content_bytes <= content_room(each)), None
    )


def seal_body(
    message_key: bytes, content: bytes, *, header: bytes, size_class: int, entropy: Entropy
) -> bytes:
    """The body that fills a size class; `header` is that of its envelope.

    The nonce depends on chance and on the content: a disk that was rolled back and takes a key
    again does not use it with the same nonce for another content.
    """
    room = content_room(size_class)
    assert len(content) <= room
    nonce = nonce_of(message_key, content, entropy)
    padded = len(content).to_bytes(_LENGTH_BYTES, "big") + content + bytes(room - len(content))
    return nonce + aead.seal(message_key, nonce, header, padded)


def open_body(message_key: bytes, body: bytes, *, header: bytes) -> bytes:
    """The content of a body; PeerError if anything of it was changed."""
    nonce, sealed = split_nonce(body)
    return unpadded(aead.open_sealed(message_key, nonce, header, sealed))


def is_post(content: bytes) -> bool:
    """Say whether a content is a post, with the signature behind its array, and no payload.

    PeerError if it is no array of either.
    """
    for array in (content[:-SIGNATURE_BYTES], content):
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return _versions.decode(array).version == VERSION
    raise PeerError("malformed content of a group")


def post_content(key: SigningKey, group: GroupId, post: bytes) -> bytes:
    """The content that is a post of ours, with its signature behind it."""
    return post + sign_post(key, group, post).signature


def read_post(content: bytes, *, group: GroupId, author: VerifyKey, verify: Verify) -> SignedPost:
    """The post in a content; PeerError unless the owner of the chain signed it."""
    if len(content) <= SIGNATURE_BYTES:
        raise PeerError("a post of a group is too short")
    post, signature = content[:-SIGNATURE_BYTES], content[-SIGNATURE_BYTES:]
    signed = SignedPost(author, post, signature)
    if not is_post_valid(signed, group, verify=verify):
        raise PeerError("a post of a group with a bad signature")
    return signed
