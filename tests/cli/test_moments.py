"""Moments as a person types them."""

from datetime import datetime

import pytest

from mesh.cli.moments import moment_of, past_moment_of
from mesh.errors import UserError


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("18:30", datetime(2026, 11, 28, 18, 30)),
        ("9:05", datetime(2026, 11, 29, 9, 5)),
        ("17:30", datetime(2026, 11, 29, 17, 30)),
        ("today 18:30", datetime(2026, 11, 28, 18, 30)),
        ("Tomorrow  09:00", datetime(2026, 11, 29, 9, 0)),
        ("2026-12-24 18:00", datetime(2026, 12, 24, 18, 0)),
        ("2026-12-24T18:00", datetime(2026, 12, 24, 18, 0)),
        ("2027-7-1 6:00", datetime(2027, 7, 1, 6, 0)),
        ("45m", datetime(2026, 11, 28, 18, 15)),
        ("+2h", datetime(2026, 11, 28, 19, 30)),
        ("3 d", datetime(2026, 12, 1, 17, 30)),
    ],
)
def test_a_time_is_that_of_this_computers_calendar(typed: str, expected: datetime) -> None:
    now = datetime(2026, 11, 28, 17, 30).timestamp()
    assert moment_of(typed, now) == int(expected.timestamp())


@pytest.mark.parametrize(
    "typed",
    ["", "soon", "25:00", "12:60", "2026-02-30 12:00", "2026-13-01 1:00", "1", "0000-01-01 0:00"],
)
def test_what_is_no_time_is_refused_in_words(typed: str) -> None:
    with pytest.raises(UserError) as refused:
        moment_of(typed, datetime(2026, 11, 28, 17, 30).timestamp())
    assert refused.value.kind == "bad-time"


@pytest.mark.parametrize(
    "typed, expected",
    [
        ("45m", datetime(2026, 11, 28, 16, 45)),
        ("3 d", datetime(2026, 11, 25, 17, 30)),
        ("9:05", datetime(2026, 11, 28, 9, 5)),
        ("18:30", datetime(2026, 11, 27, 18, 30)),
        ("2026-11-01 6:00", datetime(2026, 11, 1, 6, 0)),
    ],
)
def test_a_time_that_has_been_is_the_last_one(typed: str, expected: datetime) -> None:
    now = datetime(2026, 11, 28, 17, 30).timestamp()
    assert past_moment_of(typed, now) == int(expected.timestamp())
