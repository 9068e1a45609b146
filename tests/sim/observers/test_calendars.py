"""By whose calendar what had lapsed was erased: as soon as a node's rules allow, and no sooner."""

from mesh.limits.timekeeping import AWAY_SECONDS_MAX
from sim.invariants.paths import Lapsing
from sim.observers.calendars import Calendars

MINUTE = 60_000_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR


class Laptop:
    """One node, and who notes how it runs."""

    def __init__(self) -> None:
        self.time = 0
        self.ahead = 0
        self.calendars = Calendars(lambda: self.time, lambda node: self.time + self.ahead)

    def run(self, at: int, lasts: int) -> None:
        self.time = at
        self.calendars.runs(0)
        self.time += lasts
        self.calendars.stopped(0)

    @property
    def lapsing(self) -> list[Lapsing]:
        return list(self.calendars.lapsing().get(0, []))


def test_nothing_lapses_in_the_first_hour_nor_in_the_first_minutes_after_a_start() -> None:
    laptop = Laptop()
    laptop.run(0, 50 * MINUTE)
    assert laptop.lapsing == []
    # Ten minutes are left of the hour, then five after each start.
    laptop.run(DAY, 20 * MINUTE)
    laptop.run(2 * DAY, 20 * MINUTE)
    laptop.run(3 * DAY, 4 * MINUTE)
    assert laptop.lapsing == [
        Lapsing(DAY + 10 * MINUTE, DAY + 20 * MINUTE, DAY + 20 * MINUTE),
        Lapsing(2 * DAY + 5 * MINUTE, 2 * DAY + 20 * MINUTE, 2 * DAY + 20 * MINUTE),
    ]


def test_the_hour_begins_anew_after_a_long_time_off_and_where_the_clock_was_put_back() -> None:
    for gap, ahead, is_steady in (
        (7 * DAY, DAY, True),
        (7 * DAY, 2 * DAY, False),
        (DAY, -2 * DAY, False),
    ):
        laptop = Laptop()
        laptop.run(0, 2 * HOUR)
        laptop.ahead = ahead
        laptop.run(2 * HOUR + gap, 30 * MINUTE)
        assert len(laptop.lapsing) == 1 + is_steady
        if is_steady:
            assert laptop.lapsing[1].shown == laptop.time + ahead


def test_the_hour_begins_anew_when_the_clock_is_set_while_it_runs() -> None:
    laptop = Laptop()
    laptop.calendars.runs(0)
    laptop.time = 2 * HOUR
    laptop.ahead = 6 * DAY
    laptop.calendars.runs(0)
    laptop.time = 2 * HOUR + 30 * MINUTE
    assert laptop.lapsing == [Lapsing(HOUR, 2 * HOUR, 2 * HOUR)]
    laptop.calendars.runs(0)
    laptop.time = 4 * HOUR
    assert laptop.lapsing[1] == Lapsing(3 * HOUR, 4 * HOUR, 4 * HOUR + 6 * DAY)


def test_a_calendar_that_nobody_would_have_been_away_for_erases_nothing() -> None:
    laptop = Laptop()
    laptop.run(0, 2 * HOUR)
    laptop.ahead = AWAY_SECONDS_MAX * 1_000_000 + 2 * DAY
    laptop.run(2 * HOUR, 3 * HOUR)
    assert len(laptop.lapsing) == 1
    laptop.ahead = AWAY_SECONDS_MAX * 1_000_000 - DAY
    laptop.run(6 * HOUR, 3 * HOUR)
    assert len(laptop.lapsing) == 2
