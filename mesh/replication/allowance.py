"""What a neighbour may cost us: so much at once, and so much more in each second."""

from mesh.ids import Instant, Monotonic


class Allowance:
    """A token bucket in whole units. What was not used in a second is kept up to the burst."""

    def __init__(self, *, per_second: int, burst: int, now: Instant) -> None:
        self._pause_us = 1_000_000 // per_second
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
