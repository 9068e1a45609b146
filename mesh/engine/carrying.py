"""What a node carries for everybody: admission, the store, eviction, and what HELD may say.

Joins the machines `mesh.posting` and `mesh.replication` to the rows of `mesh.storage`. Nothing
here knows whose mail it is; what must not be evicted is asked of who knows (`Protection`).

Rows are gathered while a batch is handled and written by `commit` in one transaction. HELD
frames and bodies of new envelopes leave only after it.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Final, assert_never

from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import Verify
from mesh.engine.neighbours import Counters
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.inputs import Connection
from mesh.limits import (
    CLOCK_JUMP_SECONDS,
    DEFERRED_PER_LINK_MAX,
    EVICTION_ROWS_PER_BATCH,
    IDS_PER_FRAME_MAX,
    LAPSE_INTERVAL_MS,
    RECENT_BODIES_BYTES_MAX,
    SEND_BODIES_PER_BATCH_BYTES_MAX,
)
from mesh.posting.admission import Accept, Admission, Defer, Refuse, Verdict
from mesh.replication.spreading import Spreading
from mesh.storage.sqlcipher import transaction
from mesh.storage.store import Store
from mesh.wire.envelope import Envelope, decode_envelope, envelope_id_of, is_known_version
from mesh.wire.frames import SHORT_ID_BYTES, Held, Push
from mesh.wire.parameters import MeshParameters

Protection = Callable[[EnvelopeId, Tag], bool]
"""Whether an envelope is ours (written here, or to be opened here) and must stay."""

_BODIES_PER_READ: Final = 16


class Carrying:
    """The envelopes of this node, from a neighbour's push to the next neighbour's."""

    def __init__(
        self,
        *,
        connection: Connection,
        parameters: MeshParameters,
        stored_bytes_max: int,
        entropy: Entropy,
        verify: Verify,
        counters: Counters,
        now: Instant,
    ) -> None:
        self.store: Final = Store(connection)
        self.spreading = Spreading(entropy)
        self.stored_bytes_max: Final = stored_bytes_max
        self._connection = connection
        self._admission = Admission(parameters, verify)
        self._counters = counters
        self._bodyless: dict[EnvelopeId, None] = {}
        self._added: dict[EnvelopeId, Envelope] = {}
        self._removed: list[EnvelopeId] = []
        self._recent: dict[EnvelopeId, bytes] = {}
        self._recent_bytes = 0
        # What each link brought: after the commit it is told what became of it.
        self._brought: dict[LinkId, list[EnvelopeId]] = {}
        self._deferred: dict[LinkId, list[Envelope]] = {}
        self._lapse_at = Monotonic(now.monotonic + LAPSE_INTERVAL_MS * 1000)
        self._evicted_to = 0
        # Mesh time less the time that passed: it moves when a clock is corrected, or after sleep.
        self._mesh_ahead_s: int | None = None
        self.newest_created = UnixSeconds(0)
        self._note_totals()
        self._load()

    def pushed(self, link: LinkId, push: Push, mesh_now: UnixSeconds, now: Instant) -> None:
        """A neighbour brought an envelope: deduplicate before any crypto, then judge."""
        if not is_known_version(push.envelope):
            self._counters.count("refused: unknown version")
            return
        envelope_id = envelope_id_of(push.envelope)
        self._counters.count("bodies_received")
        self.spreading.body_came(link, envelope_id, now)
        if self.spreading.is_known(envelope_id):
            self._counters.count("bodies_duplicate")
            self._answer(link, envelope_id)
            return
        # Who waits for the check of a stamp has had no turn yet; this one queues behind.
        self._judge(
            link,
            decode_envelope(push.envelope),
            mesh_now,
            may_check_stamp=not self._deferred,
            now=now,
        )

    def publish(self, envelopes: Iterable[Envelope], now: Instant) -> None:
        """Envelopes made here, which the vault has committed, enter the store."""
        for envelope in envelopes:
            if not self.spreading.is_known(envelope.id):
                self._settle(None, envelope, self._admission.admit_own(envelope), now)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone, and with it what it still waited for."""
        self.spreading.link_down(link, now)
        self._brought.pop(link, None)
        self._deferred.pop(link, None)

    def tend(self, *, mesh_now: UnixSeconds, is_clock_steady: bool, now: Instant) -> list[LinkId]:
        """Judge what was deferred, let lapse what has outlived itself, look after wants.

        Returns the links whose deferred envelopes turned out to be faults.
        """
        ahead_s = mesh_now - now.monotonic // 1_000_000
        if self._mesh_ahead_s is None or abs(ahead_s - self._mesh_ahead_s) > CLOCK_JUMP_SECONDS:
            self._mesh_ahead_s = ahead_s
            self.spreading.forgive(now)
        deadline = self.spreading.deadline()
        if deadline is not None and deadline <= now.monotonic:
            self.spreading.deadline_passed(now)
        if now.monotonic >= self._lapse_at:
            self._lapse_at = Monotonic(now.monotonic + LAPSE_INTERVAL_MS * 1000)
            self._evicted_to = 0
            if is_clock_steady:
                self._lapse(mesh_now)
        return self._judge_deferred(mesh_now, now)

    def deadline(self) -> Monotonic:
        """When `tend` wants to be called."""
        deadlines = [self.spreading.deadline(), self._lapse_at]
        if self._deferred:
            deadlines.append(self._admission.deadline())
        return min(deadline for deadline in deadlines if deadline is not None)

    def commit(
        self,
        *,
        first_messages: Sequence[bytes],
        is_protected: Protection,
    ) -> list[Envelope]:
        """Write all rows of the batch in one transaction; return the envelopes that are new."""
        is_full = self._stored_bytes > self.stored_bytes_max
        if not (self._added or self._removed or first_messages or is_full):
            return []
        added = list(self._added.values())
        with transaction(self._connection):
            # An envelope that had to go may have come again, where another one lapsed meanwhile.
            if self._removed:
                self.store.remove(self._removed)
            if added:
                self.store.add(added)
            if first_messages:
                self.store.remember_first_messages(first_messages)
            self._evict(is_protected)
        self._note_totals()
        self._added.clear()
        self._removed.clear()
        self._counters.count("envelopes_stored", len(added))
        return added

    def is_new(self, envelope_id: EnvelopeId) -> bool:
        """Whether an envelope came in this batch, and is not committed yet."""
        return envelope_id in self._added

    def take_held(self) -> list[tuple[LinkId, Held]]:
        """After the commit: what each link is told of the bodies that it brought."""
        brought, self._brought = self._brought, {}
        frames: list[tuple[LinkId, Held]] = []
        for link, ids in brought.items():
            for start in range(0, len(ids), IDS_PER_FRAME_MAX):
                page = ids[start : start + IDS_PER_FRAME_MAX]
                held = [id_ for id_ in page if self._has_body(id_)]
                refused = [id_ for id_ in page if not self._has_body(id_)]
                frames.append((link, Held(_short_ids(held), _short_ids(refused))))
        return frames

    def bodies_to_send(self, link: LinkId, room_bytes: int) -> list[Push]:
        """The next bodies of a link, as many as it has room for in one batch."""
        room_bytes = min(room_bytes, SEND_BODIES_PER_BATCH_BYTES_MAX)
        pushes: list[Push] = []
        while room_bytes > 0 and self.spreading.has_bodies(link):
            ids = self.spreading.take_bodies(link, _BODIES_PER_READ)
            found = self._bodies(ids)
            for envelope_id in ids:
                body = found.get(envelope_id)
                if body is None:
                    self.spreading.body_missing(link, envelope_id)
                    continue
                pushes.append(Push(body))
                room_bytes -= len(body)
        self._counters.count("bodies_sent", len(pushes))
        return pushes

    def _load(self) -> None:
        known: list[tuple[EnvelopeId, UnixSeconds, int]] = []
        keys: list[tuple[PostingKey, int, EnvelopeId]] = []
        for row in self.store.index_rows():
            known.append((row.id, row.created, row.size_class))
            self.newest_created = max(self.newest_created, row.created)
            keys.append((row.posting_key, row.day, row.id))
            if not row.has_body:
                self._bodyless[row.id] = None
        self.spreading.load(known)
        self._admission.load(keys)

    def _judge(
        self,
        link: LinkId,
        envelope: Envelope,
        mesh_now: UnixSeconds,
        *,
        may_check_stamp: bool = True,
        now: Instant,
    ) -> None:
        verdict = self._admission.judge(
            envelope, mesh_now=mesh_now, may_check_stamp=may_check_stamp, now=now
        )
        self._settle(link, envelope, verdict, now)

    def _settle(
        self, link: LinkId | None, envelope: Envelope, verdict: Verdict, now: Instant
    ) -> None:
        match verdict:
            case Accept(pushed_out=pushed_out):
                self._accept(link, envelope, now)
                if pushed_out is not None:
                    self._push_out(pushed_out)
            case Defer():
                assert link is not None
                self._defer(link, envelope, now)
            case Refuse(reason=reason, is_fault=is_fault):
                self._counters.count(f"refused: {reason}")
                self.spreading.refused(envelope.id, now)
                if link is not None:
                    if is_fault:
                        raise PeerError(reason)
                    self._answer(link, envelope.id)
            case _:
                assert_never(verdict)

    def _accept(self, link: LinkId | None, envelope: Envelope, now: Instant) -> None:
        self._added[envelope.id] = envelope
        self.newest_created = max(self.newest_created, envelope.header.created)
        self._remember_body(envelope)
        self.spreading.accepted(
            envelope.id, envelope.header.created, envelope.header.size_class, link, now
        )
        if link is not None:
            self._answer(link, envelope.id)

    def _push_out(self, envelope_id: EnvelopeId) -> None:
        """A lower id of the same key took its place, as it will at every node."""
        self._counters.count("pushed_out")
        if self._added.pop(envelope_id, None) is None:
            self._removed.append(envelope_id)
        self._drop_recent(envelope_id)
        self._bodyless.pop(envelope_id, None)
        self.spreading.forget([envelope_id])

    def _defer(self, link: LinkId, envelope: Envelope, now: Instant) -> None:
        """There is no budget to check its stamp now."""
        waiting = self._deferred.setdefault(link, [])
        if len(waiting) < DEFERRED_PER_LINK_MAX:
            waiting.append(envelope)
        else:
            self._counters.count("deferred_dropped")
            self.spreading.deferred_dropped(link, now)

    def _judge_deferred(self, mesh_now: UnixSeconds, now: Instant) -> list[LinkId]:
        """Links take turns, one envelope each, as long as there is budget."""
        if not self._deferred or self._admission.deadline() > now.monotonic:
            return []
        deferred, self._deferred = self._deferred, {}
        faulted: list[LinkId] = []
        for turn in range(DEFERRED_PER_LINK_MAX):
            for link, waiting in deferred.items():
                if turn >= len(waiting) or link in faulted:
                    continue
                if self.spreading.is_known(waiting[turn].id):
                    self._answer(link, waiting[turn].id)
                    continue
                if self._admission.deadline() > now.monotonic:
                    # The budget is spent, and its signature was checked when it came.
                    self._defer(link, waiting[turn], now)
                    continue
                try:
                    self._judge(link, waiting[turn], mesh_now, now=now)
                except PeerError:
                    faulted.append(link)
        return faulted

    def _answer(self, link: LinkId, envelope_id: EnvelopeId) -> None:
        self._brought.setdefault(link, []).append(envelope_id)

    def _has_body(self, envelope_id: EnvelopeId) -> bool:
        return self.spreading.is_known(envelope_id) and envelope_id not in self._bodyless

    def _lapse(self, mesh_now: UnixSeconds) -> None:
        with transaction(self._connection):
            lapsed = self.store.lapse(mesh_now)
        self._note_totals()
        for row in lapsed:
            self._admission.forget(row.posting_key, row.day, row.id)
            self._bodyless.pop(row.id, None)
            self._drop_recent(row.id)
        self.spreading.forget(row.id for row in lapsed)
        self._counters.count("lapsed", len(lapsed))

    def _note_totals(self) -> None:
        """Most batches write nothing, and ask for these all the same."""
        self._stored_bytes = self.store.stored_bytes
        self.last_arrival = self.store.last_arrival()

    def _evict(self, is_protected: Protection) -> None:
        """Over quota the oldest bodies go first, but never what is ours.

        What was passed over for being ours is looked at again after a while, not in every batch.
        """
        excess = self.store.stored_bytes - self.stored_bytes_max
        evicted: list[EnvelopeId] = []
        while excess > 0:
            rows = self.store.eviction_candidates(self._evicted_to, EVICTION_ROWS_PER_BATCH)
            if not rows:
                break
            for row in rows:
                if excess <= 0:
                    break
                self._evicted_to = row.arrival
                if not is_protected(row.id, row.tag):
                    evicted.append(row.id)
                    excess -= row.bytes
        if not evicted:
            return
        self.store.drop_bodies(evicted)
        for envelope_id in evicted:
            self._bodyless[envelope_id] = None
            self._drop_recent(envelope_id)
        self._counters.count("evicted", len(evicted))

    def _bodies(self, ids: list[EnvelopeId]) -> dict[EnvelopeId, bytes]:
        found = {id_: self._recent[id_] for id_ in ids if id_ in self._recent}
        rest = [id_ for id_ in ids if id_ not in found]
        if rest:
            found.update(self.store.envelopes_bytes(rest))
        return found

    def _remember_body(self, envelope: Envelope) -> None:
        """New bodies go out to several links at once: keep the last ones at hand."""
        data = envelope.data
        self._recent[envelope.id] = data
        self._recent_bytes += len(data)
        while self._recent_bytes > RECENT_BODIES_BYTES_MAX:
            self._drop_recent(next(iter(self._recent)))

    def _drop_recent(self, envelope_id: EnvelopeId) -> None:
        self._recent_bytes -= len(self._recent.pop(envelope_id, b""))


def _short_ids(ids: list[EnvelopeId]) -> bytes:
    return b"".join(id_[:SHORT_ID_BYTES] for id_ in ids)
