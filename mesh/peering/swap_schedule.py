"""The swaps of one link for another, so that groups apart from each other meet.

Implements `docs/protocol/peering.md`, section "Parts that know nothing of each other".
"""

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import Instant, Monotonic
from mesh.limits.peering import (
    DIAL_JITTER_MS,
    LINK_SWAP_INTERVAL_MS,
    LINKS_DIALLED_TARGET,
    SWAP_SOON_MS,
)


class SwapSchedule:
    """The moment of the next swap, `at`; None before a node has a name."""

    def __init__(self, entropy: Entropy) -> None:
        self.at: Monotonic | None = None
        self._entropy = entropy

    def begin_anew(self, now: Instant) -> None:
        """The next swap comes after about one interval."""
        jitter_ms = uniform_below(self._entropy, LINK_SWAP_INTERVAL_MS)
        self.at = now.after(LINK_SWAP_INTERVAL_MS // 2 + jitter_ms)

    def target_seen(self, targets_count: int, now: Instant) -> None:
        """A new target is in sight, one of so many.

        Of all who see it about as many swap at once as each node dials. One newcomer hardly
        disturbs anybody; where two groups meet, many links arise between them.
        """
        if uniform_below(self._entropy, targets_count) < LINKS_DIALLED_TARGET:
            self._hasten(2 * DIAL_JITTER_MS + uniform_below(self._entropy, DIAL_JITTER_MS), now)

    def backlog_came(self, now: Instant) -> None:
        """A young link shows that we were apart from a part: perhaps there are others."""
        self._hasten(SWAP_SOON_MS + uniform_below(self._entropy, SWAP_SOON_MS), now)

    def _hasten(self, pause_ms: int, now: Instant) -> None:
        soon = now.after(pause_ms)
        self.at = soon if self.at is None else min(self.at, soon)
