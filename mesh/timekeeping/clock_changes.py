"""Changes of the clocks that make due at once what else comes once an hour."""

from mesh.ids import Instant, Monotonic
from mesh.limits.timekeeping import CLOCK_CHANGES_INTERVAL_MS, CLOCK_JUMP_SECONDS


class ClockChanges:
    """Changes since the last chores: the clock became steady, or mesh or expiry time has moved.

    The next chores may be after the end of this run, and what was sealed under a wrong time, or
    kept from the store by one, is to leave while neighbours are there who told the right one.
    Neighbours may tell another time every ten seconds; so after a move the next one waits a while.
    """

    def __init__(self) -> None:
        self._was_steady = False
        self._ahead_s: tuple[int, int] | None = None
        self._moves_from = Monotonic(0)

    def are_there(self, now: Instant, *, is_steady: bool) -> bool:
        """Say whether something is due for which no other time was named."""
        return (is_steady and not self._was_steady) or self._has_moved(now)

    def seen(self, now: Instant, *, is_steady: bool) -> None:
        """The chores are done."""
        if self._has_moved(now):
            self._moves_from = now.after(CLOCK_CHANGES_INTERVAL_MS)
        self._was_steady = is_steady
        self._ahead_s = _ahead(now)

    def _has_moved(self, now: Instant) -> bool:
        before = self._ahead_s or _ahead(now)
        is_far = any(
            abs(ahead_s - before_s) > CLOCK_JUMP_SECONDS
            for ahead_s, before_s in zip(_ahead(now), before, strict=True)
        )
        return is_far and now.monotonic >= self._moves_from


def _ahead(now: Instant) -> tuple[int, int]:
    """Return how far mesh time and expiry time are ahead of the steady clock."""
    steady_s = now.monotonic // 1_000_000
    return now.mesh - steady_s, now.expiry - steady_s
