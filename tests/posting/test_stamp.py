"""Stamps: what is minted is valid, for that key and day only."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.crypto.hashing import argon2id, blake2b
from mesh.ids import PostingKey
from mesh.limits.admission import STAMP_BITS_MAX
from mesh.posting.stamp import NO_STAMP, is_precheck_valid, mean_seconds, mint, proof_bits
from mesh.wire.envelope import STAMP_BYTES, STAMP_NONCE_BYTES, StampedKey
from mesh.wire.parameters import STAMP_BITS_DEFAULT
from tests.vectors.shapes import StampVector, frozen_bytes

KEY = PostingKey(bytes(range(32)))
OTHER = PostingKey(bytes(32))
DAY = 20_833
BITS = 3
STAMP = mint(KEY, DAY, BITS, bytes(8))
VECTORS = msgspec.json.decode(frozen_bytes("stamp.json"), type=list[StampVector])


def bits_of(key: PostingKey, day: int, stamp: bytes) -> int:
    """The bits that the dear half of a stamp has."""
    return proof_bits(StampedKey(key, day, stamp[:STAMP_NONCE_BYTES]))


def test_a_minted_stamp_passes_both_checks() -> None:
    assert len(STAMP) == STAMP_BYTES
    assert is_precheck_valid(KEY, DAY, STAMP)
    assert bits_of(KEY, DAY, STAMP) >= BITS


def test_a_stamp_is_the_work_that_the_page_describes() -> None:
    subject = KEY + DAY.to_bytes(4, "big") + STAMP[:8]
    proof = argon2id(subject, salt=b"mesh/post/stamp1", memory_bytes=16 << 20, passes=1)
    assert proof[0] >> (8 - BITS) == 0
    assert blake2b(b"", subject + STAMP[8:], b"mesh/post/pre", 32)[:2] == b"\0\0"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"{vector.bits} bits")
def test_the_frozen_stamps_are_minted_again(vector: StampVector) -> None:
    key, stamp = PostingKey(bytes.fromhex(vector.posting_key)), bytes.fromhex(vector.stamp)
    assert mint(key, vector.day, vector.bits, bytes.fromhex(vector.start)) == stamp
    assert is_precheck_valid(key, vector.day, stamp)
    assert bits_of(key, vector.day, stamp) >= vector.bits
    digest = int.from_bytes(bytes.fromhex(vector.proof), "big")
    # It is worth as many bits as its proof happens to have, and 12 at most.
    had = 256 - digest.bit_length()
    assert vector.worth == min(had, STAMP_BITS_MAX) == bits_of(key, vector.day, stamp)


def test_a_stamp_serves_no_other_key_and_no_other_day() -> None:
    assert not is_precheck_valid(OTHER, DAY, STAMP)
    assert not is_precheck_valid(KEY, DAY + 1, STAMP)


def test_a_stamp_with_another_nonce_or_c_fails_the_cheap_check() -> None:
    for place in range(STAMP_BYTES):
        changed = STAMP[:place] + bytes((STAMP[place] ^ 1,)) + STAMP[place + 1 :]
        assert not is_precheck_valid(KEY, DAY, changed)


def test_the_cheap_check_alone_is_no_proof() -> None:
    nonce = next(
        nonce
        for nonce in (number.to_bytes(8, "big") for number in range(1_000))
        if bits_of(KEY, DAY, nonce + bytes(4)) < BITS
    )
    false = next(
        stamp
        for stamp in (nonce + c.to_bytes(4, "big") for c in range(1 << 24))
        if is_precheck_valid(KEY, DAY, stamp)
    )
    assert bits_of(KEY, DAY, false) < BITS


def test_the_same_start_makes_the_same_stamp_and_the_search_wraps_around() -> None:
    assert mint(KEY, DAY, 1, b"\xff" * 8) == mint(KEY, DAY, 1, b"\xff" * 8)
    starts = [mint(KEY, DAY, 1, (2**64 - back).to_bytes(8, "big")) for back in range(1, 6)]
    assert all(bits_of(KEY, DAY, stamp) >= 1 for stamp in starts)


def test_the_search_goes_on_at_zero_behind_the_last_nonce() -> None:
    last = b"\xff" * 8
    day = next(day for day in range(DAY, DAY + 64) if bits_of(KEY, day, last + bytes(4)) < 1)
    stamp = mint(KEY, day, 1, last)
    assert stamp[:8] < last
    assert bits_of(KEY, day, stamp) >= 1
    assert is_precheck_valid(KEY, day, stamp)


@pytest.mark.parametrize("bits, seconds", [(0, 0), (1, 1), (6, 1), (9, 6), (13, 82)])
def test_how_long_a_stamp_takes_doubles_with_each_bit(bits: int, seconds: int) -> None:
    assert mean_seconds(bits) == seconds


def test_a_mesh_without_stamps_mints_zeros() -> None:
    assert mint(KEY, DAY, 0, b"\xff" * 8) == NO_STAMP == bytes(12)


@settings(max_examples=200)
@given(st.binary(min_size=STAMP_BYTES, max_size=STAMP_BYTES))
def test_any_stamp_gets_a_verdict_from_the_cheap_check(stamp: bytes) -> None:
    digest = blake2b(b"", KEY + DAY.to_bytes(4, "big") + stamp, b"mesh/post/pre", 32)
    assert is_precheck_valid(KEY, DAY, stamp) == (digest[:2] == b"\0\0")


@settings(max_examples=25, deadline=None)
@given(
    st.binary(min_size=32, max_size=32),
    st.integers(0, 2**32 // 86_400),
    st.binary(min_size=8, max_size=8),
)
def test_any_bytes_are_worth_something_between_nothing_and_4096(
    key: bytes, day: int, nonce: bytes
) -> None:
    subject = key + day.to_bytes(4, "big") + nonce
    proof = argon2id(subject, salt=b"mesh/post/stamp1", memory_bytes=16 << 20, passes=1)
    zeros = f"{int.from_bytes(proof, 'big'):0256b}1".index("1")
    assert proof_bits(StampedKey(PostingKey(key), day, nonce)) == min(zeros, STAMP_BITS_MAX)


@pytest.mark.slow
def test_a_stamp_of_the_open_mesh_can_be_minted_and_checked() -> None:
    stamp = mint(OTHER, DAY, STAMP_BITS_DEFAULT, bytes(8))
    assert is_precheck_valid(OTHER, DAY, stamp)
    assert bits_of(OTHER, DAY, stamp) >= STAMP_BITS_DEFAULT
    assert bits_of(KEY, DAY, stamp) < STAMP_BITS_DEFAULT
