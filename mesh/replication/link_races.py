"""The comparison of a link that only announces with those that push: it may be faster.

Implements `docs/protocol/spreading.md`, section "Eager and lazy links". A lazy link's announcement
of new mail is held against the first push of the same mail: it was faster if it came earlier by
more than the body would have taken. A link that was faster in most of its last races is named once
a minute, to be made eager.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits.replication import (
    ANNOUNCERS_PER_ID_MAX,
    RACE_INTERVAL_MS,
    RACE_MARGIN_MS,
    RACES_JUDGED,
    RECENT_IDS_MAX,
)


@dataclass(slots=True)
class _Record:
    """The last races of a link, one bit each: whether it was faster."""

    bits: int = 0
    count: int = 0

    def note(self, *, is_faster: bool) -> None:
        self.bits = (self.bits << 1 | is_faster) & ((1 << RACES_JUDGED) - 1)
        self.count = min(self.count + 1, RACES_JUDGED)

    @property
    def wins_count(self) -> int:
        return self.bits.bit_count()


class LinkRaces:
    """The races of all lazy links."""

    def __init__(self) -> None:
        # New mail that was announced and has not come yet: by whom, and when.
        self._announced: dict[EnvelopeId, dict[LinkId, Monotonic]] = {}
        self._records: dict[LinkId, _Record] = {}
        self._due: Monotonic | None = None

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._records.pop(link, None)
        for links in self._announced.values():
            links.pop(link, None)

    def announced(self, link: LinkId, id_: EnvelopeId, now: Instant, *, is_here: bool) -> None:
        """A lazy link told of new mail."""
        if is_here:
            self._note(link, now, is_faster=False)
            return
        links = self._announced.setdefault(id_, {})
        if len(links) < ANNOUNCERS_PER_ID_MAX:
            links.setdefault(link, now.monotonic)
        if len(self._announced) > RECENT_IDS_MAX:
            del self._announced[next(iter(self._announced))]

    def pushed(self, id_: EnvelopeId, round_trip_ms: Callable[[LinkId], int], now: Instant) -> None:
        """New mail came unasked; some may have announced it before."""
        for link, at in self._announced.pop(id_, {}).items():
            margin_us = 1000 * max(RACE_MARGIN_MS, round_trip_ms(link))
            self._note(link, now, is_faster=now.monotonic - at > margin_us)

    def forget(self, id_: EnvelopeId) -> None:
        """It is here, and was asked for."""
        self._announced.pop(id_, None)

    def deadline(self) -> Monotonic | None:
        """Return when `take_faster` may have something to say."""
        return self._due

    def take_faster(self, now: Instant) -> LinkId | None:
        """The link that won most of its races, if it won more than half; its record ends."""
        if self._due is None or now.monotonic < self._due:
            return None
        self._due = None
        full = [link for link, record in self._records.items() if record.count == RACES_JUDGED]
        if not full:
            return None
        best = max(full, key=lambda link: self._records[link].wins_count)
        if 2 * self._records[best].wins_count <= RACES_JUDGED:
            return None
        del self._records[best]
        return best

    def _note(self, link: LinkId, now: Instant, *, is_faster: bool) -> None:
        self._records.setdefault(link, _Record()).note(is_faster=is_faster)
        if self._due is None:
            self._due = now.after(RACE_INTERVAL_MS)
