"""Changes of the clocks that make due at once what else comes once an hour."""

from mesh.ids import Instant, Monotonic
from mesh.limits.timekeeping import CLOCK_CHANGES_INTERVAL_MS, CLOCK_JUMP_SECONDS


class ClockChanges:
    """Changes since the last chores: the clock became steady, or mesh time has moved.

    The next chores may be after the end of this run, and what was sealed under a wrong time is to
    leave while neighbours are there who told the right one. Neighbours may tell another time every
    ten seconds; so after a move the next one waits a while.
    """

    def __init__(self) -> None:
        self._was_steady = False
        self._mesh_ahead_s: int | None = None
        self._moves_from = Monotonic(0)

    def are_there(self, now: Instant, *, is_steady: bool) -> bool:
        """Say whether something is due for which no other time was named."""
        return (is_steady and not self._was_steady) or self._has_moved(now)

    def seen(self, now: Instant, *, is_steady: bool) -> None:
        """The chores are done."""
        if self._has_moved(now):
            self._moves_from = now.after(CLOCK_CHANGES_INTERVAL_MS)
        self._was_steady = is_steady
        self._mesh_ahead_s = _ahead(now)

    def _has_moved(self, now: Instant) -> bool:
        ahead_s = self._mesh_ahead_s
        is_far = ahead_s is not None and abs(_ahead(now) - ahead_s) > CLOCK_JUMP_SECONDS
        return is_far and now.monotonic >= self._moves_from


def _ahead(now: Instant) -> int:
    return now.mesh - now.monotonic // 1_000_000
