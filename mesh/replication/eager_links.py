"""The links that get new mail whole and unasked: most announce, a few push.

Implements `docs/protocol/spreading.md`, section "Eager and lazy links", after Plumtree (Leitao,
Pereira, Rodrigues: "Epidemic Broadcast Trees", SRDS 2007) with a floor. A live machine that knows
ids and links.

Theory of operation. A link is *eager* or *lazy*, and begins eager. A link that brings what is known
already is pruned to lazy, but never below a floor of eager links, so that a silent or lying
peer can stop nothing; who has to ask for what was announced grafts that link to eager. A lazy
link that was faster in most of its races takes the place of an eager one.
"""

from collections.abc import Callable
from dataclasses import dataclass

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits.replication import (
    EAGER_LINKS_MAX,
    EAGER_LINKS_MIN,
    PRUNE_AGAIN_MS,
    PRUNE_AGE_MS,
    PRUNE_PAUSE_MS,
    RECENT_IDS_MAX,
)
from mesh.replication.link_races import LinkRaces
from mesh.replication.scores import Scores
from mesh.wire.frames import Frame, Graft, Prune


@dataclass(slots=True)
class _LinkState:
    """The use of one link: what it was the first to bring, and what was here already."""

    pruned_at: Monotonic | None = None
    first_count: int = 0
    duplicate_count: int = 0


class EagerLinks:
    """The eager and the lazy links. `frames`: where it adds those that are to be sent."""

    def __init__(
        self,
        scores: Scores,
        entropy: Entropy,
        frames: list[tuple[LinkId, Frame]],
        *,
        count_min: int = EAGER_LINKS_MIN,
        count_max: int = EAGER_LINKS_MAX,
    ) -> None:
        self._scores = scores
        self._entropy = entropy
        self._frames = frames
        self._count_min = count_min
        self._count_max = count_max
        self._links: dict[LinkId, _LinkState] = {}
        self._eager: dict[LinkId, None] = {}
        self._recent: dict[EnvelopeId, Monotonic] = {}
        self._link_races = LinkRaces()

    def link_up(self, link: LinkId) -> None:
        """A link is ready; it begins eager."""
        self._links[link] = _LinkState()
        self._eager[link] = None

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone; another may have to take its place."""
        self._links.pop(link, None)
        self._eager.pop(link, None)
        self._link_races.link_down(link)
        self._keep_floor(now)

    @property
    def count(self) -> int:
        """Links that get bodies unasked, and keep their word."""
        if not self._scores.has_doubted:
            return len(self._eager)
        return len([link for link in self._eager if not self._scores.is_doubted(link)])

    def is_eager(self, link: LinkId) -> bool:
        """Say whether a link gets bodies unasked."""
        return link in self._eager

    # --- What links bring ---------------------------------------------------------------------

    def arrived(self, id_: EnvelopeId, now: Instant) -> None:
        """An element is new here: who brings it again soon brings it needlessly."""
        self._link_races.forget(id_)
        self._recent[id_] = now.monotonic
        oldest = now.monotonic - PRUNE_AGE_MS * 1000
        while self._recent:
            first, since = next(iter(self._recent.items()))
            if len(self._recent) <= RECENT_IDS_MAX and since >= oldest:
                break
            del self._recent[first]

    def was_first(self, link: LinkId, now: Instant) -> None:
        """A link brought what was new, unasked: it pushes to us, so we push to it.

        Not after a prune: what it brings then was on its way, and would undo the prune.
        """
        state = self._links[link]
        state.first_count += 1
        if _free_at(state) <= now.monotonic and not self._scores.is_doubted(link):
            self._eager[link] = None

    def duplicate(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link pushed what was here: it need not, if others do."""
        state = self._links[link]
        state.duplicate_count += 1
        since = self._recent.get(id_)
        if since is None or now.monotonic - since >= PRUNE_AGE_MS * 1000:
            return
        if link in self._eager:
            is_needless = self.count > self._count_min
        else:
            # A graft and a prune that crossed, and it thinks that it is eager.
            is_needless = _is_over(state.pruned_at, PRUNE_AGAIN_MS, now)
        if is_needless:
            self._prune(link, now)

    def announced_live(self, link: LinkId, id_: EnvelopeId, now: Instant, *, is_here: bool) -> None:
        """A link told of new mail: a lazy one may be faster than those that push."""
        if link not in self._eager:
            self._link_races.announced(link, id_, now, is_here=is_here)

    def pushed_live(
        self, id_: EnvelopeId, round_trip_ms: Callable[[LinkId], int], now: Instant
    ) -> None:
        """New mail came unasked."""
        self._link_races.pushed(id_, round_trip_ms, now)

    # --- What is asked ------------------------------------------------------------------------

    def pruned(self, link: LinkId, now: Instant) -> None:
        """A link has what we push already."""
        self._become_lazy(link, now)
        self._keep_floor(now)

    def grafted(self, link: LinkId, now: Instant) -> None:
        """A link wants to get bodies unasked; if too many do, another one no longer does."""
        self._eager[link] = None
        if self.count > self._count_max:
            self._prune_worst(link, now)

    def graft(self, link: LinkId) -> None:
        """We ask a link for what it announced: it was faster than those that push."""
        if not self._scores.is_doubted(link):
            self._eager[link] = None

    def doubted(self, link: LinkId, now: Instant) -> None:
        """A link does not give what it announces: it is told of ids, and others push to us."""
        if link in self._eager:
            self._prune(link, now)
            self._keep_floor(now)

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called: a link may be grafted then."""
        faster_at = self._link_races.deadline()
        # Where no link is lazy there is none to graft.
        if self._links.keys() <= self._eager.keys() or not self._is_below_floor:
            return faster_at
        free_at = [_free_at(self._links[link]) for link in self._trusted_lazy()]
        if faster_at is not None:
            free_at.append(faster_at)
        return min(free_at, default=None)

    def deadline_passed(self, now: Instant) -> None:
        """Come back to the floor where a prune has gone below it; take a faster link."""
        faster = self._link_races.take_faster(now)
        if faster is not None and faster not in self._eager:
            self._graft_unasked(faster)
            if self.count > self._count_min:
                self._prune_worst(faster, now)
        self._keep_floor(now)

    @property
    def _is_below_floor(self) -> bool:
        """Say whether too few links get bodies unasked."""
        return self.count < self._count_min

    def _become_lazy(self, link: LinkId, now: Instant) -> None:
        self._eager.pop(link, None)
        self._links[link].pruned_at = now.monotonic

    def _prune(self, link: LinkId, now: Instant) -> None:
        self._become_lazy(link, now)
        self._frames.append((link, Prune()))

    def _graft_unasked(self, link: LinkId) -> None:
        """A link is to push to us from now on, as we do to it; nothing is asked for."""
        self._eager[link] = None
        self._frames.append((link, Graft(ids=b"")))

    def _trusted_lazy(self) -> list[LinkId]:
        """The links that may be grafted, now or later."""
        return [
            link
            for link in self._links
            if link not in self._eager and not self._scores.is_doubted(link)
        ]

    def _prune_worst(self, kept: LinkId, now: Instant) -> None:
        """Of the links that push to us, another than this one, let the least useful announce."""
        worst = max(
            (one for one in self._links if one != kept and self.is_eager(one)),
            key=lambda one: _worth(self._links[one]),
        )
        self._prune(worst, now)

    def _keep_floor(self, now: Instant) -> None:
        """Too few links push to us: graft others, by chance, but not who has just pruned us."""
        while self._is_below_floor:
            lazy = self._trusted_lazy()
            free = [link for link in lazy if _free_at(self._links[link]) <= now.monotonic]
            if not free:
                return
            self._graft_unasked(free[uniform_below(self._entropy, len(free))])


def _is_over(since: Monotonic | None, pause_ms: int, now: Instant) -> bool:
    """Say whether a pause that began with something has passed, or nothing was."""
    return since is None or now.monotonic - since >= pause_ms * 1000


def _free_at(state: _LinkState) -> Monotonic:
    """From when on a link may be grafted."""
    if state.pruned_at is None:
        return Monotonic(0)
    return Monotonic(state.pruned_at + PRUNE_PAUSE_MS * 1000)


def _worth(state: _LinkState) -> tuple[float, int]:
    """Return how little a link brings: the higher, the sooner it is pruned."""
    return state.duplicate_count / (state.first_count + 1), -state.first_count
