"""At most so many of a thing in a minute."""

from typing import Final

from mesh.ids import Instant

_MINUTE_US: Final = 60_000_000


class Rate:
    """Counts what happened within the last minute, up to a bound."""

    def __init__(self, per_minute: int) -> None:
        # Few, and mostly none: a list takes a tenth of what an empty deque does.
        self._moments: list[int] = []
        self._per_minute = per_minute

    def is_allowed(self, now: Instant) -> bool:
        """Whether it may happen once more; if so, it counts."""
        is_full = len(self._moments) == self._per_minute
        if is_full:
            if now.monotonic - self._moments[0] < _MINUTE_US:
                return False
            del self._moments[0]
        self._moments.append(now.monotonic)
        return True
