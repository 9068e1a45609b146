"""Sealed blocks: what the page says, opened by its key alone."""

import hashlib

import pytest
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.limits.files import FILE_BLOCK_BYTES
from mesh.ratchet.sealed_block import (
    block_key_of,
    block_size_class,
    block_tag_of,
    open_block,
    seal_block,
)
from mesh.wire.envelope import SIZE_BYTES, body_bytes
from tests.entropy import SeededEntropy

KEY, POSTING = bytes(range(32)), bytes(range(16))


def keyed(message: bytes, person: bytes) -> bytes:
    return hashlib.blake2b(message, key=KEY, person=person, digest_size=32).digest()


def test_keys_and_tags_are_what_the_page_says() -> None:
    index = bytes((0, 0, 0, 7))
    tag_key = keyed(POSTING, b"mesh/file/tag")
    assert block_key_of(KEY, POSTING, 7) == keyed(POSTING + index, b"mesh/file/key")
    assert (
        block_tag_of(KEY, POSTING, 7)
        == hashlib.blake2s(index, key=tag_key, digest_size=16).digest()
    )
    assert (
        block_key_of(KEY, POSTING, 7).hex()
        == "e46074d96c34f6d37ca56fe15d9ec33d16c6cf544384b72892491b3b6b36b91a"
    )
    assert block_tag_of(KEY, POSTING, 7).hex() == "0ee8d0246b9e13b7322e896d3b2f27ec"
    in_group = bytes([5]) * 16 + bytes([6]) * 32
    assert block_tag_of(KEY, in_group, 7).hex() == "5ee5847557a9c5ac6295f02f7c89da62"


def test_a_body_is_a_nonce_and_a_box_of_length_content_and_zeros() -> None:
    key = block_key_of(KEY, POSTING, 0)
    body = seal_block(key, b"block", associated=b"h", size_class=0, entropy=SeededEntropy(1))
    assert len(body) == body_bytes(0)
    plain = ChaCha20Poly1305(key).decrypt(body[:12], body[12:], b"h")
    assert plain == b"\0\x05block".ljust(body_bytes(0) - 28, b"\0")


def test_the_nonce_differs_with_chance_and_with_content() -> None:
    """Nobody who puts a disk back seals two things under one key and nonce."""
    key = block_key_of(KEY, POSTING, 0)
    nonces = {
        seal_block(key, content, associated=b"", size_class=0, entropy=SeededEntropy(seed))[:12]
        for content in (b"a", b"b")
        for seed in (1, 2)
    }
    assert len(nonces) == 4


def test_a_full_block_with_the_longest_path_fits() -> None:
    assert block_size_class(FILE_BLOCK_BYTES + 128) == len(SIZE_BYTES) - 1
    assert [block_size_class(one) for one in (0, 831, 832, 3_903)] == [0, 0, 1, 1]


@given(content=st.binary(max_size=800), header=st.binary(max_size=99))
def test_what_was_sealed_opens(content: bytes, header: bytes) -> None:
    key = block_key_of(KEY, POSTING, 1)
    body = seal_block(key, content, associated=header, size_class=0, entropy=SeededEntropy(1))
    assert open_block(key, body, associated=header) == content
    for wrong in (block_key_of(KEY, POSTING, 2), block_key_of(KEY, bytes(16), 1)):
        with pytest.raises(PeerError):
            open_block(wrong, body, associated=header)
    with pytest.raises(PeerError):
        open_block(key, body, associated=header + b"!")


@given(body=st.binary(max_size=2_000))
def test_bytes_of_chance_are_refused(body: bytes) -> None:
    with pytest.raises(PeerError):
        open_block(KEY, body, associated=b"")
