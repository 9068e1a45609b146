"""Anti-entropy: two neighbours make their sets of ids equal, in proportion to what differs.

Implements `docs/protocol/spreading.md`, section "Reconciliation". A live machine. At link-up the
side that dialled reconciles each lifetime class; from then on a node now and then tells a random
neighbour the fingerprints of its sets (`Root`), and whoever sees a difference reconciles that
class. The side that opens learns both differences: what it lacks it asks for, what the other lacks
it announces. Who answers keeps the class and the floor, and nothing else.

Sums of ids can be made to agree by who crafts ids (Wagner's generalised birthday). So the first
borders are drawn anew each time, and *audits* compare sums that are salted with a fresh nonce.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Final

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits import (
    AUDIT_IDS_MAX,
    RECONCILE_FRAME_BYTES_MAX,
    RECONCILE_MESSAGES_PER_SECOND,
    RECONCILE_ROUNDS_MAX,
    RECONCILE_TIMEOUT_MS,
    ROOT_INTERVAL_MAX_MS,
    ROOT_INTERVAL_MS,
)
from mesh.replication.negentropy import (
    SPLIT_DAEMON,
    Difference,
    Reconciliation,
    Split,
    fingerprint,
)
from mesh.replication.seen_index import CREATED_BYTES, SeenIndex
from mesh.replication.seen_sets import CLASSES_COUNT, SeenSets, floor_of
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
    RootEntry,
)

SPLIT_SUSPICIOUS: Final = Split(64, 8)
"""After an audit that failed: many borders that nobody could foresee."""

AUDIT_ONE_IN: Final = 16
ROOT_CEILING_S: Final = 60
"""A root leaves out what was created within a minute: it may be on its way."""

SESSION_MAX: Final = 0xFFFF
_AUDIT_HASH_BYTES: Final = 8


@dataclass(slots=True)
class Learned:
    """What reconciling with a neighbour has shown."""

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
    is_equal: bool = True
    messages_count: int = 0
    reopened_count: int = 0


@dataclass(slots=True)
class _Audited:
    """An audit whose answer is awaited."""

    session: int
    lifetime_class: int
    count: int
    total: int


@dataclass(slots=True)
class _Served:
    """A session of the other side."""

    session: int
    lifetime_class: int
    floor: UnixSeconds


@dataclass(slots=True)
class _LinkState:
    """What is under way with one neighbour. Who dialled numbers his sessions evenly."""

    parity: int
    allowed_at: Monotonic
    waiting: list[tuple[int, Split]] = field(default_factory=list)
    opened: _Opened | None = None
    audited: _Audited | None = None
    served: _Served | None = None
    deadline: Monotonic | None = None
    sessions_count: int = 0
    allowance: int = RECONCILE_MESSAGES_PER_SECOND
    synced: dict[int, None] = field(default_factory=dict)


class AntiEntropy:
    """Reconciliation with all neighbours."""

    def __init__(self, sets: SeenSets, entropy: Entropy) -> None:
        self._sets = sets
        self._entropy = entropy
        self._links: dict[LinkId, _LinkState] = {}
        self._frames: list[tuple[LinkId, Frame]] = []
        self._learned: list[Learned] = []
        self._root_at: Monotonic | None = None
        self._root_interval_ms = ROOT_INTERVAL_MS

    def link_up(self, link: LinkId, now: Instant, *, is_dialled_by_us: bool) -> None:
        """A link is ready; who dialled it compares everything at once."""
        parity = 0 if is_dialled_by_us else 1
        state = self._links[link] = _LinkState(parity, now.monotonic)
        self._root_soon(now)
        if is_dialled_by_us:
            state.waiting = [(one, SPLIT_DAEMON) for one in range(CLASSES_COUNT)]

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone."""
        self._links.pop(link, None)
        self._root_soon(now)

    def compare(self, link: LinkId) -> None:
        """Reconcile all classes with a neighbour: something was dropped or has changed."""
        state = self._links.get(link)
        if state is not None:
            for lifetime_class in range(CLASSES_COUNT):
                self._want(state, lifetime_class, SPLIT_DAEMON)

    def received(self, link: LinkId, frame: Frame, mesh_now: UnixSeconds, now: Instant) -> None:
        """A frame of reconciliation came; PeerError if it is malformed."""
        state = self._links[link]
        match frame:
            case NegOpen():
                self._open_came(link, state, frame, mesh_now, now)
            case NegMessage(session=session, message=message):
                self._message_came(link, state, session, message, mesh_now, now)
            case NegClose():
                self._close_came(link, state, frame, mesh_now, now)
            case Root(entries=entries):
                self._root_came(link, state, entries, mesh_now, now)
            case Audit():
                self._audit_came(link, state, frame, now)
            case AuditResult():
                self._audit_result_came(link, state, frame, mesh_now, now)
            case _:
                raise PeerError("a frame out of place")

    def take_frames(self, mesh_now: UnixSeconds, now: Instant) -> list[tuple[LinkId, Frame]]:
        """The frames to send, in order; what waits to be compared is opened, one a link."""
        for link, state in self._links.items():
            if state.waiting and state.opened is None and state.audited is None:
                lifetime_class, split = state.waiting.pop(0)
                floor = floor_of(lifetime_class, mesh_now)
                self._open(link, state, lifetime_class, floor, split, now)
        frames, self._frames = self._frames, []
        return frames

    def take_learned(self) -> list[Learned]:
        """What was learned since the last call."""
        learned, self._learned = self._learned, []
        return learned

    def deadline(self) -> Monotonic | None:
        """When `deadline_passed` wants to be called."""
        deadlines = [state.deadline for state in self._links.values() if state.deadline is not None]
        if self._root_at is not None and self._links:
            deadlines.append(self._root_at)
        return min(deadlines, default=None)

    def deadline_passed(self, mesh_now: UnixSeconds, now: Instant) -> None:
        """Give up on who does not answer; tell a neighbour our roots when it is time."""
        for state in self._links.values():
            if state.deadline is not None and now.monotonic >= state.deadline:
                state.opened, state.audited, state.deadline = None, None, None
        if self._root_at is not None and now.monotonic >= self._root_at:
            self._tell_root(mesh_now, now)

    # --- Opening ------------------------------------------------------------------------------

    def _want(self, state: _LinkState, lifetime_class: int, split: Split) -> None:
        if all(waiting != lifetime_class for waiting, _ in state.waiting):
            state.waiting.append((lifetime_class, split))

    def _open(
        self,
        link: LinkId,
        state: _LinkState,
        lifetime_class: int,
        floor: UnixSeconds,
        split: Split,
        now: Instant,
        *,
        reopened_count: int = 0,
    ) -> None:
        session = (2 * state.sessions_count + state.parity) & SESSION_MAX
        state.sessions_count += 1
        reconciliation = self._reconciliation(lifetime_class, floor, split)
        state.opened = _Opened(
            session,
            lifetime_class,
            floor,
            reconciliation,
            reopened_count=reopened_count,
        )
        state.deadline = _after(now, RECONCILE_TIMEOUT_MS)
        message = reconciliation.initiate(lambda bound: uniform_below(self._entropy, bound))
        self._frames.append((link, NegOpen(session, lifetime_class, floor, message)))

    def _message_came(
        self,
        link: LinkId,
        state: _LinkState,
        session: int,
        message: bytes,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        """An answer to a session of ours, or the next message of one of theirs."""
        if session & 1 == state.parity:
            self._answer_came(link, state, session, message, mesh_now, now)
            return
        served = state.served
        if served is None or served.session != session:
            # It was given up here.
            return
        if not message:
            state.served = None
            return
        self._serve(link, state, served, message, now)

    def _answer_came(
        self,
        link: LinkId,
        state: _LinkState,
        session: int,
        answer: bytes,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        opened = state.opened
        if opened is None or opened.session != session:
            return
        difference = Difference()
        message = opened.reconciliation.learn(answer, difference)
        if difference.have or difference.need:
            opened.is_equal = False
            have = [EnvelopeId(id_) for id_ in difference.have]
            need = [EnvelopeId(id_) for id_ in difference.need]
            self._learned.append(Learned(link, have, need))
        opened.messages_count += 1
        if message is not None and opened.messages_count < RECONCILE_ROUNDS_MAX:
            state.deadline = _after(now, RECONCILE_TIMEOUT_MS)
            self._frames.append((link, NegMessage(session, message)))
            return
        self._frames.append((link, NegMessage(session, b"")))
        self._finished(link, state, opened, mesh_now, now)

    def _finished(
        self,
        link: LinkId,
        state: _LinkState,
        opened: _Opened,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        """A session has come to its end: what was found equal is sometimes audited."""
        state.opened, state.deadline = None, None
        if not opened.is_equal:
            self._root_soon(now)
        is_first = opened.lifetime_class not in state.synced
        if opened.is_equal and (is_first or uniform_below(self._entropy, AUDIT_ONE_IN) == 0):
            self._audit(link, state, opened, now)

    def _close_came(
        self,
        link: LinkId,
        state: _LinkState,
        close: NegClose,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        """They will not go on with a session of ours."""
        opened = state.opened
        if opened is None or opened.session != close.session:
            return
        state.opened, state.deadline = None, None
        is_later = opened.floor < close.value <= mesh_now
        if close.reason == NEG_CLOSE_FLOOR and is_later and opened.reopened_count == 0:
            floor = UnixSeconds(close.value)
            lifetime_class = opened.lifetime_class
            self._open(link, state, lifetime_class, floor, SPLIT_DAEMON, now, reopened_count=1)

    # --- Serving ------------------------------------------------------------------------------

    def _open_came(
        self,
        link: LinkId,
        state: _LinkState,
        open_: NegOpen,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        if open_.session & 1 == state.parity or open_.lifetime_class >= CLASSES_COUNT:
            raise PeerError("a reconciliation that cannot be")
        floor = floor_of(open_.lifetime_class, mesh_now)
        if open_.floor < floor:
            self._frames.append((link, NegClose(open_.session, NEG_CLOSE_FLOOR, floor)))
            return
        floor = UnixSeconds(open_.floor)
        state.served = _Served(open_.session, open_.lifetime_class, floor)
        self._serve(link, state, state.served, open_.message, now)

    def _serve(
        self, link: LinkId, state: _LinkState, served: _Served, message: bytes, now: Instant
    ) -> None:
        if not self._is_allowed(state, now):
            state.served = None
            self._frames.append((link, NegClose(served.session, NEG_CLOSE_BUSY, 1)))
            return
        reconciliation = self._reconciliation(served.lifetime_class, served.floor, SPLIT_DAEMON)
        answer = reconciliation.respond(message)
        self._frames.append((link, NegMessage(served.session, answer)))

    def _is_allowed(self, state: _LinkState, now: Instant) -> bool:
        """A token bucket: each message of theirs costs us up to some milliseconds."""
        passed = now.monotonic - state.allowed_at
        fresh = passed * RECONCILE_MESSAGES_PER_SECOND // 1_000_000
        if fresh:
            state.allowance = min(state.allowance + fresh, RECONCILE_MESSAGES_PER_SECOND)
            state.allowed_at = now.monotonic
        if not state.allowance:
            return False
        state.allowance -= 1
        return True

    def _reconciliation(
        self, lifetime_class: int, floor: UnixSeconds, split: Split
    ) -> Reconciliation:
        return Reconciliation(
            self._sets.of_class(lifetime_class),
            floor=_bound(floor),
            split=split,
            frame_bytes_max=RECONCILE_FRAME_BYTES_MAX,
        )

    # --- Roots --------------------------------------------------------------------------------

    def _tell_root(self, mesh_now: UnixSeconds, now: Instant) -> None:
        """Tell one random neighbour what our sets come to."""
        self._plan_root(now)
        self._root_interval_ms = min(2 * self._root_interval_ms, ROOT_INTERVAL_MAX_MS)
        links = list(self._links)
        if not links:
            return
        link = links[uniform_below(self._entropy, len(links))]
        ceiling = UnixSeconds((mesh_now - ROOT_CEILING_S) // 60 * 60)
        entries = []
        for lifetime_class in range(CLASSES_COUNT):
            floor = floor_of(lifetime_class, mesh_now)
            count, value = self._root_of(lifetime_class, floor, ceiling)
            entries.append(RootEntry(lifetime_class, floor, ceiling, count, value))
        self._frames.append((link, Root(entries)))

    def _root_came(
        self,
        link: LinkId,
        state: _LinkState,
        entries: list[RootEntry],
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        for entry in entries:
            if entry.lifetime_class >= CLASSES_COUNT or entry.ceiling < entry.floor:
                raise PeerError("a root that cannot be")
            if entry.floor < floor_of(entry.lifetime_class, mesh_now):
                # Part of it has lapsed here: they will hear of ours.
                continue
            floor, ceiling = UnixSeconds(entry.floor), UnixSeconds(entry.ceiling)
            ours = self._root_of(entry.lifetime_class, floor, ceiling)
            if ours != (entry.count, entry.fingerprint):
                self._want(state, entry.lifetime_class, SPLIT_DAEMON)

    def _root_of(
        self, lifetime_class: int, floor: UnixSeconds, ceiling: UnixSeconds
    ) -> tuple[int, bytes]:
        index = self._sets.of_class(lifetime_class)
        lower, upper = index.rank(_bound(floor)), index.rank(_bound(ceiling))
        return upper - lower, fingerprint(index, lower, upper)

    def _root_soon(self, now: Instant) -> None:
        """Something changed: tell roots at the shortest interval again."""
        self._root_interval_ms = ROOT_INTERVAL_MS
        soon = _after(now, 3 * ROOT_INTERVAL_MS // 2)
        if self._root_at is None or self._root_at > soon:
            self._plan_root(now)

    def _plan_root(self, now: Instant) -> None:
        half = self._root_interval_ms // 2
        self._root_at = _after(now, half + uniform_below(self._entropy, 2 * half))

    # --- Audits -------------------------------------------------------------------------------

    def _audit(self, link: LinkId, state: _LinkState, opened: _Opened, now: Instant) -> None:
        """Ask for a salted sum of a range of what was found equal."""
        index = self._sets.of_class(opened.lifetime_class)
        lower, upper = index.rank(_bound(opened.floor)), len(index)
        if upper == lower:
            state.synced[opened.lifetime_class] = None
            return
        if upper - lower > AUDIT_IDS_MAX:
            lower += uniform_below(self._entropy, upper - lower - AUDIT_IDS_MAX)
            upper = lower + AUDIT_IDS_MAX
        # Whole seconds, so that both cut at the same place.
        floor = _created_of(index.key(lower))
        ceiling = UnixSeconds(_created_of(index.key(upper - 1)) + 1)
        nonce = self._entropy.draw(16)
        count, total = _salted(index, floor, ceiling, nonce)
        state.audited = _Audited(opened.session, opened.lifetime_class, count, total)
        state.deadline = _after(now, RECONCILE_TIMEOUT_MS)
        audit = Audit(opened.session, opened.lifetime_class, nonce, floor, ceiling)
        self._frames.append((link, audit))

    def _audit_came(self, link: LinkId, state: _LinkState, audit: Audit, now: Instant) -> None:
        if audit.lifetime_class >= CLASSES_COUNT or audit.ceiling <= audit.floor:
            raise PeerError("an audit that cannot be")
        if not self._is_allowed(state, now):
            return
        index = self._sets.of_class(audit.lifetime_class)
        floor, ceiling = UnixSeconds(audit.floor), UnixSeconds(audit.ceiling)
        lower, upper = index.rank(_bound(floor)), index.rank(_bound(ceiling))
        if upper - lower > 2 * AUDIT_IDS_MAX:
            return
        count, total = _salted(index, floor, ceiling, audit.nonce)
        self._frames.append((link, AuditResult(audit.session, count, total)))

    def _audit_result_came(
        self,
        link: LinkId,
        state: _LinkState,
        result: AuditResult,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        audited = state.audited
        if audited is None or audited.session != result.session:
            return
        state.audited, state.deadline = None, None
        state.synced[audited.lifetime_class] = None
        if (result.count, result.total) != (audited.count, audited.total):
            # New mail meanwhile, or ids that were made to agree: borders that nobody foresaw.
            self._want(state, audited.lifetime_class, SPLIT_SUSPICIOUS)


def _salted(
    index: SeenIndex, floor: UnixSeconds, ceiling: UnixSeconds, nonce: bytes
) -> tuple[int, int]:
    """The number of ids in a range, and the sum of their hashes under a nonce modulo 2^64."""
    lower, upper = index.rank(_bound(floor)), index.rank(_bound(ceiling))
    total = 0
    for key in index.keys(lower, upper):
        salted = blake2b(key[CREATED_BYTES:], key=nonce, digest_size=_AUDIT_HASH_BYTES)
        total += int.from_bytes(salted.digest(), "big")
    return upper - lower, total & ((1 << 64) - 1)


def _bound(created: UnixSeconds) -> bytes:
    return created.to_bytes(CREATED_BYTES, "big")


def _created_of(key: bytes) -> UnixSeconds:
    return UnixSeconds(int.from_bytes(key[:CREATED_BYTES], "big"))


def _after(now: Instant, pause_ms: int) -> Monotonic:
    return Monotonic(now.monotonic + pause_ms * 1000)
