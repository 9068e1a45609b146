"""How envelopes spread, first version: push to all, and list what each side lacks at link-up.

Implements `docs/protocol/spreading.md`. A live machine that knows ids and links, never bodies:
it says what frames to send (`take_frames`) and whose bodies to push where (`take_bodies`), and
the engine reads them from the store when the link has room.

Theory of operation. A new envelope is queued for every link but the one that brought it and those
that said they have it. What came without a body is announced instead, and so is a retirement
(`mesh/replication/retiring.py`), which stands in the set like an id. When a link opens, each side
asks for the other's ids page by page, newest first, and wants the bodies that it lacks; a page
costs no state at who answers. Each missing id has one owner, the link it is asked of; when that
link is silent for too long, the next link that announced the id is asked. Whatever had to be
dropped for want of room is found by listing again: so nothing is lost by a bound. Bodies of which
only the stub is here are asked of each new link once, and of who announces them.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import nlargest
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits import (
    ANNOUNCERS_PER_ID_MAX,
    IDS_PER_FRAME_MAX,
    MISSING_BODIES_ASKED_MAX,
    MISSING_IDS_MAX,
    OFFERED_IDS_PER_LINK_MAX,
    REFUSED_IDS_MAX,
    REFUSED_KEPT_MS,
    RELIST_AFTER_LOSS_MS,
    RELIST_INTERVAL_MS,
    SENDING_IDS_PER_LINK_MAX,
    WANT_TIMEOUT_MS,
    WANTS_PER_LINK_BYTES_MAX,
    WANTS_PER_LINK_MAX,
)
from mesh.replication.id_index import IdIndex
from mesh.wire.envelope import SIZE_BYTES
from mesh.wire.frames import (
    CURSOR_BYTES,
    FLAG_BACKLOG,
    Frame,
    IHave,
    IWant,
    ListAgain,
    ListPage,
    ListWanted,
    NoHave,
    join_entries,
    split_entries,
    split_ids,
)
from mesh.wire.retirement import RETIREMENT_BYTES, RETIREMENT_SIZE_CLASS

NOHAVE_UNKNOWN: Final = 1
NOHAVE_BUSY: Final = 2


@dataclass(slots=True)
class _Missing:
    """An id that somebody has and we lack."""

    size_bytes: int
    announcers: list[LinkId] = field(default_factory=list)
    owner: LinkId | None = None


@dataclass(slots=True)
class _LinkState:
    """What is under way with one neighbour. Dicts stand for ordered sets."""

    # Ids whose bodies go out, and whether they were asked for.
    sending: dict[EnvelopeId, bool] = field(default_factory=dict)
    announcing: dict[EnvelopeId, None] = field(default_factory=dict)
    # Bodies to ask of this link because only their stubs are here; the next one stands last.
    bodies_to_ask: list[EnvelopeId] = field(default_factory=list)
    bodies_asked: dict[EnvelopeId, None] = field(default_factory=dict)
    offered: dict[EnvelopeId, None] = field(default_factory=dict)
    asked: dict[EnvelopeId, int] = field(default_factory=dict)
    asked_bytes: int = 0
    want_deadline: Monotonic | None = None
    is_page_awaited: bool = False
    next_cursor: bytes = b""
    relist_at: Monotonic | None = None
    has_dropped: bool = False
    page_wanted: bytes | None = None


class Spreading:
    """Which ids go over which link. Every id known here is held, or was and has no body left."""

    def __init__(self, entropy: Entropy) -> None:
        self._entropy = entropy
        self._index = IdIndex()
        # Ids of which only the stub is here, and whose body is welcome.
        self._bodiless: dict[EnvelopeId, None] = {}
        self._links: dict[LinkId, _LinkState] = {}
        self._missing: dict[EnvelopeId, _Missing] = {}
        self._refused: dict[EnvelopeId, Monotonic] = {}
        self._held_back: dict[EnvelopeId, None] = {}
        self._frames: list[tuple[LinkId, Frame]] = []
        # Links that may be asked for more, since when. They are looked through once a batch and
        # not once a frame: a frame of six bytes must not cost a walk through all that is missing.
        self._askable: dict[LinkId, Instant] = {}

    def __len__(self) -> int:
        return len(self._index)

    def load(
        self,
        known: Iterable[tuple[EnvelopeId, UnixSeconds, int]],
        bodiless: Iterable[EnvelopeId] = (),
    ) -> None:
        """Take the (id, created, size class) of the store at start, and whose bodies are missed."""
        self._index.load(known)
        self._bodiless = dict.fromkeys(bodiless)

    def is_known(self, envelope_id: EnvelopeId) -> bool:
        """Whether the id is in the set, with or without a body."""
        return envelope_id in self._index

    def is_body_welcome(self, envelope_id: EnvelopeId) -> bool:
        """Whether a known id lacks the body that this node would keep."""
        return envelope_id in self._bodiless

    def created(self, envelope_id: EnvelopeId) -> UnixSeconds:
        """The creation second of a known id."""
        return self._index.created(envelope_id)

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready: ask for what it has."""
        state = self._links[link] = _LinkState()
        if self._bodiless:
            newest = nlargest(MISSING_BODIES_ASKED_MAX, self._bodiless, key=self._index.created)
            state.bodies_to_ask = newest[::-1]
            self._askable[link] = now
        self._list_from_the_top(link, now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone: what it owed is asked of others."""
        state = self._links.pop(link, None)
        if state is None:
            return
        self._askable.pop(link, None)
        orphans = dict.fromkeys((*state.asked, *state.offered))
        for envelope_id in orphans:
            missing = self._missing[envelope_id]
            missing.announcers.remove(link)
            if missing.owner == link:
                missing.owner = None
            if not missing.announcers:
                del self._missing[envelope_id]
        self._ask_all(now)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame about ids came; PeerError if it is malformed."""
        state = self._links[link]
        match frame:
            case IHave(entries=entries):
                self._offered(link, state, split_entries(entries), now, is_announced=True)
            case IWant(ids=ids):
                self._wanted(link, state, split_ids(ids))
            case NoHave(entries=entries):
                for envelope_id, _ in split_entries(entries):
                    self._drop_announcer(link, state, envelope_id)
                self._ask_all(now)
            case ListWanted(cursor=cursor):
                if cursor and len(cursor) != CURSOR_BYTES:
                    raise PeerError("cut cursor")
                # A neighbour has one page under way: of several wishes the last one counts.
                state.page_wanted = cursor
            case ListPage():
                self._page_came(link, state, frame, now)
            case ListAgain():
                self._relist_within(state, RELIST_AFTER_LOSS_MS, now)
            case _:
                raise PeerError("a frame out of place")

    def body_came(self, link: LinkId, envelope_id: EnvelopeId, now: Instant) -> None:
        """A link brought a whole envelope, known or new; it need not be sent back there."""
        state = self._links[link]
        state.sending.pop(envelope_id, None)
        state.announcing.pop(envelope_id, None)
        # Only what was asked for buys patience for the rest: a link that withholds one body must
        # not hold on to it by pushing others.
        if envelope_id in state.asked:
            state.want_deadline = _after(now, WANT_TIMEOUT_MS)

    def accepted(
        self,
        envelope_id: EnvelopeId,
        created: UnixSeconds,
        size_class: int,
        link: LinkId | None,
        now: Instant,
    ) -> None:
        """An envelope entered the store, brought by `link` or made here: pass it on."""
        self._index.add(envelope_id, created, size_class)
        missing = self._missing.get(envelope_id)
        holders = missing.announcers if missing else []
        for other, state in self._links.items():
            if other != link and other not in holders:
                self._queue(other, state, envelope_id)
        self.settled(envelope_id, now)

    def accepted_without_body(
        self,
        envelope_id: EnvelopeId,
        created: UnixSeconds,
        size_class: int,
        link: LinkId,
        now: Instant,
    ) -> None:
        """A stub entered the store: announce it, and ask others for the body."""
        self._index.add(envelope_id, created, size_class)
        self._bodiless[envelope_id] = None
        self._announce(envelope_id, link)
        self.body_refused(link, envelope_id, now)

    def body_filled(self, envelope_id: EnvelopeId, link: LinkId | None, now: Instant) -> None:
        """The body of a stub that was here came: others may lack it too."""
        del self._bodiless[envelope_id]
        self._announce(envelope_id, link)
        self.settled(envelope_id, now)

    def body_refused(self, link: LinkId, envelope_id: EnvelopeId, now: Instant) -> None:
        """A link has no more of an envelope than its stub."""
        self._drop_announcer(link, self._links[link], envelope_id)
        self._ask_all(now)

    def body_unwelcome(self, envelope_id: EnvelopeId, now: Instant) -> None:
        """An envelope is known to be retired: its body is of no use any more."""
        if self._bodiless.pop(envelope_id, False) is None:
            self.settled(envelope_id, now)

    def body_gone(self, envelope_id: EnvelopeId) -> None:
        """A body was dropped: who was to get it unasked is told of the id instead."""
        for state in self._links.values():
            if state.sending.get(envelope_id) is False:
                del state.sending[envelope_id]
                self._queue_announcement(state, envelope_id)

    def retired(self, element: EnvelopeId, created: UnixSeconds, now: Instant) -> None:
        """A retirement may be known from now on: list it, and announce it."""
        self._held_back.pop(element, None)
        self._index.add(element, created, RETIREMENT_SIZE_CLASS)
        self._announce(element, None)
        self.settled(element, now)

    def held_back(self, element: EnvelopeId, now: Instant) -> None:
        """A retirement is here and not to be known yet: it is not asked for meanwhile."""
        self._held_back[element] = None
        self.settled(element, now)

    def settled(self, envelope_id: EnvelopeId, now: Instant) -> None:
        """An id is no longer missed."""
        missing = self._missing.pop(envelope_id, None)
        if missing is None:
            return
        for link in missing.announcers:
            state = self._links[link]
            state.offered.pop(envelope_id, None)
            _forget_asked(state, envelope_id)
            self._askable[link] = now

    def refused(self, envelope_id: EnvelopeId, now: Instant) -> None:
        """An envelope may not enter here: do not ask for it again soon."""
        self._refused.pop(envelope_id, None)
        self._refused[envelope_id] = now.monotonic
        if len(self._refused) > REFUSED_IDS_MAX:
            del self._refused[next(iter(self._refused))]
        self.settled(envelope_id, now)

    def forgive(self, now: Instant) -> None:
        """Mesh time has jumped: what was refused may be admitted now, so look for it again."""
        if not self._refused:
            return
        self._refused.clear()
        for state in self._links.values():
            self._relist_within(state, RELIST_AFTER_LOSS_MS, now)

    def welcome(self, elements: Iterable[EnvelopeId], now: Instant) -> None:
        """What these retire is here: who lists them again is asked for them."""
        for element in elements:
            self._refused.pop(element, None)
            for state in self._links.values():
                self._relist_within(state, RELIST_AFTER_LOSS_MS, now)

    def deferred_dropped(self, link: LinkId, now: Instant) -> None:
        """An envelope of a link could not be judged for want of room: list again later."""
        self._relist_within(self._links[link], RELIST_AFTER_LOSS_MS, now)

    def body_missing(self, link: LinkId, envelope_id: EnvelopeId) -> None:
        """A body to be sent is no longer here."""
        self._frames.append((link, NoHave(entries=join_entries([(envelope_id, NOHAVE_UNKNOWN)]))))

    def forget(self, envelope_ids: Iterable[EnvelopeId]) -> None:
        """These ids lapsed or were pushed out of their key's quota."""
        for envelope_id in envelope_ids:
            self._index.remove(envelope_id)
            self._bodiless.pop(envelope_id, None)
            self._held_back.pop(envelope_id, None)

    def take_frames(self) -> list[tuple[LinkId, Frame]]:
        """The frames to send, in order."""
        askable, self._askable = self._askable, {}
        for link, since in askable.items():
            self._ask(link, self._links[link], since)
        for link, state in self._links.items():
            if state.page_wanted is not None:
                self._answer_list(link, state.page_wanted)
                state.page_wanted = None
        frames, self._frames = self._frames, []
        return frames

    def has_bodies(self, link: LinkId) -> bool:
        """Whether bodies or announcements wait for room on a link."""
        state = self._links.get(link)
        return state is not None and bool(state.sending or state.announcing)

    def take_announcement(self, link: LinkId) -> IHave | None:
        """The next ids of which a link is told; those that went meanwhile are passed over."""
        state = self._links[link]
        taken = list(state.announcing)[:IDS_PER_FRAME_MAX]
        for id_ in taken:
            del state.announcing[id_]
        entries = [(id_, self._index.size_class(id_)) for id_ in taken if id_ in self._index]
        return IHave(entries=join_entries(entries), flags=FLAG_BACKLOG) if entries else None

    def take_bodies(self, link: LinkId, count_max: int) -> list[EnvelopeId]:
        """The next ids whose bodies go to a link, oldest in the queue first."""
        state = self._links[link]
        taken = list(state.sending)[:count_max] if state.sending else []
        for envelope_id in taken:
            del state.sending[envelope_id]
        if state.has_dropped and not state.sending:
            state.has_dropped = False
            self._frames.append((link, ListAgain()))
        return taken

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called."""
        deadlines = [
            deadline
            for state in self._links.values()
            for deadline in (state.want_deadline, state.relist_at)
            if deadline is not None
        ]
        return min(deadlines, default=None)

    def deadline_passed(self, now: Instant) -> None:
        """Ask others for what did not come; list again where it is time."""
        for link, state in self._links.items():
            if state.want_deadline is not None and now.monotonic >= state.want_deadline:
                for envelope_id in list(state.asked):
                    self._drop_announcer(link, state, envelope_id)
                self._relist_within(state, RELIST_AFTER_LOSS_MS, now)
            if state.relist_at is not None and now.monotonic >= state.relist_at:
                self._list_from_the_top(link, now)
        self._ask_all(now)

    def _list_from_the_top(self, link: LinkId, now: Instant) -> None:
        state = self._links[link]
        self._forget_old_refusals(now)
        jitter_ms = uniform_below(self._entropy, RELIST_INTERVAL_MS)
        state.relist_at = _after(now, RELIST_INTERVAL_MS + jitter_ms)
        state.next_cursor = b""
        state.is_page_awaited = True
        self._frames.append((link, ListWanted(cursor=b"")))

    def _forget_old_refusals(self, now: Instant) -> None:
        """What was too far ahead of us is not for ever."""
        while self._refused:
            oldest, since = next(iter(self._refused.items()))
            if now.monotonic - since < REFUSED_KEPT_MS * 1000:
                break
            del self._refused[oldest]

    def _relist_within(self, state: _LinkState, pause_ms: int, now: Instant) -> None:
        soon = _after(now, pause_ms)
        if state.relist_at is None or soon < state.relist_at:
            state.relist_at = soon

    def _answer_list(self, link: LinkId, cursor: bytes) -> None:
        page, next_cursor = self._index.page(cursor, IDS_PER_FRAME_MAX)
        self._frames.append((link, ListPage(entries=join_entries(page), next_cursor=next_cursor)))

    def _page_came(self, link: LinkId, state: _LinkState, page: ListPage, now: Instant) -> None:
        if not state.is_page_awaited:
            return
        if page.next_cursor and len(page.next_cursor) != CURSOR_BYTES:
            raise PeerError("cut cursor")
        if page.next_cursor and state.next_cursor and page.next_cursor >= state.next_cursor:
            raise PeerError("a list that does not end")
        state.is_page_awaited = False
        state.next_cursor = page.next_cursor
        self._offered(link, state, split_entries(page.entries), now)

    def _offered(
        self,
        link: LinkId,
        state: _LinkState,
        entries: Iterable[tuple[EnvelopeId, int]],
        now: Instant,
        *,
        is_announced: bool = False,
    ) -> None:
        """A neighbour has these: note what we lack, and do not push what it has."""
        for envelope_id, size_class in entries:
            if not state.sending.get(envelope_id):
                # What it asked for it gets: it may know the id without the body.
                state.sending.pop(envelope_id, None)
            state.announcing.pop(envelope_id, None)
            if envelope_id in self._refused or envelope_id in self._held_back:
                continue
            if envelope_id in state.asked:
                continue
            if envelope_id in self._index and not self._may_ask_body(
                state, envelope_id, is_announced=is_announced
            ):
                continue
            self._note_offer(link, state, envelope_id, _bytes_of(size_class), now)
        self._askable[link] = now

    def _may_ask_body(
        self, state: _LinkState, envelope_id: EnvelopeId, *, is_announced: bool
    ) -> bool:
        """A link is asked once for the body of a stub, and again when it announces it."""
        if envelope_id not in self._bodiless:
            return False
        if envelope_id in state.bodies_asked:
            return is_announced
        if len(state.bodies_asked) >= MISSING_BODIES_ASKED_MAX:
            return False
        state.bodies_asked[envelope_id] = None
        return True

    def _note_offer(
        self,
        link: LinkId,
        state: _LinkState,
        envelope_id: EnvelopeId,
        size_bytes: int,
        now: Instant,
    ) -> None:
        if len(state.offered) + len(state.asked) >= OFFERED_IDS_PER_LINK_MAX:
            self._relist_within(state, RELIST_AFTER_LOSS_MS, now)
            return
        missing = self._missing.get(envelope_id)
        if missing is None:
            if len(self._missing) >= MISSING_IDS_MAX:
                self._relist_within(state, RELIST_AFTER_LOSS_MS, now)
                return
            missing = self._missing[envelope_id] = _Missing(size_bytes)
        if link not in missing.announcers and len(missing.announcers) < ANNOUNCERS_PER_ID_MAX:
            missing.announcers.append(link)
            state.offered[envelope_id] = None

    def _ask_all(self, now: Instant) -> None:
        self._askable.update(dict.fromkeys(self._links, now))

    def _ask(self, link: LinkId, state: _LinkState, since: Instant) -> None:
        """Ask a link for what nobody else was asked for, and for its next page."""
        while state.bodies_to_ask and len(state.offered) + len(state.asked) < IDS_PER_FRAME_MAX:
            lacked = state.bodies_to_ask.pop()
            if self._may_ask_body(state, lacked, is_announced=False):
                size_bytes = SIZE_BYTES[self._index.size_class(lacked)]
                self._note_offer(link, state, lacked, size_bytes, since)
        wanted: list[EnvelopeId] = []
        for envelope_id in list(state.offered):
            missing = self._missing[envelope_id]
            if missing.owner is not None:
                continue
            if (
                len(state.asked) >= WANTS_PER_LINK_MAX
                or state.asked_bytes + missing.size_bytes > WANTS_PER_LINK_BYTES_MAX
            ):
                break
            missing.owner = link
            del state.offered[envelope_id]
            state.asked[envelope_id] = missing.size_bytes
            state.asked_bytes += missing.size_bytes
            wanted.append(envelope_id)
        if wanted:
            state.want_deadline = _after(since, WANT_TIMEOUT_MS)
            self._frames.append((link, IWant(ids=b"".join(wanted))))
        is_hungry = len(state.offered) + len(state.asked) < IDS_PER_FRAME_MAX
        if state.next_cursor and not state.is_page_awaited and is_hungry:
            state.is_page_awaited = True
            self._frames.append((link, ListWanted(cursor=state.next_cursor)))

    def _wanted(self, link: LinkId, state: _LinkState, ids: list[EnvelopeId]) -> None:
        refused: list[tuple[EnvelopeId, int]] = []
        for envelope_id in ids:
            if envelope_id not in self._index:
                refused.append((envelope_id, NOHAVE_UNKNOWN))
            elif len(state.sending) >= SENDING_IDS_PER_LINK_MAX:
                refused.append((envelope_id, NOHAVE_BUSY))
            else:
                state.sending[envelope_id] = True
        if refused:
            self._frames.append((link, NoHave(entries=join_entries(refused))))

    def _queue(self, link: LinkId, state: _LinkState, envelope_id: EnvelopeId) -> None:
        if len(state.sending) < SENDING_IDS_PER_LINK_MAX:
            state.sending.setdefault(envelope_id, False)
        else:
            state.has_dropped = True

    def _announce(self, envelope_id: EnvelopeId, link: LinkId | None) -> None:
        """Tell all links but the one that brought it, and those that have it."""
        missing = self._missing.get(envelope_id)
        holders = missing.announcers if missing else []
        for other, state in self._links.items():
            if other != link and other not in holders:
                self._queue_announcement(state, envelope_id)

    def _queue_announcement(self, state: _LinkState, envelope_id: EnvelopeId) -> None:
        if len(state.announcing) < SENDING_IDS_PER_LINK_MAX:
            state.announcing[envelope_id] = None
        else:
            state.has_dropped = True

    def _drop_announcer(self, link: LinkId, state: _LinkState, envelope_id: EnvelopeId) -> None:
        """A link does not have, or does not give, what it announced."""
        missing = self._missing.get(envelope_id)
        if missing is None or link not in missing.announcers:
            return
        missing.announcers.remove(link)
        state.offered.pop(envelope_id, None)
        _forget_asked(state, envelope_id)
        if missing.owner == link:
            missing.owner = None
        if not missing.announcers:
            del self._missing[envelope_id]


def _bytes_of(size_class: int) -> int:
    if size_class == RETIREMENT_SIZE_CLASS:
        return RETIREMENT_BYTES
    if size_class >= len(SIZE_BYTES):
        raise PeerError("unknown size class")
    return SIZE_BYTES[size_class]


def _forget_asked(state: _LinkState, envelope_id: EnvelopeId) -> None:
    state.asked_bytes -= state.asked.pop(envelope_id, 0)
    if not state.asked:
        state.want_deadline = None


def _after(now: Instant, pause_ms: int) -> Monotonic:
    return Monotonic(now.monotonic + pause_ms * 1000)
