"""What this node lacks, who has it, and of whom it is asked: each id of one neighbour at a time.

Implements `docs/protocol/spreading.md`, section "Asking". A live machine that knows ids and links.

Theory of operation. A neighbour that announces an id is its *announcer*. Live mail is announced to
where it is not pushed: it mostly comes by itself, so an id that was announced live is asked for
only after a little while (a *graft*: that link has shown to be the faster one). What was learned
otherwise is asked for at once. The link that is asked owns the id; when it is silent for too long
the next announcer is asked, those first that kept their word and answer soon. Whatever has to be
dropped for want of room is found by reconciling when there is room again (`take_dropped`), so
nothing is lost by a bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush, nlargest
from typing import NamedTuple

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic
from mesh.limits import (
    ANNOUNCED_IDS_BURST,
    ANNOUNCED_IDS_PER_SECOND,
    ANNOUNCERS_PER_ID_MAX,
    ASKED_IN_VAIN_MS,
    IDS_PER_FRAME_MAX,
    LATE_MS,
    LATE_PAUSES_MAX_MS,
    MISSING_BODIES_ASKED_MAX,
    MISSING_IDS_MAX,
    OFFERED_IDS_PER_LINK_MAX,
    RECONCILE_AFTER_LOSS_MS,
    REFUSED_IDS_MAX,
    REFUSED_KEPT_MS,
    SPARED_PAUSE_MS,
    WANT_TIMEOUT_MS,
    WANTS_PER_LINK_BYTES_MAX,
    WANTS_PER_LINK_MAX,
)
from mesh.replication.allowance import Allowance
from mesh.replication.pace import Pace
from mesh.replication.scores import Scores
from mesh.replication.seen_sets import SeenSets
from mesh.wire.frames import Graft, IWant


class Ask(NamedTuple):
    """A link is asked. `is_late`: we are busy, so it need not be faster than those that push."""

    link: LinkId
    frame: Graft | IWant
    is_late: bool = False


@dataclass(slots=True)
class _Missing:
    """An id that somebody has and we lack. `due`: when something is to be done about it.

    It has an announcer, and each of them has it among what it offered, or was asked for.
    `put_off_ms`: how much longer we have waited for it, being late ourselves.
    """

    size_bytes: int
    is_live: bool
    due: Monotonic | None = None
    put_off_ms: int = 0
    announcers: list[LinkId] = field(default_factory=list)
    owner: LinkId | None = None
    asked_at: int = 0


@dataclass(slots=True)
class _LinkState:
    """What one neighbour has for us. Dicts stand for ordered sets.

    `asked_lately`: what it need not give any more, or did not give in time, and since when.
    `deadline`: by then it must bring a body that it was asked for, or all that it owes is asked of
    others. Asking for more does not move it: who withholds would be given time by every question.
    `spared_until`: by then only what it announces is asked for.
    """

    allowance: Allowance
    pace: Pace
    offered: dict[EnvelopeId, None] = field(default_factory=dict)
    asked: dict[EnvelopeId, int] = field(default_factory=dict)
    asked_bytes: int = 0
    asked_lately: dict[EnvelopeId, Monotonic] = field(default_factory=dict)
    deadline: Monotonic | None = None
    bodies_asked: dict[EnvelopeId, None] = field(default_factory=dict)
    bodies_to_ask: list[EnvelopeId] = field(default_factory=list)
    broken_count: int = 0
    spared_until: int = 0


class Wanting:
    """All that is missing, and what is asked of whom."""

    def __init__(self, sets: SeenSets, scores: Scores) -> None:
        self._sets = sets
        self._scores = scores
        self._links: dict[LinkId, _LinkState] = {}
        # Those that owe something that they were asked for: only they have a deadline.
        self._owing: dict[LinkId, _LinkState] = {}
        self._missing: dict[EnvelopeId, _Missing] = {}
        self._bodiless: dict[EnvelopeId, None] = {}
        self._refused: dict[EnvelopeId, Monotonic] = {}
        # What is here and not to be known yet, and who is known to have it too.
        self._held_back: dict[EnvelopeId, list[LinkId]] = {}
        # Ids about which something falls due; one that was settled meanwhile is passed over.
        self._due: list[tuple[Monotonic, int, EnvelopeId]] = []
        self._due_count = 0
        # Links that may be asked for more, since when. They are looked through once a batch and
        # not once a frame: a frame of six bytes must not cost a walk through all that is missing.
        self._askable: dict[LinkId, Instant] = {}
        # Links that have more for us than we could note, and how long to leave them alone.
        self._dropped: dict[LinkId, int] = {}
        self._asks: list[Ask] = []

    # --- Links --------------------------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant, *, round_trip_ms: int) -> None:
        """A link is ready: it is asked once for each body that is missed, the newest first."""
        allowance = Allowance(
            per_second=ANNOUNCED_IDS_PER_SECOND, burst=ANNOUNCED_IDS_BURST, now=now
        )
        state = self._links[link] = _LinkState(allowance, Pace(round_trip_ms))
        if self._bodiless:
            newest = nlargest(
                MISSING_BODIES_ASKED_MAX,
                self._bodiless,
                key=lambda one: self._sets.element(one).created,
            )
            state.bodies_to_ask = newest[::-1]
            self._askable[link] = now

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone: what it owed is asked of others."""
        state = self._links.pop(link, None)
        if state is None:
            return
        self._owing.pop(link, None)
        self._askable.pop(link, None)
        self._dropped.pop(link, None)
        for id_, missing in list(self._missing.items()):
            if link not in missing.announcers:
                continue
            missing.announcers.remove(link)
            _let_others_answer(missing, link)
            if not missing.announcers:
                del self._missing[id_]
        self._ask_all(now)

    def round_trip_ms(self, link: LinkId) -> int:
        """How soon a link answers, as far as that was seen."""
        return self._links[link].pace.round_trip_ms

    def broken_count(self, link: LinkId) -> int:
        """How many ids a link announced and did not give in time."""
        return self._links[link].broken_count

    # --- What neighbours have -----------------------------------------------------------------

    def load(self, bodiless: Iterable[EnvelopeId]) -> None:
        """Take the envelopes whose bodies are missed, at start."""
        self._bodiless = dict.fromkeys(bodiless)

    def is_body_welcome(self, id_: EnvelopeId) -> bool:
        """Whether a known id lacks the body that this node would keep."""
        return id_ in self._bodiless

    def announcers(self, id_: EnvelopeId) -> list[LinkId]:
        """Who is known to have an id that is missing or held back here."""
        missing = self._missing.get(id_)
        return missing.announcers if missing is not None else self._held_back.get(id_, [])

    def was_asked(self, link: LinkId, id_: EnvelopeId) -> bool:
        """Whether a link was asked for this, also if it has come from elsewhere meanwhile."""
        state = self._links[link]
        return id_ in state.asked or id_ in state.asked_lately

    def is_full(self, link: LinkId) -> bool:
        """Whether a link has more for us than we could note."""
        return link in self._dropped

    def is_live(self, id_: EnvelopeId, now: Instant) -> bool:
        """Whether an id is not known to be backlog.

        What was asked for in vain a while ago is: whoever is near has heard of it meanwhile, or
        gets it at the same moment, when what lay between is gone.
        """
        missing = self._missing.get(id_)
        if missing is not None and not missing.is_live:
            return False
        late = now.monotonic - ASKED_IN_VAIN_MS * 1000
        return all(state.asked_lately.get(id_, late) >= late for state in self._links.values())

    def offered(
        self,
        link: LinkId,
        entries: Iterable[tuple[EnvelopeId, int]],
        now: Instant,
        *,
        is_live: bool = False,
        is_announced: bool = False,
    ) -> None:
        """A neighbour has these (id, bytes): note what we lack.

        `is_announced`: it has just got them; a link that had only a stub may have the body now.
        """
        state = self._links[link]
        for id_, size_bytes in entries:
            if is_announced and not state.allowance.take(1, now):
                self._drop(link)
                break
            if not is_announced and state.spared_until > now.monotonic:
                continue
            if id_ in self._held_back:
                self._note_holder(id_, link)
                continue
            if id_ in self._refused or id_ in state.asked:
                continue
            if id_ in self._sets and not self._may_ask_body(state, id_, is_announced=is_announced):
                continue
            self._note_offer(link, state, id_, size_bytes, now, is_live=is_live)
        self._askable[link] = now

    def no_have(self, link: LinkId, ids: Iterable[EnvelopeId], now: Instant) -> None:
        """A link does not have, or does not give, what it announced."""
        state = self._links[link]
        for id_ in ids:
            if id_ in self._bodiless and len(state.bodies_asked) < MISSING_BODIES_ASKED_MAX:
                state.bodies_asked[id_] = None
            self._drop_announcer(link, state, id_, now)
        self._ask_all(now)

    def spared(self, link: LinkId, now: Instant) -> None:
        """A link does not give backlog now: what it turns out to have is left to others."""
        self._links[link].spared_until = _after(now, SPARED_PAUSE_MS)

    def body_came(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link brought a whole envelope, known or new.

        Only what was asked for buys patience for the rest: a link that withholds one body must not
        hold on to it by pushing others.
        """
        state = self._links[link]
        if id_ in state.asked:
            state.pace.brought(state.asked[id_], now)
            state.broken_count = max(state.broken_count - 1, 0)
            state.deadline = _after(now, WANT_TIMEOUT_MS)
            self._hand_over(link, state, now)

    # --- What became of it --------------------------------------------------------------------

    def settled(self, id_: EnvelopeId, now: Instant) -> None:
        """An id is no longer missed."""
        missing = self._missing.pop(id_, None)
        if missing is None:
            return
        for link in missing.announcers:
            state = self._links[link]
            state.offered.pop(id_, None)
            self._forget_asked(link, state, id_, now)
            self._askable[link] = now

    def refused(self, id_: EnvelopeId, now: Instant) -> None:
        """It may not enter here: do not ask for it again soon."""
        self._refused.pop(id_, None)
        self._refused[id_] = now.monotonic
        if len(self._refused) > REFUSED_IDS_MAX:
            del self._refused[next(iter(self._refused))]
        self.settled(id_, now)

    def forgive(self) -> None:
        """What was refused may be admitted now."""
        self._refused.clear()

    def without_body(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link has no more of an envelope than its stub, which is known here now.

        Other links that stand are asked too: since it is known here, no comparison names it again.
        """
        self._bodiless[id_] = None
        self.no_have(link, [id_], now)
        for other, state in self._links.items():
            if other != link and len(state.bodies_to_ask) < MISSING_BODIES_ASKED_MAX:
                state.bodies_to_ask.append(id_)

    def body_filled(self, id_: EnvelopeId, now: Instant) -> None:
        """The body of a stub that was here came."""
        del self._bodiless[id_]
        self.settled(id_, now)

    def body_unwelcome(self, id_: EnvelopeId, now: Instant) -> None:
        """Its body is of no use any more."""
        if self._bodiless.pop(id_, False) is None:
            self.settled(id_, now)

    def hold_back(self, element: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        """A link told of it, and it is not to be known yet: it is not asked for meanwhile."""
        self._held_back[element] = list(self.announcers(element))
        self.settled(element, now)
        if link is not None:
            self._note_holder(element, link)

    def forget(self, id_: EnvelopeId) -> None:
        """It lapsed or was pushed out of its key's quota."""
        self._bodiless.pop(id_, None)
        self._held_back.pop(id_, None)

    # --- Asking -------------------------------------------------------------------------------

    def take_asks(self) -> list[Ask]:
        """What is asked now."""
        if self._askable:
            askable, self._askable = self._askable, {}
            for link in sorted(askable, key=self._patience_for):
                self._ask(link, self._links[link], askable[link])
        asks, self._asks = self._asks, []
        return asks

    def lost(self, link: LinkId, *, pause_ms: int = 0) -> None:
        """Something that a link has could not be noted or taken."""
        self._drop(link, pause_ms)

    def take_dropped(self) -> list[tuple[LinkId, int]]:
        """Links of whose ids some had to be dropped, where there is room again; and a pause."""
        if not self._dropped or len(self._missing) > MISSING_IDS_MAX * 3 // 4:
            return []
        taken = [
            (link, pause_ms)
            for link, pause_ms in self._dropped.items()
            if _load(self._links[link]) <= OFFERED_IDS_PER_LINK_MAX // 4
        ]
        for link, _ in taken:
            del self._dropped[link]
        return taken

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called."""
        while self._due and not self._is_awaited(self._due[0][2], self._due[0][0]):
            heappop(self._due)
        found = self._due[0][0] if self._due else None
        for state in self._owing.values():
            at = state.deadline
            if at is not None and (found is None or at < found):
                found = at
        return found

    def deadline_passed(self, now: Instant) -> None:
        """Ask for what did not come by itself, and ask others for what did not come at all."""
        while self._due and self._due[0][0] <= now.monotonic:
            _, _, id_ = heappop(self._due)
            missing = self._missing.get(id_)
            if missing is None or missing.due is None or missing.due > now.monotonic:
                continue
            pause_ms = _pause_for_being_late_ms(missing, now)
            if pause_ms:
                missing.put_off_ms += pause_ms
                self._wake(id_, missing, _after(now, pause_ms))
            else:
                self._is_due(id_, missing, now)
        for link, state in self._links.items():
            if state.deadline is not None and now.monotonic >= state.deadline:
                for id_ in list(state.asked):
                    state.broken_count += 1
                    self._scores.broke(link, now)
                    self._drop_announcer(link, state, id_, now)
                self._drop(link, RECONCILE_AFTER_LOSS_MS)
        self._forget_old_refusals(now)
        self._ask_all(now)

    def _hand_over(self, link: LinkId, state: _LinkState, now: Instant) -> None:
        """What a link owes for long goes to others that owe nothing, though it brings the rest.

        It may be slow; or it withholds some and buys patience with what it gives.
        """
        for id_ in list(state.asked):
            missing = self._missing[id_]
            if now.monotonic - missing.asked_at < WANT_TIMEOUT_MS * 1000:
                return
            idle = [other for other in missing.announcers if not self._links[other].asked]
            if idle:
                state.broken_count += 1
                self._drop_announcer(link, state, id_, now)
                self._askable.update(dict.fromkeys(idle, now))

    def _is_due(self, id_: EnvelopeId, missing: _Missing, now: Instant) -> None:
        """A live id did not come by itself, or not from whom it was asked."""
        missing.due = None
        if missing.owner is not None:
            state = self._links[missing.owner]
            state.broken_count += 1
            self._scores.broke(missing.owner, now)
            state.pace.was_late()
            self._drop_announcer(missing.owner, state, id_, now)
        for link in missing.announcers:
            self._askable[link] = now

    def _note_offer(
        self,
        link: LinkId,
        state: _LinkState,
        id_: EnvelopeId,
        size_bytes: int,
        now: Instant,
        *,
        is_live: bool,
    ) -> None:
        missing = self._missing.get(id_)
        is_noted = missing is not None and link in missing.announcers
        if not is_noted and _load(state) >= OFFERED_IDS_PER_LINK_MAX:
            self._drop(link)
            return
        if missing is None:
            if len(self._missing) >= MISSING_IDS_MAX:
                self._drop(link)
                return
            missing = self._missing[id_] = _Missing(size_bytes, is_live)
        is_added = not is_noted and len(missing.announcers) < ANNOUNCERS_PER_ID_MAX
        if is_added:
            missing.announcers.append(link)
            state.offered[id_] = None
        if missing.owner is not None or not missing.is_live or (is_live and not is_added):
            return
        if is_live:
            due = _after(now, state.pace.graft_pause_ms(missing.size_bytes))
            if len(missing.announcers) == 1 or (missing.due is not None and due < missing.due):
                self._wake(id_, missing, due)
        else:
            # Backlog for one neighbour is backlog: nobody will push it.
            missing.is_live, missing.due = False, None
            self._askable.update(dict.fromkeys(missing.announcers, now))

    def _note_holder(self, element: EnvelopeId, link: LinkId) -> None:
        holders = self._held_back[element]
        if link not in holders and len(holders) < ANNOUNCERS_PER_ID_MAX:
            holders.append(link)

    def _wake(self, id_: EnvelopeId, missing: _Missing, due: Monotonic) -> None:
        missing.due = due
        heappush(self._due, (due, self._due_count, id_))
        self._due_count += 1
        if len(self._due) > 2 * MISSING_IDS_MAX:
            # Ids that a link announces and takes back again, without end.
            self._due = [one for one in self._due if self._is_awaited(one[2], one[0])]
            heapify(self._due)

    def _is_awaited(self, id_: EnvelopeId, due: Monotonic) -> bool:
        missing = self._missing.get(id_)
        return missing is not None and missing.due == due

    def _ask(self, link: LinkId, state: _LinkState, since: Instant) -> None:
        """Ask a link for what nobody else was asked for."""
        while state.bodies_to_ask and _load(state) < IDS_PER_FRAME_MAX:
            lacked = state.bodies_to_ask.pop()
            if self._may_ask_body(state, lacked, is_announced=False):
                size_bytes = self._sets.element(lacked).size_bytes
                self._note_offer(link, state, lacked, size_bytes, since, is_live=False)
        grafted: list[EnvelopeId] = []
        wanted: list[EnvelopeId] = []
        is_late = True
        for id_ in list(state.offered):
            missing = self._missing[id_]
            if missing.owner is not None or missing.due is not None:
                continue
            if (
                len(state.asked) >= WANTS_PER_LINK_MAX
                or state.asked_bytes + missing.size_bytes > WANTS_PER_LINK_BYTES_MAX
            ):
                break
            missing.owner, missing.asked_at = link, since.monotonic
            if not state.asked:
                state.pace.asked(since)
                state.deadline = _after(since, WANT_TIMEOUT_MS)
            del state.offered[id_]
            state.asked[id_] = missing.size_bytes
            state.asked_bytes += missing.size_bytes
            if missing.is_live:
                grafted.append(id_)
                is_late &= missing.put_off_ms > 0
                missing.put_off_ms = 0
                patience_ms = state.pace.ask_timeout_ms(missing.size_bytes)
                self._wake(id_, missing, _after(since, patience_ms))
            else:
                wanted.append(id_)
        if not (grafted or wanted):
            return
        self._owing[link] = state
        if grafted:
            self._asks.append(Ask(link, Graft(ids=b"".join(grafted)), is_late=is_late))
        if wanted:
            self._asks.append(Ask(link, IWant(ids=b"".join(wanted))))

    def _may_ask_body(self, state: _LinkState, id_: EnvelopeId, *, is_announced: bool) -> bool:
        """A link is asked once for the body of a stub, and again when it announces it."""
        if id_ not in self._bodiless:
            return False
        if id_ in state.bodies_asked:
            return is_announced
        if len(state.bodies_asked) >= MISSING_BODIES_ASKED_MAX:
            return False
        state.bodies_asked[id_] = None
        return True

    def _drop_announcer(
        self, link: LinkId, state: _LinkState, id_: EnvelopeId, now: Instant
    ) -> None:
        missing = self._missing.get(id_)
        if missing is None or link not in missing.announcers:
            return
        missing.announcers.remove(link)
        state.offered.pop(id_, None)
        self._forget_asked(link, state, id_, now)
        _let_others_answer(missing, link)
        if not missing.announcers:
            del self._missing[id_]

    def _forget_asked(self, link: LinkId, state: _LinkState, id_: EnvelopeId, now: Instant) -> None:
        size_bytes = state.asked.pop(id_, None)
        if size_bytes is None:
            return
        state.asked_bytes -= size_bytes
        state.asked_lately.setdefault(id_, now.monotonic)
        if len(state.asked_lately) > WANTS_PER_LINK_MAX:
            del state.asked_lately[next(iter(state.asked_lately))]
        if not state.asked:
            state.deadline = None
            self._owing.pop(link, None)
            return
        # The oldest that it owes now may have been asked for later, and has its time.
        oldest = self._missing[next(iter(state.asked))]
        ends = Monotonic(oldest.asked_at + WANT_TIMEOUT_MS * 1000)
        state.deadline = max(state.deadline or ends, ends)

    def _drop(self, link: LinkId, pause_ms: int = 0) -> None:
        self._dropped[link] = max(self._dropped.get(link, 0), pause_ms)

    def _patience_for(self, link: LinkId) -> tuple[int, int]:
        """Who is asked first: those that keep their word, and of them those that answer soon."""
        state = self._links[link]
        return state.broken_count, state.pace.round_trip_ms

    def _ask_all(self, now: Instant) -> None:
        self._askable.update(dict.fromkeys(self._links, now))

    def _forget_old_refusals(self, now: Instant) -> None:
        """What was too far ahead of us is not for ever."""
        while self._refused:
            oldest, since = next(iter(self._refused.items()))
            if now.monotonic - since < REFUSED_KEPT_MS * 1000:
                break
            del self._refused[oldest]


def _load(state: _LinkState) -> int:
    """How many missing ids a link has announced."""
    return len(state.offered) + len(state.asked)


def _let_others_answer(missing: _Missing, link: LinkId) -> None:
    if missing.owner == link:
        missing.owner, missing.due = None, None


def _pause_for_being_late_ms(missing: _Missing, now: Instant) -> int:
    """How much longer to wait, because we are busy; 0 if we are not, or have waited enough.

    What others sent may still stand in their queues, or in ours.
    """
    assert missing.due is not None
    late_ms = (now.monotonic - missing.due) // 1000
    return min(late_ms, LATE_PAUSES_MAX_MS - missing.put_off_ms) if late_ms >= LATE_MS else 0


def _after(now: Instant, pause_ms: int) -> Monotonic:
    return Monotonic(now.monotonic + pause_ms * 1000)
