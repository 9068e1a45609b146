"""The pace of a peer, how soon it answers and brings bodies: how long to wait for it.

Implements `docs/protocol/spreading.md`, section "Asking". The round trip is that of the handshake
until a link that owed nothing was asked, and is measured there; the rate while it owes more. Who
does not answer in time is waited for twice as long next time, until it answers again.
"""

from mesh.ids import Instant, Monotonic
from mesh.limits.replication import (
    ASK_TIMEOUT_MAX_MS,
    ASK_TIMEOUT_MIN_MS,
    BYTES_PER_SECOND_FIRST,
    GRAFT_PAUSE_MAX_MS,
    GRAFT_PAUSE_MS,
    RATE_MEASURED_MS,
    ROUND_TRIP_FIRST_MS,
)


class Throughput:
    """The pace of one link."""

    def __init__(self, round_trip_ms: int) -> None:
        self.round_trip_ms = min(round_trip_ms, ASK_TIMEOUT_MAX_MS)
        self._is_measured = False
        self._bytes_per_second = BYTES_PER_SECOND_FIRST
        # When a link that owed nothing was asked, until it answers.
        self._asked_at: Monotonic | None = None
        # What has come since its first answer, while it owes more.
        self._since: Monotonic | None = None
        self._bytes = 0

    def asked(self, now: Instant) -> None:
        """The link owed nothing, and is asked."""
        self._asked_at, self._since = now.monotonic, None

    def brought(self, size_bytes: int, now: Instant) -> None:
        """It has brought something that it owed."""
        if self._asked_at is not None:
            taken_ms = min((now.monotonic - self._asked_at) // 1000, ASK_TIMEOUT_MAX_MS)
            # What a handshake took says little beside the first answer (RFC 6298, section 2.2).
            share = 8 if self._is_measured else 1
            self.round_trip_ms += (taken_ms - self.round_trip_ms) // share
            self._is_measured = True
        if self._since is None:
            self._asked_at, self._since, self._bytes = None, now.monotonic, 0
            return
        self._bytes += size_bytes
        taken_us = now.monotonic - self._since
        # What came in one batch came at one instant: only a while shows a rate.
        if taken_us >= RATE_MEASURED_MS * 1000:
            measured = max(self._bytes * 1_000_000 // taken_us, 1)
            self._bytes_per_second += (measured - self._bytes_per_second) // 4
            self._since, self._bytes = now.monotonic, 0

    def was_late(self) -> None:
        """It has not answered in time; it may only be slow."""
        self._asked_at, self._since = None, None
        doubled_ms = max(2 * self.round_trip_ms, ROUND_TRIP_FIRST_MS)
        self.round_trip_ms = min(doubled_ms, ASK_TIMEOUT_MAX_MS)

    def graft_pause_ms(self, size_bytes: int) -> int:
        """Return how long to wait, after a live announcement, for a push from elsewhere."""
        pause_ms = max(GRAFT_PAUSE_MS, self.round_trip_ms // 2) + self._transfers_ms(size_bytes)
        return min(pause_ms, GRAFT_PAUSE_MAX_MS)

    def ask_timeout_ms(self, size_bytes: int) -> int:
        """Return how long to wait for a body that was asked for by a graft."""
        pause_ms = 10 + 3 * self.round_trip_ms + self._transfers_ms(size_bytes)
        return max(ASK_TIMEOUT_MIN_MS, min(pause_ms, ASK_TIMEOUT_MAX_MS))

    def _transfers_ms(self, size_bytes: int) -> int:
        return 2 * size_bytes * 1_000 // max(self._bytes_per_second, 1)
