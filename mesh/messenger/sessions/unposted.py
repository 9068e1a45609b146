"""Envelopes of ours that the store is not known to have, in the order in which they may leave."""

from collections.abc import Sequence
from heapq import heappop, heappush
from itertools import islice

from mesh.ids import EnvelopeId, Instant, Monotonic


class Unposted:
    """Two queues: of those that wait for the store, and of those that wait for their time."""

    def __init__(self) -> None:
        self._due: dict[EnvelopeId, None] = {}
        self._paused: dict[EnvelopeId, None] = {}
        # When each pause ends; the number keeps those of one instant in order.
        self._ends: list[tuple[Monotonic, int, EnvelopeId]] = []
        self._paused_count = 0

    def add(self, envelope: EnvelopeId, pause_ms: int, now: Instant) -> None:
        """An envelope may leave after a pause; 0: at once."""
        if pause_ms <= 0:
            self._due[envelope] = None
            return
        self._paused[envelope] = None
        heappush(self._ends, (now.after(pause_ms), self._paused_count, envelope))
        self._paused_count += 1

    def next(self, limit: int, now: Instant) -> Sequence[EnvelopeId]:
        """The next ones whose time has come; they stay until they are dropped."""
        while self._ends and self._ends[0][0] <= now.monotonic:
            envelope = heappop(self._ends)[2]
            if self._paused.pop(envelope, False) is None:
                self._due[envelope] = None
        return list(islice(self._due, limit))

    def drop(self, envelope: EnvelopeId) -> bool:
        """The store has it, or is not to get it any more; return whether it had left."""
        self._paused.pop(envelope, None)
        return self._due.pop(envelope, False) is None

    def deadline(self) -> Monotonic | None:
        """Return when `next` has something."""
        if self._due:
            return Monotonic(0)
        while self._ends and self._ends[0][2] not in self._paused:
            heappop(self._ends)
        return self._ends[0][0] if self._ends else None
