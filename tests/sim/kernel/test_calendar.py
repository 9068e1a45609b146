"""Calendars that jump and stand still."""

from sim.kernel.calendar import EPOCH_US, Calendar

HOUR_US = 3_600_000_000


def test_a_calendar_is_as_wrong_as_it_is_set() -> None:
    assert Calendar(-HOUR_US).wall(7) == EPOCH_US - HOUR_US + 7


def test_a_jump_moves_all_that_follows() -> None:
    calendar = Calendar()
    calendar.jump(5 * HOUR_US)
    calendar.jump(-HOUR_US)
    assert calendar.wall(1) == EPOCH_US + 4 * HOUR_US + 1


def test_a_frozen_calendar_stands_still_until_it_is_set_right() -> None:
    calendar = Calendar()
    calendar.freeze(10)
    calendar.freeze(15)
    assert calendar.wall(20) == EPOCH_US + 10
    calendar.thaw()
    assert calendar.wall(30) == EPOCH_US + 30


def test_a_calendar_reaches_a_date_as_if_it_had_never_stood_still() -> None:
    calendar, second_us = Calendar(HOUR_US), 1_000_000
    date_s = (EPOCH_US + HOUR_US) // second_us + 90
    assert calendar.reaches(date_s, 30 * second_us) == 90 * second_us
    calendar.freeze(30 * second_us)
    assert calendar.reaches(date_s, 50 * second_us) == 90 * second_us
    calendar.thaw()
    assert calendar.wall(90 * second_us) == date_s * second_us


def test_no_calendar_shows_a_time_before_1970() -> None:
    assert Calendar(-2 * EPOCH_US).wall(0) == 0
