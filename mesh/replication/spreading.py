"""How envelopes spread: pushed to some, announced to all, asked for once, compared now and then.

Implements `docs/protocol/spreading.md`. The door of four parts that know ids and links, never
bodies: `seen_sets` (what is known), `pushing` (what leaves), `wanting` (what is asked for) and
`anti_entropy` (what is found by comparing). It says what frames to send and whose bodies to push
where, and the engine reads them from the store when the link has room.
"""

from collections.abc import Iterable

from mesh.crypto.entropy import Entropy
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds, earliest
from mesh.limits import (
    EAGER_LINKS_MAX,
    EAGER_LINKS_MIN,
    RECONCILE_AFTER_LOSS_MS,
    ROUND_TRIP_FIRST_MS,
    UNKNOWN_SIZE_BYTES,
)
from mesh.replication.anti_entropy import AntiEntropy
from mesh.replication.pushing import NOHAVE_BUSY, NOHAVE_SPARING, FlowOf, Pushing
from mesh.replication.scores import Scores
from mesh.replication.seen_sets import Element, SeenSets
from mesh.replication.turns import ANY_FLOW, Sparing
from mesh.replication.wanting import Ask, Wanting
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


class Spreading:
    """Which ids go over which link. Every id known here is held, or was and has no body left."""

    def __init__(
        self,
        entropy: Entropy,
        flow_of: FlowOf = lambda id_: ANY_FLOW,
        *,
        eager_links_min: int = EAGER_LINKS_MIN,
        eager_links_max: int = EAGER_LINKS_MAX,
    ) -> None:
        self._sets = SeenSets()
        self._scores = Scores()
        self._pushing = Pushing(
            self._sets,
            self._scores,
            entropy,
            flow_of,
            eager_links_min=eager_links_min,
            eager_links_max=eager_links_max,
        )
        self._wanting = Wanting(self._sets, self._scores)
        self._anti_entropy = AntiEntropy(self._sets, entropy)
        self._links: dict[LinkId, None] = {}
        # Of each link: what it brought that was new here, and what of it was asked for.
        self._news: dict[LinkId, tuple[int, int]] = {}

    def __len__(self) -> int:
        return len(self._sets)

    @property
    def sets(self) -> SeenSets:
        """All that is known, in order."""
        return self._sets

    def announce(self, link: LinkId, ids: Iterable[EnvelopeId]) -> None:
        """Tell a link of these, which comparing would not show it."""
        self._pushing.announce(link, ids)

    def load(
        self,
        known: Iterable[tuple[EnvelopeId, Element]],
        bodiless: Iterable[EnvelopeId] = (),
    ) -> None:
        """Take the ids of the store at start, and whose bodies are missed."""
        self._sets.load(known)
        self._wanting.load(bodiless)

    def news_count(self, link: LinkId) -> tuple[int, int]:
        """How much of what a link brought was new here: in all, and fetched as backlog."""
        return self._news.get(link, (0, 0))

    def _count_news(self, link: LinkId, *, is_backlog: bool) -> None:
        if link in self._links:
            count, backlog = self.news_count(link)
            self._news[link] = (count + 1, backlog + is_backlog)

    # --- What is known ------------------------------------------------------------------------

    def is_known(self, id_: EnvelopeId) -> bool:
        """Whether the id is in the sets, with or without a body."""
        return id_ in self._sets

    def is_body_welcome(self, id_: EnvelopeId) -> bool:
        """Whether a known id lacks the body that this node would keep."""
        return self._wanting.is_body_welcome(id_)

    def ids(self) -> list[EnvelopeId]:
        """Everything that is known: two nodes that hold the same have this alike."""
        return self._sets.ids()

    def element(self, id_: EnvelopeId) -> Element:
        """What is known of an id that is here."""
        return self._sets.element(id_)

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
        self._scores.link_up(link, now)
        self._pushing.link_up(link)
        self._wanting.link_up(link, now, round_trip_ms=round_trip_ms)
        self._anti_entropy.link_up(link, now, is_dialled_by_us=is_dialled_by_us)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone."""
        self._news.pop(link, None)
        self._scores.link_down(link)
        if self._links.pop(link, False) is None:
            self._pushing.link_down(link, now)
            self._wanting.link_down(link, now)
            self._anti_entropy.link_down(link, now)

    def spare(self, link: LinkId, sparing: Sparing) -> None:
        """What of others' mail does not leave over a link now."""
        self._pushing.spare(link, sparing)

    def received(self, link: LinkId, frame: Frame, mesh_now: UnixSeconds, now: Instant) -> None:
        """A frame about ids came; PeerError if it is malformed."""
        match frame:
            case IHave(entries=entries, flags=flags):
                offered = [(id_, _bytes_of(size)) for id_, size in split_entries(entries)]
                is_live = not flags & FLAG_BACKLOG
                for id_, _ in offered:
                    self._pushing.has_it(link, id_)
                    if is_live:
                        self._pushing.announced_live(link, id_, now)
                self._wanting.offered(link, offered, now, is_live=is_live, is_announced=True)
            case IWant(ids=ids):
                self._pushing.wanted(link, split_ids(ids), now)
            case NoHave(entries=entries):
                refusals = list(split_entries(entries))
                self._wanting.no_have(link, [id_ for id_, _ in refusals], now)
                if any(reason == NOHAVE_SPARING for _, reason in refusals):
                    self._wanting.spared(link, now)
                if any(reason == NOHAVE_BUSY for _, reason in refusals):
                    self._wanting.lost(link, pause_ms=RECONCILE_AFTER_LOSS_MS)
            case DoNotWant(ids=ids):
                self._pushing.unwanted(link, split_ids(ids), now)
            case Prune():
                self._pushing.pruned(link, now)
            case Graft(ids=ids):
                self._pushing.grafted(link, split_ids(ids), now)
            case NegOpen() | NegMessage() | NegClose() | Root() | Audit() | AuditResult():
                self._anti_entropy.received(link, frame, mesh_now, now)
                self._learn(now)
            case _:
                raise PeerError("a frame out of place")

    # --- What came ----------------------------------------------------------------------------

    def body_came(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link brought a whole envelope, known or new; it need not be sent back there."""
        was_asked = self._wanting.was_asked(link, id_)
        self._pushing.brought(link, id_)
        self._wanting.body_came(link, id_, now)
        if id_ in self._sets and not self._wanting.is_body_welcome(id_) and not was_asked:
            self._pushing.duplicate(link, id_, now)

    def accepted(
        self,
        id_: EnvelopeId,
        element: Element,
        link: LinkId | None,
        now: Instant,
        *,
        is_new: bool,
    ) -> None:
        """An envelope entered the store, brought by `link` or made here: pass it on.

        `is_new`: it was created lately; mail that was asked for as backlog is not live even so.
        """
        self._sets.add(id_, element)
        if link is not None:
            was_asked = self._wanting.was_asked(link, id_)
            self._count_news(link, is_backlog=was_asked)
            self._scores.brought(link, now)
            if not was_asked:
                self._pushing.was_first(link, now)
                self._pushing.pushed_live(id_, self._wanting.round_trip_ms, now)
        self._pushing.spread(
            id_,
            is_live=is_new and self._wanting.is_live(id_, now),
            came_by=link,
            holders=self._wanting.announcers(id_),
            now=now,
        )
        self._wanting.settled(id_, now)

    def accepted_without_body(
        self, id_: EnvelopeId, element: Element, link: LinkId, now: Instant
    ) -> None:
        """A stub entered the store: announce it, and ask others for the body."""
        self._sets.add(id_, element)
        self._spread_backlog(id_, link, now)
        self._wanting.without_body(link, id_, now)

    def accepted_unwanted(self, id_: EnvelopeId, element: Element, now: Instant) -> None:
        """An envelope may enter and its body is not kept: known, and found by comparing."""
        self._sets.add(id_, element)
        self._wanting.settled(id_, now)

    def body_filled(self, id_: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        """The body of a stub that was here came: others may lack it too."""
        self._spread_backlog(id_, link, now)
        self._wanting.body_filled(id_, now)

    def body_refused(self, link: LinkId, id_: EnvelopeId, now: Instant) -> None:
        """A link has no more of an envelope than its stub."""
        self._wanting.no_have(link, [id_], now)

    def body_unwelcome(self, id_: EnvelopeId, now: Instant) -> None:
        """An envelope is known to be retired: its body is of no use any more."""
        self._wanting.body_unwelcome(id_, now)

    def body_gone(self, id_: EnvelopeId) -> None:
        """A body was dropped: who was to get it unasked is told of the id instead."""
        self._pushing.body_gone(id_)

    def retired(self, id_: EnvelopeId, element: Element, now: Instant) -> None:
        """A retirement may be known from now on: announce it to who is not known to have it."""
        self._sets.add(id_, element)
        self._spread_backlog(id_, None, now)
        self._wanting.forget(id_)
        self._wanting.settled(id_, now)

    def held_back(self, id_: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        """A link told of a retirement that is not to be known yet: nobody is asked for it."""
        self._wanting.hold_back(id_, link, now)

    def refused(self, id_: EnvelopeId, now: Instant) -> None:
        """It may not enter here: do not ask for it again soon."""
        self._wanting.refused(id_, now)

    def forgive(self) -> None:
        """Mesh time has jumped: what was refused may be admitted now, so look for it again.

        What lay outside of the compared window was not even asked for.
        """
        self._wanting.forgive()
        self._compare_all()

    def dropped(self, link: LinkId) -> None:
        """Something of a link was dropped for want of room: compare with it again, later."""
        self._wanting.lost(link, pause_ms=RECONCILE_AFTER_LOSS_MS)

    def settled(self, id_: EnvelopeId, now: Instant) -> None:
        """An id is not to be asked for any more."""
        self._wanting.settled(id_, now)

    def forget(self, ids: Iterable[EnvelopeId]) -> None:
        """These ids lapsed or were pushed out of their key's quota."""
        for id_ in ids:
            self._sets.remove(id_)
            self._wanting.forget(id_)

    # --- What leaves --------------------------------------------------------------------------

    def take_frames(self, mesh_now: UnixSeconds, now: Instant) -> list[tuple[LinkId, Frame]]:
        """The frames to send, in order."""
        for link in self._scores.take_doubted():
            self._pushing.doubted(link, now)
        for link, pause_ms in self._wanting.take_dropped():
            self._anti_entropy.compare(link, now, pause_ms=pause_ms)
        for link in self._pushing.take_dropped():
            self._anti_entropy.compare(link, now)
        asked = [said for ask in self._wanting.take_asks() for said in self._asking(ask)]
        return self._pushing.take_frames() + asked + self._anti_entropy.take_frames(mesh_now, now)

    def has_bodies(self, link: LinkId) -> bool:
        """Whether bodies or announcements wait for room on a link."""
        return self._pushing.has_more(link)

    def links_with_bodies(self) -> list[LinkId]:
        """The links on which they wait, in the order in which the links opened."""
        return self._pushing.links_with_more()

    def take_announcement(self, link: LinkId) -> IHave | None:
        """The next ids of which a link is told."""
        return self._pushing.take_announcement(link)

    def take_bodies(self, link: LinkId, count_max: int) -> list[EnvelopeId]:
        """The next ids whose bodies go to a link, each flow in its turn."""
        return self._pushing.take_bodies(link, count_max)

    def body_missing(self, link: LinkId, id_: EnvelopeId) -> None:
        """A body to be sent is no longer here."""
        self._pushing.body_missing(link, id_)

    # --- Time ---------------------------------------------------------------------------------

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called."""
        return earliest(
            (self._pushing.deadline(), self._wanting.deadline(), self._anti_entropy.deadline())
        )

    def deadline_passed(self, mesh_now: UnixSeconds, now: Instant) -> None:
        """Ask others for what did not come; compare where it is time."""
        self._pushing.deadline_passed(now)
        self._wanting.deadline_passed(now)
        self._anti_entropy.deadline_passed(self._pushing.is_eager, mesh_now, now)

    def _learn(self, now: Instant) -> None:
        for learned in self._anti_entropy.take_learned():
            needed = [(id_, UNKNOWN_SIZE_BYTES) for id_ in learned.need]
            self._wanting.offered(learned.link, needed, now)
            if self._wanting.is_full(learned.link):
                self._anti_entropy.stop(learned.link, now)
            self._pushing.announce(learned.link, learned.have)

    def _asking(self, ask: Ask) -> list[tuple[LinkId, Frame]]:
        if not isinstance(ask.frame, Graft):
            return [(ask.link, ask.frame)]
        if ask.is_late and not self._pushing.is_eager(ask.link):
            # That we are slow makes it no faster than those that push: it goes on announcing.
            return [(ask.link, ask.frame), (ask.link, Prune())]
        self._pushing.graft(ask.link)
        return [(ask.link, ask.frame)]

    def _spread_backlog(self, id_: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        self._pushing.spread(
            id_,
            is_live=False,
            came_by=link,
            holders=self._wanting.announcers(id_),
            now=now,
        )

    def _compare_all(self) -> None:
        """What is on its way comes first: a session would only find it again."""
        for link in self._links:
            self._wanting.lost(link)


def _bytes_of(size_class: int) -> int:
    if size_class == RETIREMENT_SIZE_CLASS:
        return RETIREMENT_BYTES
    if size_class >= len(SIZE_BYTES):
        raise PeerError("unknown size class")
    return SIZE_BYTES[size_class]
