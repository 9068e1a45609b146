"""The scores of peers: how they keep their word, as this node alone has seen it.

Implements `docs/protocol/spreading.md`, section "Scores". A peer earns a point for each
envelope that it was the first to bring, up to a bound, and loses several for each that it announced
and did not give when it was asked. Both are forgotten by halves. Whose score is below zero is
*doubted*: it is not counted among the links that push to us, so that peers who announce and
never give cannot make us prune those who do.
"""

from dataclasses import dataclass

from mesh.ids import Instant, LinkId
from mesh.limits.replication import BROKEN_PROMISE_COST, SCORE_FIRST_MAX, SCORE_HALF_LIFE_MS


@dataclass(slots=True)
class _Record:
    """The record of one peer, as of a moment."""

    at: int
    first: float = 0
    broken: float = 0
    news_count: int = 0
    backlog_count: int = 0

    def age(self, now: Instant) -> None:
        """Forget by halves."""
        kept = 0.5 ** ((now.monotonic - self.at) / (SCORE_HALF_LIFE_MS * 1000))
        self.first *= kept
        self.broken *= kept
        self.at = now.monotonic

    @property
    def score(self) -> float:
        return self.first - BROKEN_PROMISE_COST * self.broken


class Scores:
    """The records of all open links."""

    def __init__(self) -> None:
        self._records: dict[LinkId, _Record] = {}
        self._doubted: dict[LinkId, None] = {}
        self._newly_doubted: list[LinkId] = []

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready; it is believed until it breaks its word."""
        self._records[link] = _Record(now.monotonic)

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._records.pop(link, None)
        self._doubted.pop(link, None)

    def brought(self, link: LinkId, now: Instant, *, is_backlog: bool) -> None:
        """A link was the first to bring an envelope. `is_backlog`: it was asked for it."""
        record = self._records.get(link)
        if record is not None:
            record.news_count += 1
            record.backlog_count += is_backlog
            record.age(now)
            record.first = min(record.first + 1, SCORE_FIRST_MAX)
            if record.score >= 0:
                self._doubted.pop(link, None)

    def broke(self, link: LinkId, now: Instant) -> None:
        """A link did not give what it had announced."""
        record = self._records.get(link)
        if record is None:
            return
        record.age(now)
        record.broken += 1
        if record.score < 0 and link not in self._doubted:
            self._doubted[link] = None
            self._newly_doubted.append(link)

    def news_count(self, link: LinkId) -> tuple[int, int]:
        """Return how much of what a link brought was new here: in all, and fetched as backlog."""
        record = self._records.get(link)
        return (record.news_count, record.backlog_count) if record is not None else (0, 0)

    @property
    def has_doubted(self) -> bool:
        """Say whether any link is doubted."""
        return bool(self._doubted)

    def is_doubted(self, link: LinkId) -> bool:
        """Say whether a link has announced more than it gave; what heals that is giving."""
        return link in self._doubted

    def take_doubted(self) -> list[LinkId]:
        """The links that are doubted since the last call."""
        if not self._newly_doubted:
            return []
        taken, self._newly_doubted = self._newly_doubted, []
        return [link for link in taken if self.is_doubted(link)]
