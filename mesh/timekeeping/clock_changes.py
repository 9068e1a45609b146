"""Changes of the clocks that make due at once what else comes once an hour."""

from mesh.ids import Instant, Monotonic, UnixSeconds
from mesh.limits.timekeeping import CLOCK_CHANGES_INTERVAL_MS, CLOCK_JUMP_SECONDS


class ClockChanges:
    """Changes since the last chores: the clock became steady, or mesh or expiry time has moved.

    The next chores may be after the end of this run, and what was sealed under a wrong time, or
    kept from the store by one, is to leave while neighbours are there who told the right one.
    Neighbours may tell another time every ten seconds; so after a move of one of the two its next
    one waits a while. Not so that of the other: one word of a neighbour may move both, one after
    the other.
    """

    def __init__(self) -> None:
        self._was_steady = False
        self._mesh = _Moves()
        self._expiry = _Moves()

    def are_there(self, now: Instant, *, is_steady: bool) -> bool:
        """Say whether something is due for which no other time was named."""
        return (
            (is_steady and not self._was_steady)
            or self._mesh.are_there(now.mesh, now.monotonic)
            or self._expiry.are_there(now.expiry, now.monotonic)
        )

    def seen(self, now: Instant, *, is_steady: bool) -> None:
        """The chores are done."""
        self._was_steady = is_steady
        next_from = now.after(CLOCK_CHANGES_INTERVAL_MS)
        self._mesh.seen(now.mesh, now.monotonic, next_from)
        self._expiry.seen(now.expiry, now.monotonic, next_from)


class _Moves:
    """Moves of one time against the steady clock."""

    def __init__(self) -> None:
        self._ahead_s: int | None = None
        self._from = Monotonic(0)

    def are_there(self, time: UnixSeconds, monotonic: Monotonic) -> bool:
        if self._ahead_s is None or monotonic < self._from:
            return False
        return abs(_ahead(time, monotonic) - self._ahead_s) > CLOCK_JUMP_SECONDS

    def seen(self, time: UnixSeconds, monotonic: Monotonic, next_from: Monotonic) -> None:
        if self.are_there(time, monotonic):
            self._from = next_from
        self._ahead_s = _ahead(time, monotonic)


def _ahead(time: UnixSeconds, monotonic: Monotonic) -> int:
    return time - monotonic // 1_000_000
