"""Signed posts: their bytes, ids and signatures."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import SigningKey, is_signature_valid
from mesh.errors import PeerError
from mesh.group.posts import (
    NO_GROUP,
    GroupId,
    PostKind,
    SignedPost,
    decode_signed_post,
    is_post_valid,
    post_kind,
    sign_post,
)
from mesh.limits.groups import POST_BYTES_MAX

ADA = SigningKey.from_seed(bytes([1]) * 32)
BEN = SigningKey.from_seed(bytes([2]) * 32)
GROUP = GroupId(bytes([3]) * 32)
POST = msgspec.msgpack.encode([1, 1, "said"])


def test_a_post_is_signed_for_one_group_by_one_key() -> None:
    signed = sign_post(ADA, GROUP, POST)
    assert is_post_valid(signed, GROUP)
    assert not is_post_valid(signed, NO_GROUP)
    assert not is_post_valid(SignedPost(BEN.verify_key, POST, signed.signature), GROUP)
    assert not is_post_valid(SignedPost(ADA.verify_key, POST + b"\0", signed.signature), GROUP)
    message = b"mesh.gpost.1" + GROUP + POST
    assert is_signature_valid(ADA.verify_key, message, signed.signature)


def test_an_id_binds_the_author_and_every_byte() -> None:
    signed = sign_post(ADA, GROUP, POST)
    assert signed.id == blake2b_256(ADA.verify_key, POST)
    assert (
        len({signed.id, sign_post(BEN, GROUP, POST).id, sign_post(ADA, GROUP, POST + b"\0").id})
        == 3
    )


@given(
    st.binary(min_size=32, max_size=32), st.binary(max_size=80), st.binary(min_size=64, max_size=64)
)
def test_what_is_encoded_is_decoded(author: bytes, post: bytes, signature: bytes) -> None:
    signed = SignedPost(author, post, signature)
    assert decode_signed_post(signed.encode()) == signed


@given(st.binary(max_size=200))
def test_any_bytes_are_a_signed_post_or_malformed(data: bytes) -> None:
    with suppress(PeerError):
        decode_signed_post(data)
    with suppress(PeerError):
        post_kind(data)


@pytest.mark.parametrize(
    "fields",
    [
        [b"x" * 31, POST, b"s" * 64],
        [b"x" * 32, POST, b"s" * 63],
        [b"x" * 32, b"p" * (POST_BYTES_MAX + 1), b"s" * 64],
        [b"x" * 32, POST],
    ],
)
def test_a_place_beyond_its_bound_is_malformed(fields: list[bytes]) -> None:
    with pytest.raises(PeerError):
        decode_signed_post(msgspec.msgpack.encode(fields))


def test_the_kind_of_a_post_stands_behind_its_version() -> None:
    assert post_kind(POST) == PostKind.OPERATION
    assert post_kind(msgspec.msgpack.encode([1, 77])) == 77
    with pytest.raises(PeerError):
        post_kind(msgspec.msgpack.encode([2, 1]))
