"""Posts: what members of a group sign, and what anybody may pass on.

Implements `docs/protocol/groups.md`, section "Posts". A post is a MessagePack array that begins
with the version and its kind; its id is a hash over its author and every byte. What people say is
no post: entries have ids and signatures of their own.
"""

from enum import IntEnum
from typing import Annotated, Final, NewType

import msgspec

from mesh.content.entry import ID_BYTES, Id
from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import SIGNATURE_BYTES, SigningKey, Verify, is_signature_valid
from mesh.errors import PeerError
from mesh.ids import VerifyKey
from mesh.limits.groups import POST_BYTES_MAX

GroupId = NewType("GroupId", bytes)
"""The id of a group's *create*, 32 bytes: who knows it can check everything from there."""

PostId = NewType("PostId", bytes)
"""A post of any kind, 32 bytes."""

NO_GROUP: Final = GroupId(bytes(ID_BYTES))
"""A *create* is signed with it: its group has no id before."""

VERSION: Final = 1

_SIGNED: Final = b"mesh.gpost.1"


class PostKind(IntEnum):
    """The kinds of posts that this version knows."""

    OPERATION = 1
    ANNOUNCEMENT = 2
    KEY_PAGE = 3
    HAND = 4
    NEED = 5
    SUPPLY = 6
    HELLO = 7
    BUNDLE = 8
    KNOCK = 9


class SignedPost(msgspec.Struct, frozen=True, array_like=True):
    """A post with its author and his signature; `is_post_valid` says whether it stands."""

    author: Id
    """The member key."""

    post: Annotated[bytes, msgspec.Meta(max_length=POST_BYTES_MAX)]
    signature: Annotated[
        bytes, msgspec.Meta(min_length=SIGNATURE_BYTES, max_length=SIGNATURE_BYTES)
    ]

    @property
    def id(self) -> PostId:
        """The id of the post, which binds its author and every byte."""
        return post_id(VerifyKey(self.author), self.post)

    def encode(self) -> bytes:
        """Return the bytes that are passed on."""
        return _encoder.encode(self)


class _Head(msgspec.Struct, frozen=True, array_like=True):
    """The places that all posts begin with."""

    version: Annotated[int, msgspec.Meta(ge=VERSION, le=VERSION)]
    kind: Annotated[int, msgspec.Meta(ge=0, lt=1 << 16)]


_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[SignedPost] = msgspec.msgpack.Decoder(SignedPost)
_head_decoder: msgspec.msgpack.Decoder[_Head] = msgspec.msgpack.Decoder(_Head)


def post_id(author: VerifyKey, post: bytes) -> PostId:
    """Return the id of a post by this member key."""
    return PostId(blake2b_256(author, post))


def sign_post(key: SigningKey, group: GroupId, post: bytes) -> SignedPost:
    """Return a post with the signature of a member key; `NO_GROUP` for a *create*."""
    assert len(post) <= POST_BYTES_MAX
    return SignedPost(key.verify_key, post, key.sign(_SIGNED + group + post))


def is_post_valid(
    signed: SignedPost, group: GroupId, *, verify: Verify = is_signature_valid
) -> bool:
    """Say whether the author signed this post for this group; `NO_GROUP` for a *create*."""
    return verify(signed.author, _SIGNED + group + signed.post, signed.signature)


def decode_signed_post(data: bytes) -> SignedPost:
    """Return the signed post in `data`; PeerError on anything else. It may be signed wrongly."""
    try:
        return _decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("malformed signed post") from error


def post_kind(post: bytes) -> int:
    """Return the kind of a post, also of one of a newer version; PeerError if it is none."""
    try:
        return _head_decoder.decode(post).kind
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PeerError("malformed post") from error
