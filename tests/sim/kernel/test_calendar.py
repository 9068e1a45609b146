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


def test_no_calendar_shows_a_time_before_1970() -> None:
    assert Calendar(-2 * EPOCH_US).wall(0) == 0
