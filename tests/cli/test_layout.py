"""Sizes, lengths of time and tables."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.layout import DAY, columns, day, lasting, plural, size, when, width


@pytest.mark.parametrize(
    "count, shown",
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (64 * 1024, "64 KiB"),
        (5 * 1024**3, "5.0 GiB"),
        (2**50, "1024 TiB"),
    ],
)
def test_sizes_are_short(count: int, shown: str) -> None:
    assert size(count) == shown


@pytest.mark.parametrize(
    "seconds, shown",
    [(-5, "0 s"), (59, "59 s"), (60, "1 min"), (7_260, "2 h 1 min"), (90_000, "1 d 1 h")],
)
def test_lengths_of_time_have_two_units_at_most(seconds: int, shown: str) -> None:
    assert lasting(seconds) == shown


@given(st.integers())
def test_any_moment_that_a_stranger_names_can_be_shown(unix_seconds: int) -> None:
    assert ":" in when(unix_seconds)


def test_a_day_of_this_week_has_its_name() -> None:
    now = int(time.time())
    assert ":" in day(now)
    names = {day(now - days * DAY) for days in range(2, 6)}
    assert len(names) == 4
    assert all(name.endswith("day") for name in names)
    assert day(now - 8 * DAY) == when(now - 8 * DAY)[:10]


def test_columns_are_aligned_by_what_is_seen() -> None:
    lines = columns([("日本", "x"), ("e\u0301", "y"), ("abcd", "z")])
    assert [width(line[: line.index(end)]) for line, end in zip(lines, "xyz", strict=True)] == [
        6
    ] * 3
    assert columns([]) == []


def test_a_count_has_its_noun() -> None:
    assert [plural(1, "link"), plural(2, "link"), plural(0, "reply", "replies")] == [
        "1 link",
        "2 links",
        "0 replies",
    ]
