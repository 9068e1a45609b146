"""Stamps: what is minted is valid, for that key and day only."""

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.crypto.hashing import argon2id, blake2b
from mesh.ids import PostingKey
from mesh.posting.stamp import NO_STAMP, is_precheck_valid, is_proof_valid, mean_seconds, mint
from mesh.wire.envelope import STAMP_BYTES
from mesh.wire.parameters import STAMP_BITS_DEFAULT
from tests.vectors.shapes import StampVector, frozen_bytes

KEY = PostingKey(bytes(range(32)))
OTHER = PostingKey(bytes(32))
DAY = 20_833
BITS = 3
STAMP = mint(KEY, DAY, BITS, bytes(8))
VECTORS = msgspec.json.decode(frozen_bytes("stamp.json"), type=list[StampVector])


def test_a_minted_stamp_passes_both_checks() -> None:
    assert len(STAMP) == STAMP_BYTES
    assert is_precheck_valid(KEY, DAY, STAMP)
    assert is_proof_valid(KEY, DAY, BITS, STAMP)


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
    assert is_proof_valid(key, vector.day, vector.bits, stamp)
    digest = int.from_bytes(bytes.fromhex(vector.proof), "big")
    # The proof holds for as many bits as it happens to have, and for no more.
    had = 256 - digest.bit_length()
    assert is_proof_valid(key, vector.day, had, stamp)
    assert not is_proof_valid(key, vector.day, had + 1, stamp)


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
        if not is_proof_valid(KEY, DAY, BITS, nonce + bytes(4))
    )
    false = next(
        stamp
        for stamp in (nonce + c.to_bytes(4, "big") for c in range(1 << 24))
        if is_precheck_valid(KEY, DAY, stamp)
    )
    assert not is_proof_valid(KEY, DAY, BITS, false)


def test_the_same_start_makes_the_same_stamp_and_the_search_wraps_around() -> None:
    assert mint(KEY, DAY, 1, b"\xff" * 8) == mint(KEY, DAY, 1, b"\xff" * 8)
    starts = [mint(KEY, DAY, 1, (2**64 - back).to_bytes(8, "big")) for back in range(1, 6)]
    assert all(is_proof_valid(KEY, DAY, 1, stamp) for stamp in starts)


def test_the_search_goes_on_at_zero_behind_the_last_nonce() -> None:
    last = b"\xff" * 8
    day = next(
        day for day in range(DAY, DAY + 64) if not is_proof_valid(KEY, day, 1, last + bytes(4))
    )
    stamp = mint(KEY, day, 1, last)
    assert stamp[:8] < last
    assert is_proof_valid(KEY, day, 1, stamp)
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


@pytest.mark.slow
def test_a_stamp_of_the_open_mesh_can_be_minted_and_checked() -> None:
    stamp = mint(OTHER, DAY, STAMP_BITS_DEFAULT, bytes(8))
    assert is_precheck_valid(OTHER, DAY, stamp)
    assert is_proof_valid(OTHER, DAY, STAMP_BITS_DEFAULT, stamp)
    assert not is_proof_valid(KEY, DAY, STAMP_BITS_DEFAULT, stamp)
