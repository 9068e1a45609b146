"""The items that this node has and does not spread yet: how each came, where it went, until when.

Implements `docs/protocol/stems.md`. A live machine that knows ids and links and never bodies. An
item is an envelope, by its id, or a retirement, by its element.

Theory of operation. As in Dandelion++ (Fanti et al., SIGMETRICS 2018) an item first goes over one
link at a time, the *stem*; somewhere on its way it *spreads*, and from there on it is mail like any
other. Whoever passed it on has kept it, and spreads it if it is not heard of before a time of
chance is over, so that a hop that drops it costs seconds. What was made while there was no link
waits for one without a limit: nothing of it shows by comparing sets.
"""

from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from math import log
from typing import NamedTuple

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import EnvelopeId, Instant, LinkId, LinkKey, Monotonic, PostingKey
from mesh.limits.stems import (
    STEM_AUTHOR_MEAN_MS,
    STEM_HOP_MEAN_MS,
    STEM_PAUSE_MAX_MS,
    STEMS_MAX,
    STEMS_PER_LINK_MAX,
)
from mesh.replication.stem_paths import ENVELOPES, StemPaths

_DRAWS = 1 << 32


class Step(NamedTuple):
    """The fate of an item: it goes over a link, or spreads, or waits for a link.

    `pause_ms`: how long it is waited for at most, where that is drawn now.
    """

    next: LinkId | None
    spreads: bool
    pause_ms: int | None = None


SPREADS = Step(None, spreads=True)


def longest_pause_ms(mean_ms: int) -> int:
    """Return how long an item is waited for at most, where the mean is this."""
    return max(mean_ms * STEM_PAUSE_MAX_MS // STEM_AUTHOR_MEAN_MS, STEM_PAUSE_MAX_MS)


@dataclass(slots=True)
class _Stem:
    """An item on its way. Dicts stand for ordered sets; what began here came by none at first.

    `is_of_others`: a link brought it first, and it counts among those.
    """

    posting_key: PostingKey
    label: bytes
    mean_ms: int
    is_of_others: bool = False
    came_by: dict[LinkId, None] = field(default_factory=dict)
    given: dict[LinkId, None] = field(default_factory=dict)


class Stems:
    """All items that were passed on and not heard of, and those that wait for a link."""

    def __init__(
        self, entropy: Entropy, is_doubted: Callable[[LinkId], bool] = lambda link: False
    ) -> None:
        """`is_doubted`: whether a link is known not to keep its word otherwise."""
        self.paths = StemPaths(entropy, is_doubted)
        self._entropy = entropy
        self._stems: dict[EnvelopeId, _Stem] = {}
        # Those of others, and how many of them each link has brought.
        self._others_count = 0
        self._brought: dict[LinkId, int] = {}
        # Due times; the number keeps those of one instant in order. What is no longer in `_due_at`
        # with the same time is passed over.
        self._queue: list[tuple[Monotonic, int, EnvelopeId]] = []
        self._queued_count = 0
        self._due_at: dict[EnvelopeId, Monotonic] = {}
        # No link was there when they were made.
        self._waiting: dict[EnvelopeId, None] = {}

    def __contains__(self, id_: EnvelopeId) -> bool:
        return id_ in self._stems

    def __len__(self) -> int:
        return len(self._stems)

    # --- What comes ---------------------------------------------------------------------------

    def load(
        self,
        id_: EnvelopeId,
        posting_key: PostingKey,
        label: bytes,
        pause_ms: int | None,
        now: Instant,
    ) -> None:
        """Take an item of the store at start; no `pause_ms`: it was given to nobody."""
        self._stems[id_] = _Stem(posting_key, label, STEM_AUTHOR_MEAN_MS)
        if pause_ms is None:
            self._waiting[id_] = None
        else:
            self._schedule(id_, pause_ms, now)

    def begin(
        self,
        id_: EnvelopeId,
        posting_key: PostingKey,
        label: bytes,
        now: Instant,
        *,
        extra_mean_ms: int = 0,
    ) -> Step:
        """An item was made here: it goes over one link at least, and waits if there is none."""
        mean_ms = STEM_AUTHOR_MEAN_MS + extra_mean_ms
        self._stems[id_] = _Stem(posting_key, label, mean_ms)
        return self._pass_on(id_, None, now)

    def came(
        self,
        id_: EnvelopeId,
        posting_key: PostingKey,
        label: bytes,
        link: LinkId,
        now: Instant,
        *,
        extra_mean_ms: int = 0,
    ) -> Step:
        """A link brought an item that is not known here but as a stem."""
        if not self.paths.goes_on(posting_key, label, link, now) or self._is_full(link):
            return SPREADS
        mean_ms = STEM_HOP_MEAN_MS + extra_mean_ms
        self._stems[id_] = _Stem(posting_key, label, mean_ms, is_of_others=True)
        self._others_count += 1
        step = self._pass_on(id_, link, now)
        if step.spreads:
            self.forget([id_])
        return step

    def came_again(self, id_: EnvelopeId, link: LinkId, now: Instant) -> Step:
        """The path leads back to here: it goes on, as from whoever has not seen it before."""
        stem = self._stems[id_]
        if link in stem.came_by or not self.paths.goes_on(stem.posting_key, stem.label, link, now):
            return SPREADS
        return self._pass_on(id_, link, now)

    def is_waiting(self, id_: EnvelopeId) -> bool:
        """Say whether an item was given to nobody yet."""
        return id_ in self._waiting

    def waiting(self) -> list[EnvelopeId]:
        """Return what was made while there was no link."""
        return list(self._waiting)

    def knows(self, id_: EnvelopeId, link: LinkId) -> bool:
        """Say whether the other end of a link knows that this node has an item."""
        stem = self._stems.get(id_)
        return stem is not None and (link in stem.came_by or link in stem.given)

    # --- What becomes of it -------------------------------------------------------------------

    def take(self, id_: EnvelopeId, *, is_heard: bool = True) -> dict[LinkId, None]:
        """An item spreads from now on: the links whose other ends have had it as a stem."""
        stem = self._stems[id_]
        if is_heard:
            for link in stem.given:
                self.paths.heard(link)
        self.forget([id_])
        return stem.came_by | stem.given

    def forget(self, ids: Iterable[EnvelopeId]) -> None:
        """These are gone, or spread."""
        for id_ in ids:
            stem = self._stems.pop(id_, None)
            if stem is None:
                continue
            self._due_at.pop(id_, None)
            self._waiting.pop(id_, None)
            self._others_count -= stem.is_of_others
            for link in stem.came_by:
                self._count(link, -1)
        if len(self._queue) > 2 * len(self._due_at) + STEMS_PER_LINK_MAX:
            self._queue = [one for one in self._queue if self._due_at.get(one[2]) == one[0]]
            heapify(self._queue)

    # --- Links --------------------------------------------------------------------------------

    def link_up(
        self, link: LinkId, key: LinkKey, now: Instant, *, is_able: bool
    ) -> list[tuple[EnvelopeId, bytes, Step]]:
        """A link is ready: what waited for one goes over it.

        `is_able`: its peer passes stems on.
        """
        self.paths.link_up(link, key, now, is_able=is_able)
        waiting, self._waiting = self._waiting, {}
        return [(id_, self._stems[id_].label, self._pass_on(id_, None, now)) for id_ in waiting]

    def link_down(self, link: LinkId, now: Instant) -> list[tuple[EnvelopeId, bytes, Step]]:
        """A link is gone: what was given to it and not heard of takes another one, as all further
        items of its keys will. Nobody knows whether it arrived.
        """
        self.paths.link_down(link)
        self._brought.pop(link, None)
        given = [id_ for id_, stem in self._stems.items() if link in stem.given]
        moved: list[tuple[EnvelopeId, bytes, Step]] = []
        for id_ in given:
            stem = self._stems[id_]
            del stem.given[link]
            came_by = next(reversed(stem.came_by), None)
            moved.append((id_, stem.label, self._pass_on(id_, came_by, now)))
        return moved

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when `take_due` has something to give."""
        # Most were heard of before their time; a timer for them would wake the node for nothing.
        while self._queue and self._due_at.get(self._queue[0][2]) != self._queue[0][0]:
            heappop(self._queue)
        return self._queue[0][0] if self._queue else None

    def take_due(self, now: Instant) -> list[tuple[EnvelopeId, bytes]]:
        """Return what was not heard of in time, each with its label: it spreads from here."""
        due: list[tuple[EnvelopeId, bytes]] = []
        while self._queue and self._queue[0][0] <= now.monotonic:
            at, _, id_ = heappop(self._queue)
            if self._due_at.get(id_) != at:
                continue
            del self._due_at[id_]
            stem = self._stems[id_]
            # Every relay holds back what retires, so of that little is heard in time anyway.
            for link in stem.given if stem.label == ENVELOPES else ():
                self.paths.dropped(link, now)
            due.append((id_, stem.label))
        return due

    def _pass_on(self, id_: EnvelopeId, came_by: LinkId | None, now: Instant) -> Step:
        stem = self._stems[id_]
        if came_by is not None and came_by not in stem.came_by:
            stem.came_by[came_by] = None
            self._count(came_by, 1)
        passed: Container[LinkId] = stem.came_by | stem.given
        next_ = self.paths.find_next(stem.posting_key, stem.label, came_by, passed, now)
        if next_ is not None:
            stem.given[next_] = None
            if id_ not in self._due_at:
                pause_ms = self._drawn_ms(stem.mean_ms)
                self._schedule(id_, pause_ms, now)
                return Step(next_, spreads=False, pause_ms=pause_ms)
            return Step(next_, spreads=False)
        if came_by is None and not stem.given and not self.paths.has_links:
            self._waiting[id_] = None
            self._due_at.pop(id_, None)
            return Step(None, spreads=False)
        return SPREADS

    def _schedule(self, id_: EnvelopeId, pause_ms: int, now: Instant) -> None:
        due = now.after(pause_ms)
        self._due_at[id_] = due
        heappush(self._queue, (due, self._queued_count, id_))
        self._queued_count += 1

    def _drawn_ms(self, mean_ms: int) -> int:
        """Draw an exponential time: how long was waited already tells nothing of the rest."""
        drawn = (uniform_below(self._entropy, _DRAWS) + 1) / _DRAWS
        return min(round(-log(drawn) * mean_ms), longest_pause_ms(mean_ms))

    def _is_full(self, link: LinkId) -> bool:
        brought = self._brought.get(link, 0)
        return self._others_count >= STEMS_MAX or brought >= STEMS_PER_LINK_MAX

    def _count(self, link: LinkId, by: int) -> None:
        count = self._brought.get(link, 0) + by
        if count > 0:
            self._brought[link] = count
        else:
            self._brought.pop(link, None)
