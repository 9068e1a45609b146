"""The queues of links that wait for room: bodies, each flow in its turn, and announcements.

Implements `docs/protocol/spreading.md`, sections "Eager and lazy links" and "Turns". A live machine
that knows ids and links. What a link is *spared* (because it costs money, or the battery is low)
and what finds no room is not lost: the link is named by `take_dropped` when nothing waits on it any
more, and is compared with.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from mesh.ids import EnvelopeId, LinkId
from mesh.limits.replication import (
    IDS_PER_FRAME_MAX,
    SENDING_IDS_PER_LINK_MAX,
    SPARED_BYTES_PER_LINK,
)
from mesh.replication.fair_queue import FairQueue, Flow, Sparing
from mesh.replication.seen_sets import Element, SeenSets
from mesh.wire.frames import FLAG_BACKLOG, Frame, IHave, NoHave, join_entries
from mesh.wire.retirement import RETIREMENT_SIZE_CLASS

NOHAVE_UNKNOWN: Final = 1
NOHAVE_BUSY: Final = 2
NOHAVE_SPARING: Final = 3

FlowOf = Callable[[EnvelopeId], Flow]
"""What a body is fair to, when it leaves."""


@dataclass(slots=True)
class _LinkState:
    """The queue of one link that waits for room. Dicts stand for ordered sets."""

    sending: FairQueue = field(default_factory=FairQueue)
    sparing: Sparing = Sparing.NOTHING
    # So much of what is spared leaves all the same, whoever wrote it.
    allowance_bytes: int = SPARED_BYTES_PER_LINK
    has_spared: bool = False
    # Of the bodies those that do not spread: they go as stems.
    stems: dict[EnvelopeId, None] = field(default_factory=dict)
    announcing_live: dict[EnvelopeId, None] = field(default_factory=dict)
    announcing: dict[EnvelopeId, None] = field(default_factory=dict)
    has_dropped: bool = False

    @property
    def has_more(self) -> bool:
        return bool(self.announcing_live or self.announcing or self.sending)

    def note_spared(self) -> None:
        """Note that it does not leave: it is found by comparing, and the other side stops
        asking.
        """
        if not self.has_spared:
            self.has_spared = self.has_dropped = True


class Outgoing:
    """All that waits for room on links. `frames`: where it adds those that are to be sent."""

    def __init__(self, sets: SeenSets, flow_of: FlowOf, frames: list[tuple[LinkId, Frame]]) -> None:
        self._sets = sets
        self._flow_of = flow_of
        self._frames = frames
        self._links: dict[LinkId, _LinkState] = {}
        # All links on which something waits are among them: those are asked after every batch.
        self._filled: dict[LinkId, None] = {}

    def link_up(self, link: LinkId) -> None:
        """A link is ready."""
        self._links[link] = _LinkState()

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._links.pop(link, None)
        self._filled.pop(link, None)

    # --- What is to leave ---------------------------------------------------------------------

    def spare(self, link: LinkId, sparing: Sparing) -> None:
        """A link is not to be burdened with others' mail, or is again: then it is told of it."""
        state = self._links[link]
        is_relieved = sparing < state.sparing
        if sparing is not state.sparing:
            state.allowance_bytes = SPARED_BYTES_PER_LINK
        state.sparing = sparing
        spared = state.sending.spare(sparing)
        for id_ in spared:
            # Who was to pass it on has not heard of it: it spreads when its time is over.
            if state.stems.pop(id_, False) is None:
                spared[id_] = False
        refused = [(id_, NOHAVE_SPARING) for id_, is_asked in spared.items() if is_asked]
        if spared:
            state.note_spared()
        for start in range(0, len(refused), IDS_PER_FRAME_MAX):
            entries = join_entries(refused[start : start + IDS_PER_FRAME_MAX])
            self._frames.append((link, NoHave(entries=entries)))
        if is_relieved and state.has_spared:
            state.has_spared = False
            state.has_dropped = True

    def announce(self, link: LinkId, ids: Iterable[EnvelopeId], *, is_live: bool = False) -> None:
        """Tell a link of these, as far as there is room."""
        state = self._links[link]
        for id_ in ids:
            self._announce(link, state, id_, is_live=is_live)
            if state.has_dropped:
                break

    def push(self, link: LinkId, id_: EnvelopeId) -> None:
        """Give a link the body of new mail that it did not ask for."""
        state = self._links[link]
        if self.is_full(link):
            state.has_dropped = True
        elif not self._add_body(link, id_, is_live=True, is_asked=False):
            state.note_spared()

    def give(self, link: LinkId, id_: EnvelopeId, *, is_live: bool) -> bool:
        """Give a link a body that it asked for; False if it is spared that."""
        is_given = self._add_body(link, id_, is_live=is_live, is_asked=True)
        if not is_given:
            self._links[link].note_spared()
        return is_given

    def pass_on(self, link: LinkId, id_: EnvelopeId, element: Element) -> bool:
        """Give a link a body that does not spread yet; False if there is no room, or it is spared
        that.
        """
        state, flow = self._links[link], self._flow_of(id_)
        if self.is_full(link) or _is_spared(state, element, is_live=True):
            return False
        # It has its turn like what is pushed, and then stands as if it was asked for: nothing that
        # is said of ids takes it out of the queue.
        for is_asked in (False, True):
            state.sending.add(id_, flow, element.size_bytes, is_live=True, is_asked=is_asked)
        state.stems[id_] = None
        self._filled[link] = None
        return True

    def take_stem(self, link: LinkId, id_: EnvelopeId) -> bool:
        """Say whether a body goes over a link as a stem; it does so once."""
        return self._links[link].stems.pop(id_, False) is None

    def call_back(self, link: LinkId, id_: EnvelopeId) -> bool:
        """A stem spreads now: it need not go over a link as such, if it has not yet."""
        state = self._links.get(link)
        if state is None or state.stems.pop(id_, False) is not None:
            return False
        state.sending.discard(id_)
        return True

    def announce_pushed(self, link: LinkId) -> None:
        """Tell a link of the bodies that wait, where it did not ask for them."""
        state = self._links[link]
        for id_ in state.sending.take_pushed():
            self._announce(link, state, id_, is_live=True)

    def discard(self, link: LinkId, id_: EnvelopeId, *, is_brought: bool) -> None:
        """A link has this: it need not be told of it, or get it.

        If it did not bring it, it gets what it asked for all the same: it may lack the body.
        """
        state = self._links[link]
        if is_brought or not state.sending.is_asked(id_):
            state.sending.discard(id_)
        state.announcing.pop(id_, None)
        state.announcing_live.pop(id_, None)

    def discard_pushed(self, link: LinkId, id_: EnvelopeId) -> None:
        """A body need not go to a link, unless it asked for it."""
        sending = self._links[link].sending
        if not sending.is_asked(id_):
            sending.discard(id_)

    def body_gone(self, id_: EnvelopeId) -> None:
        """A body was dropped: who was to get it unasked is told of the id instead."""
        for link, state in self._links.items():
            if id_ in state.sending and not state.sending.is_asked(id_):
                state.sending.discard(id_)
                self._announce(link, state, id_, is_live=False)

    # --- What leaves --------------------------------------------------------------------------

    def is_sparing(self, link: LinkId) -> bool:
        """Say whether a link is spared anything."""
        return self._links[link].sparing is not Sparing.NOTHING

    def is_full(self, link: LinkId) -> bool:
        """Say whether as many bodies wait on a link as may."""
        return len(self._links[link].sending) >= SENDING_IDS_PER_LINK_MAX

    def has_bodies(self, link: LinkId) -> bool:
        """Say whether bodies wait for room on a link."""
        return bool(self._links[link].sending)

    def has_more(self, link: LinkId) -> bool:
        """Say whether bodies or announcements wait for room on a link."""
        state = self._links.get(link)
        return state is not None and state.has_more

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
        is_live = bool(state.announcing_live)
        announcing = state.announcing_live if is_live else state.announcing
        taken = list(announcing)[:IDS_PER_FRAME_MAX]
        for id_ in taken:
            del announcing[id_]
        # What went meanwhile is passed over.
        entries = [(id_, self._sets.element(id_).size_class) for id_ in taken if id_ in self._sets]
        flags = 0 if is_live else FLAG_BACKLOG
        return IHave(entries=join_entries(entries), flags=flags) if entries else None

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
            if state.has_dropped and not state.has_more:
                state.has_dropped = False
                dropped.append(link)
        return dropped

    def _add_body(self, link: LinkId, id_: EnvelopeId, *, is_live: bool, is_asked: bool) -> bool:
        """Queue a body, unless the link is spared it."""
        state, element = self._links[link], self._sets.element(id_)
        if _is_spared(state, element, is_live=is_live):
            return False
        size_bytes = element.size_bytes
        if state.sparing.spares(size_bytes, is_live=is_live) and id_ not in state.sending:
            state.allowance_bytes -= size_bytes
        flow = self._flow_of(id_)
        state.sending.add(id_, flow, size_bytes, is_live=is_live, is_asked=is_asked)
        self._filled[link] = None
        return True

    def _announce(self, link: LinkId, state: _LinkState, id_: EnvelopeId, *, is_live: bool) -> None:
        """Announce what would be given if it was asked for."""
        announcing = state.announcing_live if is_live else state.announcing
        if len(announcing) >= SENDING_IDS_PER_LINK_MAX:
            state.has_dropped = True
            return
        if id_ in self._sets and _is_spared(state, self._sets.element(id_), is_live=is_live):
            state.note_spared()
            return
        announcing[id_] = None
        self._filled[link] = None


def _is_spared(state: _LinkState, element: Element, *, is_live: bool) -> bool:
    """Say whether a link does not get this now.

    A retirement is spared nobody: it is smaller than the words that refuse it.
    """
    if element.size_class == RETIREMENT_SIZE_CLASS:
        return False
    size_bytes = element.size_bytes
    return state.sparing.spares(size_bytes, is_live=is_live) and size_bytes > state.allowance_bytes
