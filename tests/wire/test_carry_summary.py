"""Summaries: they have what was put in, next to nothing else, and are small."""

import hashlib
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX
from mesh.wire.carry_summary import Summary

NONCE = b"n" * 16


def ids(count: int, salt: bytes = b"") -> list[bytes]:
    return [hashlib.sha256(salt + number.to_bytes(4, "big")).digest() for number in range(count)]


def carried(summary: Summary, nonce: bytes = NONCE) -> Summary:
    """The summary after its way through blocks."""
    read = Summary(nonce, None)
    for payload in summary.blocks():
        assert len(payload) <= CARRY_BLOCK_BYTES_MAX
        read.take_block(payload)
    return read


def summary_of(elements: list[bytes], count: int | None = None) -> Summary:
    summary = Summary.for_count(NONCE, len(elements) if count is None else count)
    for element in elements:
        summary.add(element)
    return summary


@pytest.mark.parametrize("count", [0, 1, 16, 17, 5_000])
@pytest.mark.parametrize("expected", [0, 1_000])
def test_a_summary_has_all_that_was_put_in(count: int, expected: int) -> None:
    elements = ids(count)
    read = carried(summary_of(elements, max(count // 4, expected)))
    assert all(read.has(element) for element in elements)


def test_of_what_was_not_put_in_it_has_next_to_nothing() -> None:
    read = carried(summary_of(ids(20_000)))
    others = ids(50_000, b"other")
    assert sum(read.has(element) for element in others) <= 1


def test_another_nonce_is_another_set() -> None:
    elements = ids(200)
    read = carried(summary_of(elements), nonce=b"o" * 16)
    assert not any(read.has(element) for element in elements)


def test_a_hundred_thousand_ids_take_three_hundred_kilobytes() -> None:
    size = sum(map(len, summary_of(ids(100_000)).blocks()))
    assert size == 100_000 * 3 + 8_192 + 5 * -(-size // CARRY_BLOCK_BYTES_MAX)


def test_more_ids_than_it_was_made_for_are_left_out_and_never_wrong() -> None:
    elements = ids(1_000)
    read = carried(summary_of(elements, count=1))
    assert sum(read.has(element) for element in elements) == 255


def test_what_is_lost_with_a_block_is_not_in_it() -> None:
    elements = ids(60_000)
    first, *rest = summary_of(elements).blocks()
    read = Summary(NONCE, None)
    assert not read.has(elements[0])
    for payload in rest:
        read.take_block(payload)
    assert 0 < sum(read.has(element) for element in elements) < len(elements)
    whole = Summary(NONCE, None)
    for payload in (first, *rest):
        whole.take_block(payload)
    assert all(whole.has(element) for element in elements)


def test_buckets_never_go_back() -> None:
    """Else a file of 16 MiB would have the same million buckets read sixteen times."""
    first, second, *_ = summary_of(ids(100_000)).blocks()
    for again in (first, second):
        read = Summary(NONCE, None)
        read.take_block(first)
        read.take_block(second)
        with pytest.raises(PeerError):
            read.take_block(again)


def test_what_was_read_is_written_as_it_was() -> None:
    blocks = list(summary_of(ids(2_000)).blocks())
    assert list(carried(summary_of(ids(2_000))).blocks()) == blocks


def test_what_was_read_takes_little_more_memory_than_its_bytes() -> None:
    """A million buckets of one entry took 150 MiB."""
    bits = 13
    payload = bytes((bits, 0, 0, 0, 0)) + b"\x01abc" * (1 << bits)
    tracemalloc.start()
    try:
        read = Summary(NONCE, None)
        read.take_block(payload)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert list(read.blocks()) == [payload]
    assert taken < 4 * len(payload)


def test_the_buckets_are_those_of_the_page() -> None:
    """`docs/protocol/carry-file.md`, section "Known answers"."""
    page = (Path(__file__).parents[2] / "docs/protocol/carry-file.md").read_text(encoding="utf-8")
    for count in (3, 17):
        summary = Summary.for_count(bytes(range(16)), count)
        for number in (1, 2, 3):
            summary.add(bytes([number]) * 32)
        [payload] = summary.blocks()
        assert f"`{payload.hex()}`" in page


def test_the_order_in_which_ids_came_does_not_show() -> None:
    elements = ids(300)
    assert list(summary_of(elements).blocks()) == list(summary_of(elements[::-1]).blocks())


@given(st.binary(max_size=200))
def test_any_bytes_are_buckets_or_a_fault(payload: bytes) -> None:
    summary = Summary(NONCE, None)
    try:
        summary.take_block(payload)
    except PeerError:
        return
    summary.has(b"x" * 32)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x01\0\0\0",
        b"\x15\0\0\0\0",
        b"\0\0\0\0\0\x01ab",
        b"\0\0\0\0\0\0\0",
        b"\x01\0\0\0\x02\0",
    ],
)
def test_malformed_buckets_are_a_fault(payload: bytes) -> None:
    with pytest.raises(PeerError):
        Summary(NONCE, None).take_block(payload)


def test_blocks_of_two_sizes_of_summary_are_a_fault() -> None:
    summary = Summary(NONCE, None)
    summary.take_block(b"\x01\0\0\0\0\0\0")
    with pytest.raises(PeerError):
        summary.take_block(b"\x02\0\0\0\0\0\0")
