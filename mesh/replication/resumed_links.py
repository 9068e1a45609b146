"""The links that were silent for long and are heard again: what they bring then is not new.

Implements `docs/protocol/spreading.md`, section "Eager and lazy links". What was pushed into a cut
stands in the buffers of all links across it, and comes over all of them at the moment at which the
cut ends. Whoever pushed it on would push it to those who get it from there at the same moment.
"""

from mesh.ids import Instant, LinkId, Monotonic
from mesh.limits.replication import RESUMED_MS


class ResumedLinks:
    """The links that were heard again lately, and since when."""

    def __init__(self) -> None:
        self._resumed_at: dict[LinkId, Monotonic] = {}

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._resumed_at.pop(link, None)

    def resumed(self, link: LinkId, at: Monotonic) -> None:
        """A link was heard again then, after a long silence."""
        self._resumed_at[link] = at

    def brings_old(self, link: LinkId | None, now: Instant) -> bool:
        """Say whether what a link brings may have stood in its buffers since before its silence."""
        if link is None or link not in self._resumed_at:
            return False
        return now.monotonic - self._resumed_at[link] < RESUMED_MS * 1000
