"""Anti-entropy: two peers make their sets of ids equal, in proportion to what differs.

Implements `docs/protocol/spreading.md`, section "Comparing two sets". A live machine. At link-up
the side that dialled reconciles each lifetime class; from then on a node now and then tells a
random peer the fingerprints of its sets (`roots`), and whoever sees a difference reconciles
that class. The side that opens learns both differences: what it lacks it asks for, what the other
lacks it announces. The other side answers (`responder`).

Sums of ids can be made to agree by who crafts ids (Wagner's generalised birthday). So the first
borders are drawn anew each time, and *audits* compare sums that are salted with a fresh nonce.

Nothing here is lost by giving up: a session that was refused, cut or not answered is opened again
after a pause.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds, earliest
from mesh.limits.anti_entropy import (
    AUDIT_IDS_MAX,
    RECONCILE_AFTER_LOSS_MS,
    RECONCILE_BUSY_SECONDS_MAX,
    RECONCILE_FRAME_BYTES_MAX,
    RECONCILE_MESSAGES_PER_SECOND,
    RECONCILE_ROUNDS_MAX,
    RECONCILE_TIMEOUT_MS,
)
from mesh.replication.negentropy import SPLIT_DAEMON, Difference, Reconciliation, Split
from mesh.replication.range_audit import AuditedRange, bound_of, count_of, draw_range, salted_sum
from mesh.replication.responder import Responder
from mesh.replication.roots import ROOT_CEILING_S, Roots
from mesh.replication.seen_sets import CLASSES_COUNT, SeenSets
from mesh.token_bucket import TokenBucket
from mesh.wire.frames import (
    NEG_CLOSE_BUSY,
    NEG_CLOSE_FLOOR,
    Audit,
    AuditResult,
    Frame,
    NegClose,
    NegMessage,
    NegOpen,
    Root,
)

SUSPECTED_LEAF: Final = 8
"""After an audit that failed the range is compared in parts of so many ids at most: sets so small
cannot be made to agree."""

AUDIT_ONE_IN: Final = 16
SESSION_MAX: Final = 0xFFFF


@dataclass(slots=True)
class Learned:
    """The findings of a comparison with a peer."""

    link: LinkId
    have: list[EnvelopeId]
    need: list[EnvelopeId]


@dataclass(slots=True)
class _Opened:
    """A session that this side has opened."""

    session: int
    lifetime_class: int
    floor: UnixSeconds
    reconciliation: Reconciliation
    is_suspected: bool = False
    is_equal: bool = True
    messages_count: int = 0
    reopened_count: int = 0


@dataclass(slots=True)
class _Audited:
    """An audit whose answer is awaited."""

    session: int
    range: AuditedRange
    count: int
    total: int


@dataclass(slots=True)
class _LinkState:
    """The comparison under way with one peer. Who dialled numbers his sessions evenly."""

    parity: int
    # Answers of theirs that we read on.
    answers_allowance: TokenBucket
    open_after: Monotonic
    waiting: list[int] = field(default_factory=list)
    suspected: AuditedRange | None = None
    opened: _Opened | None = None
    audited: _Audited | None = None
    deadline: Monotonic | None = None
    sessions_count: int = 0
    synced: dict[int, None] = field(default_factory=dict)

    @property
    def wants_to_open(self) -> bool:
        """Say whether something waits to be compared, and nothing is under way."""
        is_idle = self.opened is None and self.audited is None
        return is_idle and (bool(self.waiting) or self.suspected is not None)

    @property
    def is_busy(self) -> bool:
        """Say whether something is under way from this side, or waits to be."""
        return self.deadline is not None or bool(self.waiting) or self.suspected is not None


class AntiEntropy:
    """Reconciliation with all peers."""

    def __init__(self, sets: SeenSets, entropy: Entropy) -> None:
        self._sets = sets
        self._entropy = entropy
        self._responder = Responder(sets, entropy)
        self._roots = Roots(sets, entropy)
        self._links: dict[LinkId, _LinkState] = {}
        # All that are busy are among them: mostly there is none, and nothing to look at.
        self._busy: dict[LinkId, _LinkState] = {}
        self._frames: list[tuple[LinkId, Frame]] = []
        self._learned: list[Learned] = []

    def link_up(self, link: LinkId, now: Instant, *, is_dialled_by_us: bool) -> None:
        """A link is ready; who dialled it compares everything at once."""
        rate = RECONCILE_MESSAGES_PER_SECOND
        state = self._links[link] = _LinkState(
            parity=0 if is_dialled_by_us else 1,
            # Honest answers keep to the other side's allowance for us.
            answers_allowance=TokenBucket(per_second=2 * rate, burst=2 * rate, now=now),
            open_after=now.monotonic,
        )
        self._responder.link_up(link, now)
        self._roots.link_up(link, now)
        if is_dialled_by_us:
            self._want_all(link, state)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone."""
        self._links.pop(link, None)
        self._busy.pop(link, None)
        self._responder.link_down(link)
        self._roots.link_down(link, now)

    def compare(self, link: LinkId, now: Instant, *, pause_ms: int = 0) -> None:
        """Reconcile all classes with a peer: something was dropped or has changed."""
        state = self._links.get(link)
        if state is not None:
            self._want_all(link, state)
            _pause(state, pause_ms, now)

    def stop(self, link: LinkId, now: Instant) -> None:
        """There is no room for more of what this side learns: end the session.

        Who stops it compares again when there is room.
        """
        state = self._links[link]
        if state.opened is not None:
            self._frames.append((link, NegMessage(state.opened.session, b"")))
            state.opened, state.deadline = None, None
            self._roots.changed(now)

    def received(self, link: LinkId, frame: Frame, now: Instant) -> None:
        """A frame of reconciliation came; PeerError if it is malformed."""
        state = self._links[link]
        match frame:
            case NegOpen(session=session):
                if session & 1 == state.parity:
                    raise PeerError("a reconciliation that cannot be")
                self._answer(link, self._responder.opened(link, frame, now))
            case NegMessage(session=session, message=message):
                if session & 1 == state.parity:
                    self._answer_came(link, state, session, message, now)
                else:
                    self._answer(link, self._responder.continued(link, frame, now))
            case NegClose():
                self._close_came(link, state, frame, now)
            case Root(entries=entries):
                for lifetime_class in self._roots.differing(link, entries, now):
                    self._want(link, state, lifetime_class)
            case Audit():
                self._answer(link, self._responder.audited(link, frame, now))
            case AuditResult():
                self._audit_result_came(link, state, frame)
            case _:
                raise PeerError("a frame out of place")

    def take_frames(self, now: Instant) -> list[tuple[LinkId, Frame]]:
        """The frames to send, in order; what waits to be compared is opened, one a link."""
        if self._busy:
            self._open_waiting(now)
        frames, self._frames = self._frames, []
        return frames

    def take_learned(self) -> list[Learned]:
        """Return what was learned since the last call."""
        learned, self._learned = self._learned, []
        return learned

    def deadline(self) -> Monotonic | None:
        """Return when `deadline_passed` wants to be called."""
        found = self._roots.deadline()
        for state in self._busy.values():
            at = state.deadline
            if at is not None and (found is None or at < found):
                found = at
            if state.wants_to_open:
                found = earliest((found, state.open_after))
        return found

    def deadline_passed(self, is_eager: Callable[[LinkId], bool], now: Instant) -> None:
        """Give up on who does not answer; tell a peer our roots when it is time."""
        for link, state in self._links.items():
            if state.deadline is not None and now.monotonic >= state.deadline:
                state.audited = None
                self._give_up(link, state, now)
        self._frames += self._roots.deadline_passed(is_eager, now)

    # --- Opening ------------------------------------------------------------------------------

    def _open_waiting(self, now: Instant) -> None:
        self._busy = {link: state for link, state in self._links.items() if state.is_busy}
        for link, state in self._busy.items():
            if not state.wants_to_open or state.open_after > now.monotonic:
                continue
            suspected, state.suspected = state.suspected, None
            if suspected is not None:
                self._open_suspected(link, state, suspected, now)
            else:
                lifetime_class = state.waiting.pop(0)
                self._open(
                    link, state, lifetime_class, self._sets.floor(lifetime_class, now.mesh), now
                )

    def _open(
        self,
        link: LinkId,
        state: _LinkState,
        lifetime_class: int,
        floor: UnixSeconds,
        now: Instant,
        *,
        reopened_count: int = 0,
    ) -> None:
        reconciliation = self._reconciliation(lifetime_class, floor, SPLIT_DAEMON)
        opened = _Opened(
            _next_session(state),
            lifetime_class,
            floor,
            reconciliation,
            reopened_count=reopened_count,
        )
        message = reconciliation.initiate(lambda bound: uniform_below(self._entropy, bound))
        self._send_open(link, state, opened, message, now)

    def _open_suspected(
        self, link: LinkId, state: _LinkState, suspected: AuditedRange, now: Instant
    ) -> None:
        """Compare a range whose salted sums differed in parts that are too small to be crafted."""
        count = count_of(self._sets.of_class(suspected.lifetime_class), suspected)
        buckets = max(min(count, AUDIT_IDS_MAX) // SUSPECTED_LEAF, 1)
        leaf = SUSPECTED_LEAF
        split = Split(buckets, leaf, sparse_buckets=leaf, sparse_leaf=leaf)
        floor = suspected.floor
        reconciliation = self._reconciliation(suspected.lifetime_class, floor, split)
        opened = _Opened(
            _next_session(state), suspected.lifetime_class, floor, reconciliation, is_suspected=True
        )
        message = reconciliation.initiate_below(bound_of(suspected.ceiling))
        self._send_open(link, state, opened, message, now)

    def _send_open(
        self, link: LinkId, state: _LinkState, opened: _Opened, message: bytes, now: Instant
    ) -> None:
        state.opened = opened
        state.deadline = now.after(RECONCILE_TIMEOUT_MS)
        open_ = NegOpen(opened.session, opened.lifetime_class, opened.floor, message)
        self._frames.append((link, open_))

    def _cut(self, link: LinkId, state: _LinkState, opened: _Opened, now: Instant) -> None:
        """A session takes too many messages: go on with the rest of it later."""
        self._frames.append((link, NegMessage(opened.session, b"")))
        self._give_up(link, state, now)

    def _give_up(self, link: LinkId, state: _LinkState, now: Instant) -> None:
        """A session has not come to its end; its class is compared again by and by."""
        if state.opened is not None:
            self._want(link, state, state.opened.lifetime_class)
            _pause(state, RECONCILE_AFTER_LOSS_MS, now)
            self._roots.changed(now)
        state.opened, state.deadline = None, None

    def _answer_came(
        self, link: LinkId, state: _LinkState, session: int, answer: bytes, now: Instant
    ) -> None:
        opened = state.opened
        if opened is None or opened.session != session:
            return
        if not (state.answers_allowance.take(1, now) and self._responder.may_compute(now)):
            self._cut(link, state, opened, now)
            return
        difference, before = Difference(), opened.reconciliation.ranges_count
        try:
            message = opened.reconciliation.learn(answer, difference)
        finally:
            self._responder.computed(opened.reconciliation.ranges_count - before, now)
        if difference.have or difference.need:
            opened.is_equal = False
            have = [EnvelopeId(id_) for id_ in difference.have]
            need = [EnvelopeId(id_) for id_ in difference.need]
            self._learned.append(Learned(link, have, need))
        opened.messages_count += 1
        if message is not None and opened.messages_count < RECONCILE_ROUNDS_MAX:
            state.deadline = now.after(RECONCILE_TIMEOUT_MS)
            self._frames.append((link, NegMessage(session, message)))
            return
        if message is not None:
            self._cut(link, state, opened, now)
            return
        self._frames.append((link, NegMessage(session, b"")))
        self._finished(link, state, opened, now)

    def _finished(self, link: LinkId, state: _LinkState, opened: _Opened, now: Instant) -> None:
        """A session has come to its end: what was found equal is sometimes audited."""
        state.opened, state.deadline = None, None
        if not opened.is_equal:
            self._roots.changed(now)
        is_first = opened.lifetime_class not in state.synced
        is_auditable = opened.is_equal and not opened.is_suspected
        if is_auditable and (is_first or uniform_below(self._entropy, AUDIT_ONE_IN) == 0):
            self._audit(link, state, opened, now)

    def _close_came(self, link: LinkId, state: _LinkState, close: NegClose, now: Instant) -> None:
        """They will not go on with a session of ours."""
        opened = state.opened
        if opened is None or opened.session != close.session:
            return
        state.opened, state.deadline = None, None
        lifetime_class = opened.lifetime_class
        is_later = opened.floor < close.value <= now.mesh
        if close.reason == NEG_CLOSE_FLOOR and is_later and opened.reopened_count == 0:
            floor = UnixSeconds(close.value)
            self._open(link, state, lifetime_class, floor, now, reopened_count=1)
        elif close.reason == NEG_CLOSE_BUSY:
            self._want(link, state, lifetime_class)
            pause_s = min(max(close.value, 1), RECONCILE_BUSY_SECONDS_MAX)
            _pause(state, 1_000 * pause_s, now)

    def _reconciliation(
        self, lifetime_class: int, floor: UnixSeconds, split: Split
    ) -> Reconciliation:
        return Reconciliation(
            self._sets.of_class(lifetime_class),
            floor=bound_of(floor),
            split=split,
            frame_bytes_max=RECONCILE_FRAME_BYTES_MAX,
        )

    # --- Audits -------------------------------------------------------------------------------

    def _audit(self, link: LinkId, state: _LinkState, opened: _Opened, now: Instant) -> None:
        """Ask for a salted sum of a range of what was found equal, but for what is on its way."""
        lifetime_class = opened.lifetime_class
        index = self._sets.of_class(lifetime_class)
        ceiling = UnixSeconds(max(now.mesh - ROOT_CEILING_S, 0))
        drawn = draw_range(index, lifetime_class, opened.floor, ceiling, self._entropy)
        if drawn is None:
            state.synced[lifetime_class] = None
            return
        nonce = self._entropy.draw(16)
        state.audited = _Audited(
            opened.session, drawn, count_of(index, drawn), salted_sum(index, drawn, nonce)
        )
        state.deadline = now.after(RECONCILE_TIMEOUT_MS)
        audit = Audit(opened.session, lifetime_class, nonce, drawn.floor, drawn.ceiling)
        self._frames.append((link, audit))

    def _audit_result_came(self, link: LinkId, state: _LinkState, result: AuditResult) -> None:
        audited = state.audited
        if audited is None or audited.session != result.session:
            return
        state.audited, state.deadline = None, None
        state.synced[audited.range.lifetime_class] = None
        if (result.count, result.total) != (audited.count, audited.total):
            # Old mail that came meanwhile, or ids that were made to agree.
            state.suspected = audited.range
            self._busy[link] = state

    # --- What is to be compared ---------------------------------------------------------------

    def _answer(self, link: LinkId, answer: Frame | None) -> None:
        if answer is not None:
            self._frames.append((link, answer))

    def _want(self, link: LinkId, state: _LinkState, lifetime_class: int) -> None:
        if lifetime_class not in state.waiting:
            state.waiting.append(lifetime_class)
        self._busy[link] = state

    def _want_all(self, link: LinkId, state: _LinkState) -> None:
        for lifetime_class in range(CLASSES_COUNT):
            self._want(link, state, lifetime_class)


def _pause(state: _LinkState, pause_ms: int, now: Instant) -> None:
    """Open nothing with a peer for a while."""
    state.open_after = max(state.open_after, now.after(pause_ms))


def _next_session(state: _LinkState) -> int:
    session = (2 * state.sessions_count + state.parity) & SESSION_MAX
    state.sessions_count += 1
    return session
