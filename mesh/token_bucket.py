"""A token bucket: so much at once, and so much more with time."""

from mesh.ids import Instant, Monotonic


class TokenBucket:
    """Counts whole units, full at first. What is not used is kept up to the burst."""

    __slots__ = ("_at", "_burst", "_left", "_pause_us")

    def __init__(self, *, per_second: float, burst: int, now: Instant) -> None:
        self._pause_us = int(1_000_000 / per_second)
        self._burst = burst
        self._left = burst
        self._at = now.monotonic

    def take(self, count: int, now: Instant) -> bool:
        """Use so many, if they are there."""
        fresh = (now.monotonic - self._at) // self._pause_us
        # The rest of a unit is not lost by asking often.
        self._at = Monotonic(self._at + fresh * self._pause_us)
        self._left = min(self._left + fresh, self._burst)
        if count > self._left:
            return False
        self._left -= count
        return True

    def spend(self, count: int, now: Instant) -> None:
        """Use so many, though they are not there: nothing more is, until they have come again."""
        self.take(0, now)
        self._left -= count
