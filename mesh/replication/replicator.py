"""The spread of envelopes: pushed to some, announced to all, asked for once, compared now and then.

Implements `docs/protocol/spreading.md`. Joins parts that know ids and links, never bodies:
`seen_sets` (what is known), `eager_links` and `pushing` (what is given to whom), `outgoing` (what
waits for room), `wanting` (what is asked for) and `anti_entropy` (what is found by comparing). It
says what frames to send and whose bodies to push where, and the engine reads them from the store
when the link has room.
"""

from collections.abc import Container, Iterable

from mesh.crypto.entropy import Entropy
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, earliest
from mesh.limits.anti_entropy import RECONCILE_AFTER_LOSS_MS
from mesh.limits.replication import (
    EAGER_LINKS_MAX,
    EAGER_LINKS_MIN,
    ROUND_TRIP_FIRST_MS,
    UNKNOWN_SIZE_BYTES,
)
from mesh.replication.anti_entropy import AntiEntropy
from mesh.replication.declined import Declined
from mesh.replication.eager_links import EagerLinks
from mesh.replication.eager_push import EagerPush
from mesh.replication.fair_queue import ANY_FLOW
from mesh.replication.missing_bodies import MissingBodies
from mesh.replication.outgoing import NOHAVE_BUSY, NOHAVE_SPARING, NOHAVE_UNKNOWN, FlowOf, Outgoing
from mesh.replication.resumed_links import ResumedLinks
from mesh.replication.scores import Scores
from mesh.replication.seen_sets import Element, SeenSets
from mesh.replication.want_list import WantList
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.frames import (
    FLAG_BACKLOG,
    Audit,
    AuditResult,
    DoNotWant,
    Frame,
    Graft,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Prune,
    Root,
    split_entries,
    split_ids,
)
from mesh.wire.retirement import RETIREMENT_BYTES, RETIREMENT_SIZE_CLASS


class Replicator:
    """The choice of ids for each link. Every id known here is held, or was and has no body left.

    `sets`: all that is known. `outgoing`: what waits for room. `scores`: what links brought.
    `want_list`: what is missing; `declined`: what is not asked for; `missing_bodies`: what is known
    without the body that would be kept; `resumed_links`: which links bring what is not new.
    """

    def __init__(
        self,
        entropy: Entropy,
        flow_of: FlowOf = lambda id_: ANY_FLOW,
        *,
        eager_links_min: int = EAGER_LINKS_MIN,
        eager_links_max: int = EAGER_LINKS_MAX,
    ) -> None:
        # What the sending half says, in order. It is emptied and never replaced.
        self._frames: list[tuple[LinkId, Frame]] = []
        self.sets = SeenSets()
        self.scores = Scores()
        self._eager_links = EagerLinks(
            self.scores,
            entropy,
            self._frames,
            count_min=eager_links_min,
            count_max=eager_links_max,
        )
        self.outgoing = Outgoing(self.sets, flow_of, self._frames)
        self._eager_push = EagerPush(self.sets, self._eager_links, self.outgoing, self._frames)
        self.declined = Declined()
        self.missing_bodies = MissingBodies(self.sets)
        self.want_list = WantList(self.sets, self.scores, self.declined, self.missing_bodies)
        self.resumed_links = ResumedLinks()
        self._anti_entropy = AntiEntropy(self.sets, entropy)
        self._links: dict[LinkId, None] = {}

    def load(
        self,
        known: Iterable[tuple[EnvelopeId, Element]],
        bodiless: Iterable[EnvelopeId] = (),
    ) -> None:
        """Take the ids of the store at start, and whose bodies are missed."""
        self.sets.load(known)
        self.missing_bodies.load(bodiless)

    def is_body_welcome(self, id_: EnvelopeId) -> bool:
        """Say whether a known id lacks the body that this node would keep."""
        return id_ in self.missing_bodies

    # --- Links --------------------------------------------------------------------------------

    def link_up(
        self,
        link: LinkId,
        now: Instant,
        *,
        is_dialled_by_us: bool,
        round_trip_ms: int = ROUND_TRIP_FIRST_MS,
    ) -> None:
        """A link is ready. `round_trip_ms`: how soon it seems to answer."""
        self._links[link] = None
        self.scores.link_up(link, now)
        self._eager_links.link_up(link)
        self.outgoing.link_up(link)
        self._eager_push.link_up(link)
        self.missing_bodies.link_up(link)
        self.want_list.link_up(link, now, round_trip_ms=round_trip_ms)
        self._anti_entropy.link_up(link, now, is_dialled_by_us=is_dialled_by_us)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone."""
        self.scores.link_down(link)
        self.resumed_links.link_down(link)
        if self._links.pop(link, False) is None:
            self._eager_links.link_down(link, now)
            self.outgoing.link_down(link)
            self._eager_push.link_down(link)
            self.missing_bodies.link_down(link)
            self.want_list.link_down(link, now)
            self._anti_entropy.link_down(link, now)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame about ids came; PeerError if it is malformed."""
        match frame:
            case IHave(entries=entries, flags=flags):
                offered = [(id_, _bytes_of(size)) for id_, size in split_entries(entries)]
                is_live = not flags & FLAG_BACKLOG
                for id_, _ in offered:
                    self.outgoing.discard(link, id_, is_brought=False)
                    if is_live:
                        is_here = id_ in self.sets
                        self._eager_links.announced_live(link, id_, now, is_here=is_here)
                self.want_list.offered(link, offered, now, is_live=is_live, is_announced=True)
            case IWant(ids=joined):
                self._eager_push.wanted(link, split_ids(joined), now)
            case NoHave(entries=entries):
                refusals = list(split_entries(entries))
                is_spared = any(reason == NOHAVE_SPARING for _, reason in refusals)
                lacked = [id_ for id_, reason in refusals if reason == NOHAVE_UNKNOWN]
                kept = [id_ for id_, reason in refusals if reason != NOHAVE_UNKNOWN]
                self.want_list.no_have(link, lacked, now, is_spared=is_spared)
                self.want_list.no_have(link, kept, now, is_final=False)
                if any(reason == NOHAVE_BUSY for _, reason in refusals):
                    self.dropped(link)
            case DoNotWant(ids=joined):
                self._eager_push.unwanted(link, split_ids(joined), now)
            case Prune():
                self.outgoing.announce_pushed(link)
                self._eager_links.pruned(link, now)
            case Graft(ids=joined):
                self._eager_push.wanted(link, split_ids(joined), now, is_live=True)
                self._eager_links.grafted(link, now)
            case NegOpen() | NegMessage() | NegClose() | Root() | Audit() | AuditResult():
                self._anti_entropy.received(link, frame, now)
                self._learn(now)
            case _:
                raise PeerError("a frame out of place")

    # --- What came ----------------------------------------------------------------------------

    def body_came(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link brought a whole envelope, known or new; it need not be sent back there."""
        was_asked = self.want_list.was_asked(link, id_)
        self.outgoing.discard(link, id_, is_brought=True)
        self.want_list.body_came(link, id_, now)
        if id_ in self.sets and id_ not in self.missing_bodies and not was_asked:
            self._eager_links.duplicate(link, id_, now)

    def accepted(
        self,
        id_: EnvelopeId,
        element: Element,
        link: LinkId | None,
        now: Instant,
        *,
        is_new: bool,
        stem_links: Container[LinkId] = (),
        is_announced: bool = False,
    ) -> None:
        """An envelope entered the store, brought by `link` or made here: pass it on.

        `is_new`: it was created lately; mail that was asked for as backlog is not live even so, nor
        what a link brings as it is heard again, but for links that are spared backlog.
        `stem_links`: it spreads from now on, and went over these before; `is_announced`: the link
        has brought no body, but word that it spreads.
        """
        self.sets.add(id_, element)
        if link is not None and not is_announced:
            was_asked = self.want_list.was_asked(link, id_)
            self.scores.brought(link, now, is_backlog=was_asked)
            if not was_asked:
                self._eager_links.was_first(link, now)
                self._eager_links.pushed_live(id_, self.want_list.round_trip_ms, now)
        self._eager_push.spread(
            id_,
            is_live=is_new and self.want_list.is_live(id_, now),
            came_by=link,
            holders=self.want_list.announcers(id_),
            stem_links=stem_links,
            stood_in_link=self.resumed_links.brings_old(link, now),
            now=now,
        )
        self.want_list.settled(id_, now)

    def accepted_without_body(
        self, id_: EnvelopeId, element: Element, link: LinkId, now: Instant
    ) -> None:
        """A stub entered the store: announce it, and ask others for the body."""
        self.sets.add(id_, element)
        self._announce(id_, link, now)
        self.missing_bodies.add(id_, link)
        self.want_list.no_have(link, [id_], now)

    def accepted_unwanted(self, id_: EnvelopeId, element: Element, now: Instant) -> None:
        """An envelope may enter and its body is not kept: known, and found by comparing."""
        self.sets.add(id_, element)
        self.want_list.settled(id_, now)

    def body_filled(self, id_: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        """The body of a stub that was here came: others may lack it too.

        Those are told as well that announced the stub: they may have no more than that.
        """
        self._eager_push.spread(id_, is_live=False, came_by=link, holders=(), now=now)
        self.body_unwelcome(id_, now)

    def body_refused(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link has no more of an envelope than its stub."""
        self.want_list.no_have(link, [id_], now)

    def body_unwelcome(self, id_: EnvelopeId, now: Instant) -> None:
        """The body of an envelope is not missed: it is here, or of no use any more."""
        if self.missing_bodies.discard(id_):
            self.want_list.settled(id_, now)

    def retired(self, id_: EnvelopeId, element: Element, now: Instant) -> None:
        """A retirement may be known from now on: announce it to who is not known to have it."""
        self.sets.add(id_, element)
        self._announce(id_, None, now)
        self.declined.forget(id_)
        self.want_list.settled(id_, now)

    def held_back(self, id_: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        """A link told of a retirement that is not to be known yet: nobody is asked for it."""
        self.declined.hold_back(id_, self.want_list.announcers(id_))
        self.want_list.settled(id_, now)
        if link is not None:
            self.declined.note_holder(id_, link)

    def refused(self, id_: EnvelopeId, now: Instant) -> None:
        """It may not enter here: do not ask for it again soon."""
        self.declined.refuse(id_, now)
        self.want_list.settled(id_, now)

    def forgive(self) -> None:
        """Refusals are forgotten: what may be admitted now is looked for again.

        What lay outside of the compared window was not even asked for. What is on its way comes
        first: a session would only find it again.
        """
        self.declined.forgive()
        for link in self._links:
            self.want_list.lost(link)

    def dropped(self, link: LinkId) -> None:
        """Something of a link was dropped for want of room: compare with it again, later."""
        self.want_list.lost(link, pause_ms=RECONCILE_AFTER_LOSS_MS)

    def settled(self, id_: EnvelopeId, now: Instant) -> None:
        """An id is not to be asked for any more."""
        self.want_list.settled(id_, now)

    def forget(self, ids: Iterable[EnvelopeId]) -> None:
        """These ids expired or were pushed out of their key's quota."""
        for id_ in ids:
            self.sets.remove(id_)
            self.missing_bodies.discard(id_)
            self.declined.forget(id_)

    # --- What leaves, and when ----------------------------------------------------------------

    def take_frames(self, now: Instant) -> list[tuple[LinkId, Frame]]:
        """The frames to send, in order."""
        for link in self.scores.take_doubted():
            self._eager_links.doubted(link, now)
        for link, pause_ms in self.want_list.take_dropped():
            self._anti_entropy.compare(link, now, pause_ms=pause_ms)
        for link in self.outgoing.take_dropped():
            self._anti_entropy.compare(link, now)
        for ask in self.want_list.take_asks():
            self._frames.append((ask.link, ask.frame))
            if not isinstance(ask.frame, Graft):
                continue
            if ask.is_late and not self._eager_links.is_eager(ask.link):
                # That we are slow makes it no faster than those that push: it goes on announcing.
                self._frames.append((ask.link, Prune()))
            else:
                self._eager_links.graft(ask.link)
        frames = self._frames + self._anti_entropy.take_frames(now)
        self._frames.clear()
        return frames

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        return earliest(
            (
                self._eager_links.deadline(),
                self.want_list.deadline(),
                self._anti_entropy.deadline(),
            )
        )

    def deadline_passed(self, now: Instant) -> None:
        """Ask others for what did not come; compare where it is time."""
        self._eager_links.deadline_passed(now)
        self.want_list.deadline_passed(now)
        self._anti_entropy.deadline_passed(self._eager_links.is_eager, now)

    def _learn(self, now: Instant) -> None:
        for learned in self._anti_entropy.take_learned():
            needed = [(id_, UNKNOWN_SIZE_BYTES) for id_ in learned.need]
            self.want_list.offered(learned.link, needed, now)
            if self.want_list.is_full(learned.link):
                self._anti_entropy.stop(learned.link, now)
            self.outgoing.announce(learned.link, learned.have)

    def _announce(self, id_: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        holders = self.want_list.announcers(id_)
        self._eager_push.spread(id_, is_live=False, came_by=link, holders=holders, now=now)


def _bytes_of(size_class: int) -> int:
    if size_class == RETIREMENT_SIZE_CLASS:
        return RETIREMENT_BYTES
    if size_class >= len(SIZE_BYTES):
        raise PeerError("unknown size class")
    return SIZE_BYTES[size_class]
