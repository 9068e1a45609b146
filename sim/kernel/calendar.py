"""The calendar of one node: as wrong as its owner set it, and it may jump or stand still."""

from dataclasses import dataclass, field
from typing import Final

EPOCH_US: Final = 1_811_808_000_000_000
"""Every world has its first midnight (UTC) on a day in 2027, later than the release that
every clock is held against."""


@dataclass(slots=True)
class Calendar:
    """Maps virtual time to what the node's clock shows, in microseconds since 1970.

    `offset_us` says where in the day the world begins and how wrong this clock is.
    """

    offset_us: int = 0
    times_set_right: int = 0
    _right_offset_us: int = field(init=False)
    _frozen_at: int | None = None
    _drifts: list[tuple[int, int, int | None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._right_offset_us = self.offset_us

    def wall(self, now: int) -> int:
        """Return what the clock shows."""
        return self._shown(now if self._frozen_at is None else self._frozen_at)

    def reaches(self, date_s: int, now: int) -> int:
        """Return at which virtual microsecond it shows a date, in Unix seconds, to a second.

        Unless somebody sets it. One that stands still is set when it goes on, so it counts as one
        that never stood still.
        """
        return now + (date_s - self._shown(now) // 1_000_000) * 1_000_000

    def drift(self, now: int, ppm: int, period_us: int | None) -> None:
        """From now on the clock goes too fast by so many millionths.

        With a period it does so for half of each, and goes as much too slow for the other half.
        """
        self._drifts.append((now, ppm, period_us))

    def jump(self, by_us: int) -> None:
        """Somebody, or a program, sets the clock."""
        self.offset_us += by_us

    def set_right(self) -> None:
        """Its owner looks at the date and sets it as it was at first."""
        if self.offset_us != self._right_offset_us:
            self.times_set_right += 1
            self.offset_us = self._right_offset_us

    def freeze(self, now: int) -> None:
        """The clock stands still."""
        if self._frozen_at is None:
            self._frozen_at = now

    def thaw(self) -> None:
        """It goes on, and is right again: whoever starts a clock also sets it."""
        self._frozen_at = None

    def _shown(self, shown: int) -> int:
        """Return what it shows having gone for so many microseconds of virtual time."""
        for since, ppm, period in self._drifts:
            shown += _one_way(max(0, shown - since), period) * ppm // 1_000_000
        return max(0, EPOCH_US + shown + self.offset_us)


def _one_way(elapsed: int, period: int | None) -> int:
    """For how long the clock has gone too fast, less how long it has gone too slow."""
    if period is None:
        return elapsed
    within = elapsed % period
    return min(within, period - within)
