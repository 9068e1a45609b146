"""Which bodies and announcements go over which link, and which links get bodies unasked.

Implements `docs/protocol/spreading.md`, section "Eager and lazy links", after Plumtree (Leitao,
Pereira, Rodrigues: "Epidemic Broadcast Trees", SRDS 2007) with a floor. A live machine that knows
ids and links.

Theory of operation. A link is *eager* or *lazy*. New mail is pushed whole over eager links and
announced at once over lazy ones. A link that brings what is known already is pruned to lazy, but
never below a floor of eager links, so that a silent or lying neighbour can stop nothing; who has to
ask for what was announced grafts that link to eager. What is not new (learned by reconciling, or
older than a minute) is announced and never pushed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits import (
    DO_NOT_WANT_AT_ONCE_BYTES_MIN,
    DO_NOT_WANT_BYTES_MIN,
    DO_NOT_WANT_IDS_MAX,
    DO_NOT_WANT_KEPT_MS,
    EAGER_LINKS_MAX,
    EAGER_LINKS_MIN,
    IDS_PER_FRAME_MAX,
    PRUNE_AGAIN_MS,
    PRUNE_AGE_MS,
    PRUNE_PAUSE_MS,
    RECENT_IDS_MAX,
    SENDING_IDS_PER_LINK_MAX,
    SERVED_IDS_REMEMBERED,
    SERVED_PER_MINUTE_MAX,
)
from mesh.replication.racing import Racing
from mesh.replication.scores import Scores
from mesh.replication.seen_sets import Element, SeenSets
from mesh.replication.turns import Flow, Sparing, Turns
from mesh.wire.frames import (
    FLAG_BACKLOG,
    DoNotWant,
    Frame,
    Graft,
    IHave,
    NoHave,
    Prune,
    join_entries,
)
from mesh.wire.retirement import RETIREMENT_SIZE_CLASS

NOHAVE_UNKNOWN: Final = 1
NOHAVE_BUSY: Final = 2
NOHAVE_SPARING: Final = 3

FlowOf = Callable[[EnvelopeId], Flow]
"""What a body is fair to, when it leaves."""

_MINUTE_US: Final = 60_000_000


@dataclass(slots=True)
class _LinkState:
    """What waits for room on one link. Dicts stand for ordered sets.

    `sending`: bodies. `served`: how often each was asked for, of late.
    """

    link: LinkId
    sending: Turns = field(default_factory=Turns)
    sparing: Sparing = Sparing.NOTHING
    has_spared: bool = False
    announcing_live: dict[EnvelopeId, None] = field(default_factory=dict)
    announcing: dict[EnvelopeId, None] = field(default_factory=dict)
    unwanted: dict[EnvelopeId, Monotonic] = field(default_factory=dict)
    served: dict[EnvelopeId, int] = field(default_factory=dict)
    served_since: Monotonic | None = None
    pruned_at: Monotonic | None = None
    first_count: int = 0
    duplicate_count: int = 0
    has_dropped: bool = False


class Pushing:
    """The sending half of spreading."""

    def __init__(
        self,
        sets: SeenSets,
        scores: Scores,
        entropy: Entropy,
        flow_of: FlowOf,
        *,
        eager_links_min: int = EAGER_LINKS_MIN,
        eager_links_max: int = EAGER_LINKS_MAX,
    ) -> None:
        self._sets = sets
        self._scores = scores
        self._entropy = entropy
        self._flow_of = flow_of
        self._eager_links_min = eager_links_min
        self._eager_links_max = eager_links_max
        self._links: dict[LinkId, _LinkState] = {}
        self._eager: dict[LinkId, None] = {}
        # All links on which something waits are among them: those are asked after every batch.
        self._filled: dict[LinkId, None] = {}
        self._recent: dict[EnvelopeId, Monotonic] = {}
        self._racing = Racing()
        self._frames: list[tuple[LinkId, Frame]] = []

    # --- Links --------------------------------------------------------------------------------

    def link_up(self, link: LinkId) -> None:
        """A link is ready; it begins eager."""
        self._links[link] = _LinkState(link)
        self._eager[link] = None

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone; another may have to take its place."""
        self._links.pop(link, None)
        self._eager.pop(link, None)
        self._filled.pop(link, None)
        self._racing.link_down(link)
        self._keep_floor(now)

    def spare(self, link: LinkId, sparing: Sparing) -> None:
        """A link is not to be burdened with others' mail, or is again: then it is told of it."""
        state = self._links[link]
        is_relieved = sparing < state.sparing
        state.sparing = sparing
        spared = state.sending.spare(sparing)
        refused = [(id_, NOHAVE_SPARING) for id_, is_asked in spared.items() if is_asked]
        if spared:
            _note_spared(state)
        for start in range(0, len(refused), IDS_PER_FRAME_MAX):
            entries = join_entries(refused[start : start + IDS_PER_FRAME_MAX])
            self._frames.append((link, NoHave(entries=entries)))
        if is_relieved and state.has_spared:
            state.has_spared = False
            state.has_dropped = True

    @property
    def eager_count(self) -> int:
        """Links that get bodies unasked, and keep their word."""
        if not self._scores.has_doubted:
            return len(self._eager)
        return len([link for link in self._eager if not self._scores.is_doubted(link)])

    @property
    def _is_below_floor(self) -> bool:
        """Whether too few links get bodies unasked."""
        return self.eager_count < self._eager_links_min

    def is_eager(self, link: LinkId) -> bool:
        """Whether a link gets bodies unasked."""
        return link in self._eager

    # --- What to spread -----------------------------------------------------------------------

    def spread(
        self,
        id_: EnvelopeId,
        *,
        is_live: bool,
        came_by: LinkId | None,
        holders: Iterable[LinkId],
        now: Instant,
    ) -> None:
        """An element is new here: push it, or announce it."""
        element = self._sets.element(id_)
        self._note_recent(id_, now)
        self._racing.forget(id_)
        skipped = dict.fromkeys(holders)
        size_bytes = element.size_bytes
        for link, state in self._links.items():
            if link == came_by or link in skipped:
                continue
            # What waits here, or there for us, is overtaken by word of it; what leaves at once is
            # its own word, unless it is long.
            says_soon = size_bytes >= DO_NOT_WANT_AT_ONCE_BYTES_MIN or bool(state.sending)
            if id_ in state.unwanted:
                says_soon = True
            elif not is_live:
                self._queue(state, state.announcing, id_)
            elif link in self._eager:
                self._queue_body(state, id_)
            else:
                self._queue(state, state.announcing_live, id_, is_live=True)
            is_pusher = is_live and came_by is not None and link in self._eager
            if is_pusher and size_bytes >= DO_NOT_WANT_BYTES_MIN and says_soon:
                self._frames.append((link, DoNotWant(ids=id_)))

    def brought(self, link: LinkId, id_: EnvelopeId) -> None:
        """A link has this: it need not be told of it, or get it."""
        state = self._links[link]
        state.sending.discard(id_)
        state.announcing.pop(id_, None)
        state.announcing_live.pop(id_, None)

    def has_it(self, link: LinkId, id_: EnvelopeId) -> None:
        """A link announced this; what it asked for it gets all the same, it may lack the body."""
        state = self._links[link]
        if not state.sending.is_asked(id_):
            state.sending.discard(id_)
        state.announcing.pop(id_, None)
        state.announcing_live.pop(id_, None)

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
            is_needless = self.eager_count > self._eager_links_min
        else:
            # A graft and a prune that crossed, and it thinks that it is eager.
            is_needless = _is_over(state.pruned_at, PRUNE_AGAIN_MS, now)
        if is_needless:
            self._prune(link, now)

    def body_gone(self, id_: EnvelopeId) -> None:
        """A body was dropped: who was to get it unasked is told of the id instead."""
        for state in self._links.values():
            if id_ in state.sending and not state.sending.is_asked(id_):
                state.sending.discard(id_)
                self._queue(state, state.announcing, id_)

    def announce(self, link: LinkId, ids: Iterable[EnvelopeId]) -> None:
        """A link was found to lack these."""
        state = self._links[link]
        for id_ in ids:
            self._queue(state, state.announcing, id_)
            if state.has_dropped:
                break

    # --- What neighbours say ------------------------------------------------------------------

    def pruned(self, link: LinkId, now: Instant) -> None:
        """A link has what we push already: announce to it."""
        state = self._links[link]
        self._become_lazy(link, now)
        for id_ in state.sending.take_pushed():
            self._queue(state, state.announcing_live, id_, is_live=True)
        self._keep_floor(now)

    def grafted(self, link: LinkId, ids: Iterable[EnvelopeId], now: Instant) -> None:
        """A link wants to get bodies unasked, and these now."""
        self._eager[link] = None
        self.wanted(link, ids, now, is_live=True)
        if self.eager_count > self._eager_links_max:
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

    def wanted(
        self, link: LinkId, ids: Iterable[EnvelopeId], now: Instant, *, is_live: bool = False
    ) -> None:
        """A link asks for these; who asks for one too often in a minute has to wait."""
        state = self._links[link]
        is_old = state.served_since is None or now.monotonic - state.served_since >= _MINUTE_US
        if is_old or len(state.served) > SERVED_IDS_REMEMBERED:
            state.served.clear()
            state.served_since = now.monotonic
        refused: list[tuple[EnvelopeId, int]] = []
        for id_ in ids:
            if id_ not in self._sets:
                refused.append((id_, NOHAVE_UNKNOWN))
            elif (
                len(state.sending) >= SENDING_IDS_PER_LINK_MAX
                or state.served.get(id_, 0) >= SERVED_PER_MINUTE_MAX
            ):
                refused.append((id_, NOHAVE_BUSY))
            elif self._add_body(state, id_, is_live=is_live, is_asked=True):
                state.served[id_] = state.served.get(id_, 0) + 1
            else:
                _note_spared(state)
                refused.append((id_, NOHAVE_SPARING))
        if refused:
            self._frames.append((link, NoHave(entries=join_entries(refused))))

    def unwanted(self, link: LinkId, ids: Iterable[EnvelopeId], now: Instant) -> None:
        """A link has these large ones: they are not pushed to it any more."""
        unwanted = self._links[link].unwanted
        sending = self._links[link].sending
        for id_ in ids:
            unwanted[id_] = now.monotonic
            if not sending.is_asked(id_):
                sending.discard(id_)
        oldest = now.monotonic - DO_NOT_WANT_KEPT_MS * 1000
        while unwanted:
            first, since = next(iter(unwanted.items()))
            if len(unwanted) <= DO_NOT_WANT_IDS_MAX and since >= oldest:
                break
            del unwanted[first]

    # --- Races --------------------------------------------------------------------------------

    def announced_live(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link told of new mail: a lazy one may be faster than those that push."""
        if link not in self._eager:
            self._racing.announced(link, id_, now, is_here=id_ in self._sets)

    def pushed_live(
        self, id_: EnvelopeId, round_trip_ms: Callable[[LinkId], int], now: Instant
    ) -> None:
        """New mail came unasked."""
        self._racing.pushed(id_, round_trip_ms, now)

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called: a link may be grafted then."""
        faster_at = self._racing.deadline()
        if not self._is_below_floor:
            return faster_at
        free_at = [_free_at(self._links[link]) for link in self._trusted_lazy()]
        if faster_at is not None:
            free_at.append(faster_at)
        return min(free_at, default=None)

    def deadline_passed(self, now: Instant) -> None:
        """Come back to the floor where a prune has gone below it; take a faster link."""
        faster = self._racing.take_faster(now)
        if faster is not None and faster not in self._eager:
            self._graft_unasked(faster)
            if self.eager_count > self._eager_links_min:
                self._prune_worst(faster, now)
        self._keep_floor(now)

    # --- What leaves --------------------------------------------------------------------------

    def take_frames(self) -> list[tuple[LinkId, Frame]]:
        """Short frames, in order."""
        frames, self._frames = self._frames, []
        return frames

    def has_more(self, link: LinkId) -> bool:
        """Whether bodies or announcements wait for room on a link."""
        state = self._links.get(link)
        return state is not None and bool(
            state.announcing_live or state.announcing or state.sending
        )

    def links_with_more(self) -> list[LinkId]:
        """The links on which something waits, in the order in which they opened."""
        if not self._filled:
            return []
        found = [link for link in self._links if link in self._filled and self.has_more(link)]
        self._filled = dict.fromkeys(found)
        return found

    def take_announcement(self, link: LinkId) -> IHave | None:
        """The next ids of which a link is told, new mail first."""
        state = self._links[link]
        if state.announcing_live:
            return self._announcement(state.announcing_live, 0)
        return self._announcement(state.announcing, FLAG_BACKLOG)

    def take_bodies(self, link: LinkId, count_max: int) -> list[EnvelopeId]:
        """The next ids whose bodies go to a link, each flow in its turn."""
        return self._links[link].sending.take(count_max)

    def body_missing(self, link: LinkId, id_: EnvelopeId) -> None:
        """A body to be sent is no longer here."""
        self._frames.append((link, NoHave(entries=join_entries([(id_, NOHAVE_UNKNOWN)]))))

    def take_dropped(self) -> list[LinkId]:
        """Links that were not told of everything, for want of room, and have room again."""
        dropped = []
        for link, state in self._links.items():
            if state.has_dropped and not self.has_more(link):
                state.has_dropped = False
                dropped.append(link)
        return dropped

    def _announcement(self, announcing: dict[EnvelopeId, None], flags: int) -> IHave | None:
        taken = list(announcing)[:IDS_PER_FRAME_MAX]
        for id_ in taken:
            del announcing[id_]
        # What went meanwhile is passed over.
        entries = [(id_, self._sets.element(id_).size_class) for id_ in taken if id_ in self._sets]
        return IHave(entries=join_entries(entries), flags=flags) if entries else None

    def _queue_body(self, state: _LinkState, id_: EnvelopeId) -> None:
        if len(state.sending) >= SENDING_IDS_PER_LINK_MAX:
            state.has_dropped = True
        elif not self._add_body(state, id_, is_live=True, is_asked=False):
            _note_spared(state)

    def _add_body(
        self, state: _LinkState, id_: EnvelopeId, *, is_live: bool, is_asked: bool
    ) -> bool:
        """Queue a body, unless the link is spared it."""
        flow, element = self._flow_of(id_), self._sets.element(id_)
        if state.sparing.spares(flow.group, is_live=is_live) and not _is_small(element):
            return False
        state.sending.add(id_, flow, element.size_bytes, is_live=is_live, is_asked=is_asked)
        self._filled[state.link] = None
        return True

    def _queue(
        self,
        state: _LinkState,
        announcing: dict[EnvelopeId, None],
        id_: EnvelopeId,
        *,
        is_live: bool = False,
    ) -> None:
        """Announce what would be given if it was asked for."""
        if len(announcing) >= SENDING_IDS_PER_LINK_MAX:
            state.has_dropped = True
            return
        if state.sparing is not Sparing.NOTHING and id_ in self._sets:
            is_spared = state.sparing.spares(self._flow_of(id_).group, is_live=is_live)
            if is_spared and not _is_small(self._sets.element(id_)):
                _note_spared(state)
                return
        announcing[id_] = None
        self._filled[state.link] = None

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

    def _note_recent(self, id_: EnvelopeId, now: Instant) -> None:
        self._recent[id_] = now.monotonic
        oldest = now.monotonic - PRUNE_AGE_MS * 1000
        while self._recent:
            first, since = next(iter(self._recent.items()))
            if len(self._recent) <= RECENT_IDS_MAX and since >= oldest:
                break
            del self._recent[first]


def _is_over(since: Monotonic | None, pause_ms: int, now: Instant) -> bool:
    """Whether a pause that began with something has passed, or nothing was."""
    return since is None or now.monotonic - since >= pause_ms * 1000


def _free_at(state: _LinkState) -> Monotonic:
    """From when on a link may be grafted."""
    if state.pruned_at is None:
        return Monotonic(0)
    return Monotonic(state.pruned_at + PRUNE_PAUSE_MS * 1000)


def _worth(state: _LinkState) -> tuple[float, int]:
    """How little a link brings: the higher, the sooner it is pruned."""
    return state.duplicate_count / (state.first_count + 1), -state.first_count


def _note_spared(state: _LinkState) -> None:
    """What does leave is found by comparing: the other side stops asking when it is refused."""
    if not state.has_spared:
        state.has_spared = state.has_dropped = True


def _is_small(element: Element) -> bool:
    """A retirement is spared nobody: it is smaller than the words that refuse it."""
    return element.size_class == RETIREMENT_SIZE_CLASS
