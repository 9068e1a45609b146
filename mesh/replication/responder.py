"""The answering side of comparisons: it keeps the class and the floor of each, and nothing else.

Implements `docs/protocol/spreading.md`, sections "Messages of a comparison" and "Audits". What
peers can make us compute is bounded by an allowance of each link, and one of all together.
"""

from dataclasses import dataclass

from mesh.crypto.entropy import Entropy, uniform_below
from mesh.errors import PeerError
from mesh.ids import Instant, LinkId, UnixSeconds
from mesh.limits.anti_entropy import (
    AUDIT_IDS_MAX,
    RECONCILE_FRAME_BYTES_MAX,
    RECONCILE_IDS_PER_RANGE,
    RECONCILE_MESSAGES_PER_SECOND,
    RECONCILE_RANGES_PER_SECOND_MAX,
    RECONCILE_SERVED_PER_SECOND_MAX,
)
from mesh.replication.negentropy import SPLIT_DAEMON, Reconciliation
from mesh.replication.range_audit import AuditedRange, bound_of, cost_of, count_of, salted_sum
from mesh.replication.seen_sets import CLASSES_COUNT, SeenSets
from mesh.token_bucket import TokenBucket
from mesh.wire.frames import (
    NEG_CLOSE_BUSY,
    NEG_CLOSE_FLOOR,
    Audit,
    AuditResult,
    NegClose,
    NegMessage,
    NegOpen,
)


@dataclass(slots=True)
class _Served:
    """A session of the other side."""

    session: int
    lifetime_class: int
    floor: UnixSeconds


@dataclass(slots=True)
class _LinkState:
    """The cost that one peer may make, and what is under way."""

    allowance: TokenBucket
    served: _Served | None = None


class Responder:
    """Answers what peers ask of our sets."""

    def __init__(self, sets: SeenSets, entropy: Entropy) -> None:
        self._sets = sets
        self._entropy = entropy
        self._links: dict[LinkId, _LinkState] = {}
        # Of all links together; they begin with the first of them. Of the ranges it is known only
        # afterwards how many a message took.
        self._allowance: TokenBucket | None = None
        self._ranges: TokenBucket | None = None

    def link_up(self, link: LinkId, now: Instant) -> None:
        """A link is ready."""
        rate = RECONCILE_MESSAGES_PER_SECOND
        self._links[link] = _LinkState(TokenBucket(per_second=rate, burst=rate, now=now))
        if self._allowance is None:
            in_all = RECONCILE_SERVED_PER_SECOND_MAX
            self._allowance = TokenBucket(per_second=in_all, burst=2 * in_all, now=now)
            ranges = RECONCILE_RANGES_PER_SECOND_MAX
            self._ranges = TokenBucket(per_second=ranges, burst=2 * ranges, now=now)

    def link_down(self, link: LinkId) -> None:
        """A link is gone."""
        self._links.pop(link, None)

    def opened(self, link: LinkId, open_: NegOpen, now: Instant) -> NegMessage | NegClose:
        """The answer to the first message of a session; PeerError if it is malformed."""
        if open_.lifetime_class >= CLASSES_COUNT:
            raise PeerError("a reconciliation that cannot be")
        floor = self._sets.floor(open_.lifetime_class, now.mesh)
        if open_.floor < floor:
            return NegClose(open_.session, NEG_CLOSE_FLOOR, floor)
        served = _Served(open_.session, open_.lifetime_class, UnixSeconds(open_.floor))
        self._links[link].served = served
        return self._serve(self._links[link], served, open_.message, now)

    def continued(
        self, link: LinkId, message: NegMessage, now: Instant
    ) -> NegMessage | NegClose | None:
        """The answer to the next message of a session; None if that has ended."""
        state = self._links[link]
        served = state.served
        if served is None or served.session != message.session:
            # It was given up here.
            return None
        if not message.message:
            state.served = None
            return None
        return self._serve(state, served, message.message, now)

    def audited(self, link: LinkId, audit: Audit, now: Instant) -> AuditResult | None:
        """The salted sum of a range; None if it would cost too much, PeerError if malformed."""
        if audit.lifetime_class >= CLASSES_COUNT or audit.ceiling <= audit.floor:
            raise PeerError("an audit that cannot be")
        index = self._sets.of_class(audit.lifetime_class)
        asked = AuditedRange(
            audit.lifetime_class, UnixSeconds(audit.floor), UnixSeconds(audit.ceiling)
        )
        count = count_of(index, asked)
        is_too_long = count > 2 * AUDIT_IDS_MAX
        if is_too_long or not self._may_cost(self._links[link], cost_of(count), now):
            return None
        self.computed(count // RECONCILE_IDS_PER_RANGE, now)
        return AuditResult(audit.session, count, salted_sum(index, asked, audit.nonce))

    def _serve(
        self, state: _LinkState, served: _Served, message: bytes, now: Instant
    ) -> NegMessage | NegClose:
        if not self._may_cost(state, 1, now):
            state.served = None
            # Drawn, so that those who are told to wait do not all come back together.
            pause_s = 1 + uniform_below(self._entropy, 4)
            return NegClose(served.session, NEG_CLOSE_BUSY, pause_s)
        reconciliation = Reconciliation(
            self._sets.of_class(served.lifetime_class),
            floor=bound_of(served.floor),
            split=SPLIT_DAEMON,
            frame_bytes_max=RECONCILE_FRAME_BYTES_MAX,
        )
        try:
            return NegMessage(served.session, reconciliation.respond(message))
        finally:
            # Who sends what cannot be read is charged for what came before it.
            self.computed(reconciliation.ranges_count, now)

    def may_compute(self, now: Instant) -> bool:
        """Say whether ranges may be computed, for whichever link."""
        assert self._ranges is not None, "it is there since the first link"
        return self._ranges.take(0, now)

    def computed(self, ranges_count: int, now: Instant) -> None:
        """So many ranges were, here or for a session that this side has opened."""
        assert self._ranges is not None, "it is there since the first link"
        self._ranges.spend(ranges_count, now)

    def _may_cost(self, state: _LinkState, cost: int, now: Instant) -> bool:
        """Say whether a link, and all together, may cost us so much more."""
        assert self._allowance is not None, "it is there since the first link"
        if not self.may_compute(now):
            return False
        return state.allowance.take(cost, now) and self._allowance.take(cost, now)
