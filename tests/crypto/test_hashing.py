"""The hash functions against published values and a second implementation."""

import hashlib

import pytest
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id
from hypothesis import given
from hypothesis import strategies as st
from nacl import encoding
from nacl import hash as nacl_hash

from mesh.crypto.hashing import argon2id, blake2b, blake2b_128, blake2b_256, blake2s_128


def test_blake2b_of_rfc_7693_is_reproduced() -> None:
    assert blake2b(b"", b"abc", b"", 64).hex() == (
        "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d1"
        "7d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923"
    )


@given(
    st.binary(max_size=64),
    st.binary(max_size=300),
    st.binary(max_size=16),
    st.integers(1, 64),
)
def test_blake2b_is_that_of_libsodium(
    key: bytes, message: bytes, person: bytes, length: int
) -> None:
    expected: bytes = nacl_hash.blake2b(
        message,
        digest_size=length,
        key=key,
        person=person.ljust(16, b"\0"),
        encoder=encoding.RawEncoder,
    )
    assert blake2b(key, message, person, length) == expected


@pytest.mark.parametrize("size", [0, 2_047, 2_048, 2_049, 65_000])
@pytest.mark.parametrize("key, person, length", [(b"", b"", 1), (b"k" * 64, b"mesh/x", 32)])
def test_blake2b_is_that_of_the_interpreter_at_every_size(
    size: int, key: bytes, person: bytes, length: int
) -> None:
    message = hashlib.shake_128(b"a block").digest(size)
    theirs = hashlib.blake2b(message, digest_size=length, key=key, person=person)
    assert blake2b(key, message, person, length) == theirs.digest()


@given(st.lists(st.binary(max_size=50), max_size=4))
def test_parts_are_concatenated(parts: list[bytes]) -> None:
    whole = b"".join(parts)
    assert blake2b_256(*parts) == blake2b(b"", whole, b"", 32)
    assert blake2b_128(*parts) == blake2b(b"", whole, b"", 16)


def test_blake2s_takes_its_key_as_a_key() -> None:
    tag = blake2s_128(b"k" * 32, b"\0\0\0\1")
    assert len(tag) == 16
    assert tag == hashlib.blake2s(b"\0\0\0\1", digest_size=16, key=b"k" * 32).digest()
    assert tag != blake2s_128(b"", b"k" * 32 + b"\0\0\0\1")


def test_argon2id_is_that_of_openssl() -> None:
    ours = argon2id(b"a secret", salt=b"mesh/post/stamp1", memory_bytes=1024 * 1024, passes=2)
    theirs = Argon2id(
        salt=b"mesh/post/stamp1", length=32, iterations=2, lanes=1, memory_cost=1024
    ).derive(b"a secret")
    assert ours == theirs
