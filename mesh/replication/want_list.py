"""The missing envelopes, who has each, and of whom it is asked: of one peer at a time.

Implements `docs/protocol/spreading.md`, section "Asking". A live machine that knows ids and links.

Theory of operation. A peer that announces an id is its *announcer*. Live mail is announced to
where it is not pushed: it mostly comes by itself, so an id that was announced live is asked for
only after a little while (a *graft*: that link has shown to be the faster one). What was learned
otherwise is asked for at once. The link that is asked owns the id; when it is silent for too long
the next announcer is asked, those first that kept their word and answer soon. Whatever has to be
dropped for want of room is found by reconciling when there is room again (`take_dropped`), so
nothing is lost by a bound.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, earliest
from mesh.limits.anti_entropy import RECONCILE_AFTER_LOSS_MS
from mesh.limits.replication import (
    ANNOUNCED_IDS_BURST,
    ANNOUNCED_IDS_PER_SECOND,
    ANNOUNCERS_PER_ID_MAX,
    IDS_PER_FRAME_MAX,
    LATE_MS,
    LATE_PAUSES_MAX_MS,
    MISSING_IDS_MAX,
    OFFERED_IDS_PER_LINK_MAX,
    SPARED_PAUSE_MS,
)
from mesh.replication.declined import Declined
from mesh.replication.due_ids import DueIds
from mesh.replication.missing_bodies import MissingBodies
from mesh.replication.requests import Requests
from mesh.replication.scores import Scores
from mesh.replication.seen_sets import SeenSets
from mesh.token_bucket import TokenBucket
from mesh.wire.frames import Graft, IWant


class Ask(NamedTuple):
    """A link is asked. `is_late`: we are busy, so it need not be faster than those that push."""

    link: LinkId
    frame: Graft | IWant
    is_late: bool = False


@dataclass(slots=True)
class _Missing:
    """An id that somebody has and we lack.

    It has an announcer, and each of them has it among what it offered, or was asked for.
    `put_off_ms`: how much longer we have waited for it, being late ourselves.
    """

    size_bytes: int
    is_live: bool
    put_off_ms: int = 0
    announcers: list[LinkId] = field(default_factory=list)
    owner: LinkId | None = None


@dataclass(slots=True)
class _LinkState:
    """The ids that one peer has for us. Dicts stand for ordered sets.

    `spared_until`: by then only what it announces is asked for.
    """

    allowance: TokenBucket
    requests: Requests
    offered: dict[EnvelopeId, None] = field(default_factory=dict)
    spared_until: int = 0

    @property
    def load(self) -> int:
        """Return how many missing ids the link has announced."""
        return len(self.offered) + len(self.requests)


class WantList:
    """All that is missing, and what is asked of whom."""

    def __init__(
        self, sets: SeenSets, scores: Scores, declined: Declined, bodies: MissingBodies
    ) -> None:
        self._sets = sets
        self._scores = scores
        self._declined = declined
        self._bodies = bodies
        self._links: dict[LinkId, _LinkState] = {}
        # Those that owe something that they were asked for: only they have a deadline.
        self._owing: dict[LinkId, Requests] = {}
        self._missing: dict[EnvelopeId, _Missing] = {}
        # When something is to be done about a missing id: it did not come by itself, or not from
        # whom it was asked.
        self._due = DueIds(count_max=MISSING_IDS_MAX)
        # Links that may be asked for more, since when. They are looked through once a batch and
        # not once a frame: a frame of six bytes must not cost a walk through all that is missing.
        self._askable: dict[LinkId, Instant] = {}
        # Links that have more for us than we could note, and how long to leave them alone.
        self._dropped: dict[LinkId, int] = {}
        self._asks: list[Ask] = []

    # --- Links --------------------------------------------------------------------------------

    def link_up(self, link: LinkId, now: Instant, *, round_trip_ms: int) -> None:
        """A link is ready: it is asked for bodies that are missed."""
        allowance = TokenBucket(
            per_second=ANNOUNCED_IDS_PER_SECOND, burst=ANNOUNCED_IDS_BURST, now=now
        )
        self._links[link] = _LinkState(allowance, Requests(round_trip_ms))
        if self._bodies.has_to_ask(link):
            self._askable[link] = now

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone: what it owed is asked of others."""
        if self._links.pop(link, None) is None:
            return
        self._owing.pop(link, None)
        self._askable.pop(link, None)
        self._dropped.pop(link, None)
        for id_, missing in list(self._missing.items()):
            if link in missing.announcers:
                self._leave(id_, missing, link)
        self._askable.update(dict.fromkeys(self._links, now))

    def round_trip_ms(self, link: LinkId) -> int:
        """Return how soon a link answers, as far as that was seen."""
        return self._links[link].requests.throughput.round_trip_ms

    # --- What peers have -----------------------------------------------------------------

    def announcers(self, id_: EnvelopeId) -> list[LinkId]:
        """Return who is known to have an id that is missing or held back here."""
        missing = self._missing.get(id_)
        return missing.announcers if missing is not None else self._declined.holders(id_)

    def was_asked(self, link: LinkId, id_: EnvelopeId) -> bool:
        """Say whether a link was asked for this, also if it has come from elsewhere meanwhile."""
        return self._links[link].requests.was_asked(id_)

    def is_full(self, link: LinkId) -> bool:
        """Say whether a link has more for us than we could note."""
        return link in self._dropped

    def is_live(self, id_: EnvelopeId, now: Instant) -> bool:
        """Say whether an id is not known to be backlog.

        What was asked for in vain a while ago is: whoever is near has heard of it meanwhile, or
        gets it at the same moment, when what lay between is gone.
        """
        missing = self._missing.get(id_)
        if missing is not None and not missing.is_live:
            return False
        states = self._links.values()
        return not any(state.requests.was_asked_in_vain(id_, now) for state in states)

    @property
    def is_backlog_owed(self) -> bool:
        """Say whether somebody has backlog that is missing here."""
        return any(not missing.is_live for missing in self._missing.values())

    def offered(
        self,
        link: LinkId,
        entries: Iterable[tuple[EnvelopeId, int]],
        now: Instant,
        *,
        is_live: bool = False,
        is_announced: bool = False,
    ) -> None:
        """A peer has these (id, bytes): note what we lack.

        `is_announced`: it has just got them; a link that had only a stub may have the body now.
        """
        state = self._links[link]
        for id_, size_bytes in entries:
            if is_announced and not state.allowance.take(1, now):
                self.lost(link)
                break
            if not is_announced and state.spared_until > now.monotonic:
                continue
            if self._declined.is_declined(id_):
                self._declined.note_holder(id_, link)
                continue
            if id_ in state.requests:
                continue
            if id_ in self._sets and not self._bodies.may_ask(link, id_, is_announced=is_announced):
                continue
            self._note_offer(link, state, id_, size_bytes, now, is_live=is_live)
        self._askable[link] = now

    def no_have(
        self,
        link: LinkId,
        ids: Iterable[EnvelopeId],
        now: Instant,
        *,
        is_spared: bool = False,
        is_final: bool = True,
    ) -> None:
        """A link does not have, or does not give, what it announced.

        `is_spared`: it does not give backlog now; what it turns out to have is left to others.
        `is_final`: it has none of these.
        """
        state = self._links[link]
        for id_ in ids:
            self._bodies.not_given(link, id_, now, is_final=is_final)
            self._drop_announcer(link, state, id_, now)
        if is_spared:
            state.spared_until = now.after(SPARED_PAUSE_MS)
        self._askable.update(dict.fromkeys(self._links, now))

    def body_came(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link brought a whole envelope, known or new."""
        state = self._links[link]
        if state.requests.brought(id_, now):
            self._hand_over(link, state, now)

    def settled(self, id_: EnvelopeId, now: Instant) -> None:
        """An id is no longer missed."""
        missing = self._missing.pop(id_, None)
        if missing is None:
            return
        self._due.cancel(id_)
        for link in missing.announcers:
            self._forget_offer(link, self._links[link], id_, now)
            self._askable[link] = now

    # --- Asking -------------------------------------------------------------------------------

    def take_asks(self) -> list[Ask]:
        """Return what is asked now."""
        if self._askable:
            askable, self._askable = self._askable, {}
            for link in sorted(askable, key=lambda one: self._links[one].requests.patience):
                self._ask(link, self._links[link], askable[link])
        asks, self._asks = self._asks, []
        return asks

    def lost(self, link: LinkId, *, pause_ms: int = 0) -> None:
        """Something that a link has could not be noted or taken."""
        self._dropped[link] = max(self._dropped.get(link, 0), pause_ms)

    def take_dropped(self) -> list[tuple[LinkId, int]]:
        """Links of whose ids some had to be dropped, where there is room again; and a pause."""
        if not self._dropped or len(self._missing) > MISSING_IDS_MAX * 3 // 4:
            return []
        taken = [
            (link, pause_ms)
            for link, pause_ms in self._dropped.items()
            if self._links[link].load <= OFFERED_IDS_PER_LINK_MAX // 4
        ]
        for link, _ in taken:
            del self._dropped[link]
        return taken

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        found = self._due.find_first()
        for requests in self._owing.values():
            at = requests.deadline
            if at is not None and (found is None or at < found):
                found = at
        return earliest((found, self._bodies.deadline()))

    def deadline_passed(self, now: Instant) -> None:
        """Ask for what did not come by itself, and ask others for what did not come at all."""
        while (taken := self._due.take(now.monotonic)) is not None:
            id_, due = taken
            missing = self._missing[id_]
            pause_ms = _pause_for_being_late_ms(missing, due, now)
            if pause_ms:
                missing.put_off_ms += pause_ms
                self._due.schedule(id_, now.after(pause_ms))
            else:
                self._is_due(id_, missing, now)
        for link, state in self._links.items():
            if state.requests.is_silent(now):
                for id_ in state.requests.ids():
                    state.requests.broken_count += 1
                    self._scores.broke(link, now)
                    self._bodies.not_given(link, id_, now, is_final=False)
                    self._drop_announcer(link, state, id_, now)
                self.lost(link, pause_ms=RECONCILE_AFTER_LOSS_MS)
        self._bodies.deadline_passed(now)
        self._declined.forget_old_refusals(now)
        self._askable.update(dict.fromkeys(self._links, now))

    def _hand_over(self, link: LinkId, state: _LinkState, now: Instant) -> None:
        """Hand over what a link owes for long to others that owe nothing, though it brings the
        rest.

        It may be slow; or it withholds some and buys patience with what it gives.
        """
        for id_ in state.requests.overdue(now):
            announcers = self._missing[id_].announcers
            idle = [other for other in announcers if not self._links[other].requests]
            if idle:
                state.requests.broken_count += 1
                self._bodies.not_given(link, id_, now, is_final=False)
                self._drop_announcer(link, state, id_, now)
                self._askable.update(dict.fromkeys(idle, now))

    def _is_due(self, id_: EnvelopeId, missing: _Missing, now: Instant) -> None:
        """A live id did not come by itself, or not from whom it was asked."""
        if missing.owner is not None:
            state = self._links[missing.owner]
            state.requests.broken_count += 1
            self._scores.broke(missing.owner, now)
            state.requests.throughput.was_late()
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
        if not is_noted and state.load >= OFFERED_IDS_PER_LINK_MAX:
            self.lost(link)
            return
        if missing is None:
            if len(self._missing) >= MISSING_IDS_MAX:
                self.lost(link)
                return
            missing = self._missing[id_] = _Missing(size_bytes, is_live)
        is_added = not is_noted and len(missing.announcers) < ANNOUNCERS_PER_ID_MAX
        if is_added:
            missing.announcers.append(link)
            state.offered[id_] = None
        if missing.owner is not None or not missing.is_live or (is_live and not is_added):
            return
        if is_live:
            due = now.after(state.requests.throughput.graft_pause_ms(missing.size_bytes))
            due_before = self._due.find(id_)
            if len(missing.announcers) == 1 or (due_before is not None and due < due_before):
                self._due.schedule(id_, due)
        else:
            # Backlog for one peer is backlog: nobody will push it.
            missing.is_live = False
            self._due.cancel(id_)
            self._askable.update(dict.fromkeys(missing.announcers, now))

    def _ask(self, link: LinkId, state: _LinkState, since: Instant) -> None:
        """Ask a link for what nobody else was asked for."""
        while state.load < IDS_PER_FRAME_MAX and not self._declined.takes_nothing:
            lacked = self._bodies.take_next(link)
            if lacked is None:
                break
            size_bytes = self._sets.element(lacked).size_bytes
            self._note_offer(link, state, lacked, size_bytes, since, is_live=False)
        grafted: list[EnvelopeId] = []
        wanted: list[EnvelopeId] = []
        is_late = True
        for id_ in list(state.offered):
            missing = self._missing[id_]
            if missing.owner is not None or self._due.find(id_) is not None:
                continue
            if not state.requests.has_room_for(missing.size_bytes):
                break
            missing.owner = link
            del state.offered[id_]
            state.requests.ask(id_, missing.size_bytes, since)
            if missing.is_live:
                grafted.append(id_)
                is_late &= missing.put_off_ms > 0
                missing.put_off_ms = 0
                patience_ms = state.requests.throughput.ask_timeout_ms(missing.size_bytes)
                self._due.schedule(id_, since.after(patience_ms))
            else:
                wanted.append(id_)
        if grafted or wanted:
            self._owing[link] = state.requests
        if grafted:
            self._asks.append(Ask(link, Graft(ids=b"".join(grafted)), is_late=is_late))
        if wanted:
            self._asks.append(Ask(link, IWant(ids=b"".join(wanted))))

    def _drop_announcer(
        self, link: LinkId, state: _LinkState, id_: EnvelopeId, now: Instant
    ) -> None:
        missing = self._missing.get(id_)
        if missing is not None and link in missing.announcers:
            self._forget_offer(link, state, id_, now)
            self._leave(id_, missing, link)

    def _forget_offer(self, link: LinkId, state: _LinkState, id_: EnvelopeId, now: Instant) -> None:
        """A link is not to be asked for this, and need not give it any more."""
        state.offered.pop(id_, None)
        state.requests.settle(id_, now)
        if not state.requests:
            self._owing.pop(link, None)

    def _leave(self, id_: EnvelopeId, missing: _Missing, link: LinkId) -> None:
        """A link is no announcer any more: others may answer, if there are any."""
        missing.announcers.remove(link)
        if missing.owner == link:
            missing.owner = None
            self._due.cancel(id_)
        if not missing.announcers:
            del self._missing[id_]
            self._due.cancel(id_)


def _pause_for_being_late_ms(missing: _Missing, due: Monotonic, now: Instant) -> int:
    """Return how much longer to wait, because we are busy; 0 if we are not, or have waited enough.

    What others sent may still stand in their queues, or in ours.
    """
    late_ms = (now.monotonic - due) // 1000
    return min(late_ms, LATE_PAUSES_MAX_MS - missing.put_off_ms) if late_ms >= LATE_MS else 0
