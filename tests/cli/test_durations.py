"""Lengths of time are read as people write them, and nothing else passes for one."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.cli.durations import UNITS, find_seconds, moment_in, timer_of
from mesh.errors import UserError


@given(st.integers(min_value=1, max_value=999_999), st.sampled_from(sorted(UNITS)))
def test_a_length_of_time_is_read(count: int, unit: str) -> None:
    assert find_seconds(f" {count}{unit.upper()} ") == count * UNITS[unit]


@pytest.mark.parametrize(
    "text", ["", "1", "0d", "-1d", "1.5h", "1y", "1000000m", "d", "1d2h", "١d"]
)
def test_what_is_no_length_of_time_is_none(text: str) -> None:
    assert find_seconds(text) is None
    with pytest.raises(UserError, match="no length of time"):
        timer_of(text)


def test_a_timer_may_be_off() -> None:
    assert (timer_of("OFF"), timer_of("1d")) == (0, 86_400)


def test_a_moment_is_so_far_ahead_or_never() -> None:
    assert moment_in(None) == 0
    assert 3_600 <= moment_in(3_600) - time.time() + 1 <= 3_601
