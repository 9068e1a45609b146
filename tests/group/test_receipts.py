"""Receipts as values: which numbers somebody holds, in bytes and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.group.bodies import content_size_class
from mesh.group.payload import RECEIPT, payload_bytes
from mesh.group.receipts import (
    Range,
    Receipt,
    are_receipts_told,
    decode_receipts,
    encode_receipts,
    holds,
    joined_ranges,
    pause_of_receipt,
    ranges_below,
    read_of,
)
from mesh.limits.group_receipts import RECEIPT_RANGES_MAX, RECEIPTS_MAX
from tests.entropy import SeededEntropy

_U32 = 0xFFFFFFFF


def test_a_receipt_of_a_run_without_holes_has_25_bytes() -> None:
    receipt = Receipt(b"m" * 8, 7, 3, ((0, 12),))
    data = encode_receipts([receipt])
    assert data.hex() == "6d" * 8 + "00000007" + "00000003" + "01" + "00000000" + "0000000c"
    assert len(data) == receipt.byte_count == 25
    assert decode_receipts(data) == [receipt]
    assert [number for number in range(20) if holds(receipt.ranges, number)] == list(range(12))


def test_who_tells_nothing_says_so_in_no_bytes() -> None:
    assert encode_receipts([]) == b""
    assert decode_receipts(b"") == []


_receipts = st.builds(
    lambda member, run, read, numbers: Receipt(
        member, run, read, joined_ranges([(number, 1) for number in numbers], ())
    ),
    st.binary(min_size=8, max_size=8),
    st.integers(0, _U32),
    st.integers(0, _U32),
    st.sets(st.integers(0, 200), min_size=1),
)


@given(st.lists(_receipts, max_size=RECEIPTS_MAX))
def test_what_is_told_is_read_as_it_was(receipts: list[Receipt]) -> None:
    assert decode_receipts(encode_receipts(receipts)) == receipts


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)))
def test_joined_ranges_hold_what_either_holds_but_for_the_oldest_of_too_many(
    one: set[int], other: set[int]
) -> None:
    def ranges(numbers: set[int]) -> list[tuple[int, int]]:
        return [(number, 1) for number in sorted(numbers)]

    joined = joined_ranges(ranges(one), ranges(other))
    held = {number for number in range(62) if holds(joined, number)}
    assert len(joined) <= RECEIPT_RANGES_MAX
    assert list(joined) == sorted(joined, reverse=True)
    if len(joined) < RECEIPT_RANGES_MAX:
        assert held == one | other
    else:
        assert held == {number for number in one | other if number >= joined[-1][0]}


@pytest.mark.parametrize(
    "data",
    [
        b"short",
        bytes(17),
        bytes(16) + b"\x01" + bytes(7),
        bytes(16) + b"\x01" + bytes(8),
        bytes(16) + b"\x11" + bytes(8 * 17),
        # Ranges that touch, overlap, or come in a wrong order.
        bytes(16) + b"\x02" + bytes.fromhex("00000005000000010000000400000001"),
        bytes(16) + b"\x02" + bytes.fromhex("00000001000000010000000500000001"),
        # Beyond the last number.
        bytes(16) + b"\x01" + bytes.fromhex("ffffffff00000001"),
        encode_receipts([Receipt(bytes(8), 0, 0, ((0, 1),))] * RECEIPTS_MAX) + bytes(16) + b"\x01",
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_receipts(data)


@given(st.binary(max_size=200))
def test_whatever_comes_is_a_receipt_or_refused(data: bytes) -> None:
    try:
        receipts = decode_receipts(data)
    except PeerError:
        return
    assert encode_receipts(receipts) == data


@pytest.mark.parametrize(
    "members_count, least, most",
    [(2, 300, 600), (8, 300, 600), (32, 1_200, 2_400), (1_000, 37_500, 75_000)],
)
def test_a_receipt_waits_the_longer_the_more_may_tell(
    members_count: int, least: int, most: int
) -> None:
    drawn = [pause_of_receipt(members_count, SeededEntropy(seed)) for seed in range(300)]
    assert least <= min(drawn) < least + (most - least) // 20
    assert most - (most - least) // 20 < max(drawn) <= most


def test_large_groups_tell_nothing_by_themselves() -> None:
    told = {
        (acks, count): are_receipts_told(acks, count)
        for acks in ("auto", "on", "off")
        for count in (32, 33, 1_000)
    }
    assert [place for place, is_told in told.items() if is_told] == [
        ("auto", 32),
        ("on", 32),
        ("on", 33),
        ("on", 1_000),
    ]


@pytest.mark.parametrize("ranges_count, most", [(1, 30), (RECEIPT_RANGES_MAX, 5)])
def test_by_itself_a_receipt_of_so_many_runs_takes_the_smallest_envelope(
    ranges_count: int, most: int
) -> None:
    """However many members a group has, no more is told in one envelope."""
    ranges = tuple((2 * place, 1) for place in reversed(range(ranges_count)))

    def size_class(runs_count: int) -> int | None:
        runs = [Receipt(bytes([run]) * 8, _U32, _U32, ranges) for run in range(runs_count)]
        return content_size_class(payload_bytes([(RECEIPT, encode_receipts(runs))], []))

    assert [size_class(1), size_class(most), size_class(most + 1)] == [0, 0, 1]


@pytest.mark.parametrize("members_count", [6, 32, 100, 1_000])
def test_a_group_of_any_size_posts_about_as_many_receipts(members_count: int) -> None:
    entropy, posted = SeededEntropy(members_count), 0
    begin, ten_hours, windows = 200_000, 36_000, 5
    for _ in range(members_count):
        # Something is owed all the time.
        at = pause_of_receipt(members_count, entropy)
        while at < begin + windows * ten_hours:
            posted += at >= begin
            at += pause_of_receipt(members_count, entropy)
    assert 400 <= posted / windows <= 700


@given(st.lists(st.tuples(st.sets(st.integers(0, 20)), st.integers(0, 25)), max_size=5))
def test_nothing_is_read_that_no_receipt_said_to_hold_and_to_have_read(
    told: list[tuple[set[int], int]],
) -> None:
    read, ranges = 0, tuple[Range, ...]()
    said = set[int]()
    for numbers, upto in told:
        now = joined_ranges([(number, 1) for number in numbers], [])
        read = read_of((read, ranges), Receipt(bytes(8), 1, upto, now))
        ranges = joined_ranges(ranges, now)
        said |= {number for number in numbers if number < upto}
        assert {number for number in range(read) if holds(ranges, number)} <= said
    if len(told) == 1:
        assert {number for number in range(read) if holds(ranges, number)} == said


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 9))), st.integers(0, 40))
def test_ranges_below_a_number_hold_what_is_below_it(ranges: list[Range], end: int) -> None:
    below = ranges_below(ranges, end)
    assert all(count > 0 for _, count in below)
    for number in range(45):
        assert holds(below, number) == (holds(ranges, number) and number < end)
