"""What a node carries for everybody: admission, the store, eviction, and what HELD may say.

Joins the machines `mesh.posting` and `mesh.replication` to the rows of `mesh.storage`. Nothing
here knows whose mail it is; what must not be evicted is asked of who knows (`Protection`).

What is here, and what of it is written when, is in `mesh/engine/holdings.py`. HELD frames
(`mesh/engine/answering.py`) and bodies of new envelopes leave only after it. What comes of
retirements is in `mesh/engine/retirements.py`.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, assert_never

from mesh.commands import CarriedAnswer
from mesh.crypto.entropy import Entropy
from mesh.crypto.signing import Verify
from mesh.engine.accounting import REFUSED, carried, own_share_bytes
from mesh.engine.answering import Answering
from mesh.engine.forgetting import Forgetting
from mesh.engine.giving import Giving
from mesh.engine.holdings import NOTHING_COMMITTED, Holdings, Protection
from mesh.engine.neighbours import Counters
from mesh.engine.retirements import Retirements
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds, earliest
from mesh.inputs import Connection
from mesh.limits import (
    CARRIED_DAYS_MAX,
    CLOCK_JUMP_SECONDS,
    DEFERRED_PER_LINK_MAX,
    KNOWN_IDS_MAX,
    LAPSE_INTERVAL_MS,
    LIVE_SECONDS_MAX,
    RELAY_DELAY_MS_MAX,
)
from mesh.posting.admission import Accept, Admission, Defer, Refuse, Verdict
from mesh.posting.keeping import FORMER, DepthOf, SponsorsOf
from mesh.replication.retiring import Retiring
from mesh.replication.seen_sets import Element
from mesh.replication.spreading import Spreading
from mesh.replication.turns import Sparing
from mesh.wire.envelope import (
    Envelope,
    Header,
    Stub,
    decode_envelope,
    decode_stub,
    envelope_id_of,
    is_known_version,
)
from mesh.wire.frames import Frame, Push, Stubs
from mesh.wire.parameters import MeshParameters
from mesh.wire.retirement import Retirement, split_tokens


@dataclass(frozen=True, slots=True)
class _Bodiless:
    """What a neighbour gave in place of a body: the stub, and the tokens that retired it."""

    stub: Stub
    tokens: list[bytes]

    @property
    def id(self) -> EnvelopeId:
        return self.stub.id


class Carrying:
    """The envelopes of this node, from a neighbour's push to the next neighbour's."""

    def __init__(
        self,
        *,
        connection: Connection,
        parameters: MeshParameters,
        stored_bytes_max: int,
        carried_days: int = CARRIED_DAYS_MAX,
        known_ids_max: int = KNOWN_IDS_MAX,
        depth_of: DepthOf,
        sponsors_of: SponsorsOf,
        is_ours: Protection,
        relay_delay_ms_max: int = RELAY_DELAY_MS_MAX,
        entropy: Entropy,
        verify: Verify,
        counters: Counters,
        now: Instant,
    ) -> None:
        self.spreading: Final = Spreading(entropy, lambda id_: self._giving.flow_of(id_))
        self._holdings = Holdings(
            connection,
            stored_bytes_max=stored_bytes_max,
            carried_days=carried_days,
            depth_of=depth_of,
            sponsors_of=sponsors_of,
            created_of=lambda id_: self.spreading.element(id_).created,
            is_ours=is_ours,
        )
        self.store: Final = self._holdings.store
        self._forgetting = Forgetting(self._holdings, depth_of, known_ids_max=known_ids_max)
        self._retiring = Retiring(delay_ms_max=relay_delay_ms_max, entropy=entropy)
        self.retirements: Final = Retirements(
            self._holdings, self._retiring, counters, self.spreading
        )
        self._giving = Giving(self._holdings, self._retiring, counters)
        self._admission = Admission(parameters, verify)
        self._counters = counters
        self._told_retired: list[Retirement] = []
        # Whether a file that is imported waits for the check of a stamp, beside the links.
        self.is_courier_waiting = False
        # Who is at the other end of each link: strangers' mail is told apart by it.
        self._neighbours: dict[LinkId, str] = {}
        # What each link brought in this batch: what became of it shows after the commit.
        self._brought: dict[LinkId, list[EnvelopeId]] = {}
        self.answering: Final = Answering()
        self._deferred: dict[LinkId, list[Envelope | _Bodiless]] = {}
        self._lapse_at = Monotonic(now.monotonic + LAPSE_INTERVAL_MS * 1000)
        # Mesh time less the time that passed: it moves when a clock is corrected, or after sleep.
        self._mesh_ahead_s: int | None = None
        self.newest_created = UnixSeconds(0)
        self._load()

    @property
    def last_arrival(self) -> int:
        """The highest arrival number in the store."""
        return self._holdings.last_arrival

    def pushed(self, link: LinkId, push: Push, mesh_now: UnixSeconds, now: Instant) -> None:
        """A neighbour brought an envelope: deduplicate before any crypto, then judge."""
        if not is_known_version(push.envelope):
            self._counters.count(f"{REFUSED}unknown version")
            return
        envelope_id = envelope_id_of(push.envelope)
        self._counters.count("bodies_received")
        self.spreading.body_came(link, envelope_id, now)
        if self.spreading.is_known(envelope_id):
            if self.spreading.is_body_welcome(envelope_id):
                self._fill_body(link, decode_envelope(push.envelope), mesh_now, now)
            else:
                self._counters.count("bodies_duplicate")
            self._answer(link, envelope_id)
            return
        # Who waits for the check of a stamp has had no turn yet; this one queues behind.
        self._judge(
            link,
            decode_envelope(push.envelope),
            mesh_now,
            may_check_stamp=not (self._deferred or self.is_courier_waiting),
            now=now,
        )

    def stubs_came(self, link: LinkId, frame: Stubs, mesh_now: UnixSeconds, now: Instant) -> None:
        """A neighbour has no bodies of these: what it has is judged by the same rules."""
        for data, tokens in frame.entries:
            if not is_known_version(data):
                self._counters.count(f"{REFUSED}unknown version")
                continue
            self._counters.count("stubs_received")
            self._judge(
                link,
                _Bodiless(decode_stub(data), split_tokens(tokens)),
                mesh_now,
                may_check_stamp=not (self._deferred or self.is_courier_waiting),
                now=now,
            )

    def publish(self, envelopes: Iterable[Envelope], mesh_now: UnixSeconds, now: Instant) -> None:
        """Envelopes made here, which the vault has committed, enter the store."""
        for envelope in envelopes:
            if self.spreading.is_body_welcome(envelope.id):
                self._fill_body(None, envelope, mesh_now, now)
            elif not self.spreading.is_known(envelope.id):
                self._settle(None, envelope, self._admission.admit_own(envelope), mesh_now, now)

    # --- What came by hand: there is no link to answer, to blame or to ask -------------------

    def judge_carried(
        self,
        brought: Envelope | Stub,
        *,
        mesh_now: UnixSeconds,
        may_check_stamp: bool,
        now: Instant,
    ) -> Verdict | None:
        """Judge what a file holds, and take it in if it may enter; None if it is known.

        A stub has to be retired: nobody is asked for its body.
        """
        if self.spreading.is_known(brought.id):
            if isinstance(brought, Stub) or not self.spreading.is_body_welcome(brought.id):
                return None
            self._fill_body(None, brought, mesh_now, now)
            return Accept(pushed_out=None)
        verdict = self._judge_proof(
            brought, mesh_now=mesh_now, may_check_stamp=may_check_stamp, now=now
        )
        if isinstance(verdict, Accept):
            taken = brought if isinstance(brought, Envelope) else _Bodiless(brought, [])
            self._settle(None, taken, verdict, mesh_now, now)
        return verdict

    # --- What it may cost ---------------------------------------------------------------------

    def spare(self, link: LinkId, sparing: Sparing) -> None:
        """What of others' mail does not leave over a link now."""
        self.spreading.spare(link, sparing)

    def set_stored_bytes_max(self, stored_bytes_max: int) -> None:
        """There is more or less room than before; from the next commit on."""
        self._holdings.stored_bytes_max = stored_bytes_max

    @property
    def stored_bytes_max(self) -> int:
        """What the store may take now."""
        return self._holdings.stored_bytes_max

    # --- What a person is told ----------------------------------------------------------------

    def carried(self) -> list[CarriedAnswer]:
        """For whom bodies are kept."""
        return carried(
            self._holdings.keeping.usage(),
            room_bytes=self._holdings.room_bytes,
            stored_bytes_max=self._holdings.stored_bytes_max,
        )

    @property
    def is_own_share_full(self) -> bool:
        """Whether what was written here and is on its way takes all that it may."""
        share_bytes = own_share_bytes(self._holdings.stored_bytes_max)
        return self._holdings.keeping.written_bytes >= share_bytes

    @property
    def has_deferred(self) -> bool:
        """Whether links have brought what waits for the check of its stamp."""
        return bool(self._deferred)

    @property
    def retirements_count(self) -> int:
        """Retirements that everybody may know."""
        return len(self._retiring)

    def stamp_deadline(self) -> Monotonic:
        """When the next stamp may be checked."""
        return self._admission.deadline()

    def link_up(
        self,
        link: LinkId,
        now: Instant,
        *,
        neighbour: str,
        is_dialled_by_us: bool,
        round_trip_ms: int,
    ) -> None:
        """A link is ready. `neighbour`: who is at its other end, as far as that can be told."""
        self._neighbours[link] = neighbour
        self.spreading.link_up(
            link, now, is_dialled_by_us=is_dialled_by_us, round_trip_ms=round_trip_ms
        )
        self.spreading.announce(link, self._forgetting.near_cut_off(self.spreading.sets))

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone, and with it what it still waited for."""
        self._neighbours.pop(link, None)
        self.spreading.link_down(link, now)
        self._brought.pop(link, None)
        self.answering.link_down(link)
        self._deferred.pop(link, None)

    def make_room(self, mesh_now: UnixSeconds) -> None:
        """Before a batch: if more ids are known than may be, some go as if they had lapsed."""
        if not self._forgetting.is_due(self.spreading.sets):
            return
        rows = self._forgetting.choose(
            self.spreading.sets,
            mesh_now,
            lambda id_: self._retiring.find_envelope(id_) is not None,
        )
        for row in rows:
            self._admission.forget(row.posting_key, row.day, row.id)
            self._holdings.remove(row.id)
            self.spreading.forget([row.id, *self._retiring.forget(row.id)])
        self._counters.count("forgotten", len(rows))

    def tend(self, *, mesh_now: UnixSeconds, is_clock_steady: bool, now: Instant) -> list[LinkId]:
        """Judge what was deferred, let lapse what has outlived itself, look after wants.

        Returns the links whose deferred envelopes turned out to be faults.
        """
        ahead_s = mesh_now - now.monotonic // 1_000_000
        if self._mesh_ahead_s is None or abs(ahead_s - self._mesh_ahead_s) > CLOCK_JUMP_SECONDS:
            self._mesh_ahead_s = ahead_s
            self.spreading.forgive()
        deadline = self.spreading.deadline()
        if deadline is not None and deadline <= now.monotonic:
            self.spreading.deadline_passed(mesh_now, now)
        if now.monotonic >= self._lapse_at:
            self._lapse_at = Monotonic(now.monotonic + LAPSE_INTERVAL_MS * 1000)
            self._holdings.look_again()
            self._forgetting.look_again(self.spreading.sets)
            if is_clock_steady:
                self._lapse(mesh_now)
        faulted = self._judge_deferred(mesh_now, now)
        self.retirements.tend(now)
        return faulted

    def deadline(self) -> Monotonic | None:
        """When `tend` wants to be called."""
        if self._holdings.has_excess or self._forgetting.is_due(self.spreading.sets):
            return Monotonic(0)
        stamp_at = self._admission.deadline() if self._deferred else None
        spread_at, retire_at = self.spreading.deadline(), self._retiring.deadline()
        answer_at = self.answering.deadline()
        return earliest((spread_at, retire_at, stamp_at, answer_at, self._lapse_at))

    def commit(self, mesh_now: UnixSeconds, *, first_messages: Sequence[bytes]) -> list[Envelope]:
        """Write all rows of the batch in one transaction; return the envelopes that are new."""
        committed = self._holdings.commit(mesh_now, first_messages=first_messages)
        if committed is NOTHING_COMMITTED:
            return []
        counts = (
            ("envelopes_stored", len(committed.added)),
            ("retired", len(committed.retired)),
            ("evicted", len(committed.evicted)),
        )
        for name, count in counts:
            if count:
                self._counters.count(name, count)
        for envelope_id in committed.evicted:
            self.spreading.body_gone(envelope_id)
        gone = [*committed.evicted, *(retirement.envelope for retirement in committed.retired)]
        self._forgetting.bodies_gone(gone, self.spreading.sets)
        self._told_retired += committed.retired
        return [one for one in committed.added if not self._retiring.is_retired(one.id)]

    def take_retired(self) -> list[Retirement]:
        """After the commit: the retirements that stand on the mesh since the last call."""
        taken, self._told_retired = self._told_retired, []
        return taken

    def note_answers(self, now: Instant) -> None:
        """After the commit: what became of the bodies that links brought."""
        if not self._brought:
            return
        brought, self._brought = self._brought, {}
        for link, ids in brought.items():
            held = [id_ for id_ in ids if self._has_body(id_)]
            refused = [id_ for id_ in ids if not self._has_body(id_)]
            self.answering.note(link, held=held, refused=refused, now=now)

    def frames_to_send(self, link: LinkId, room_bytes: int) -> list[Frame]:
        """The next bodies and announcements of a link, as many as it has room for in one batch."""
        return self._giving.frames(self.spreading, link, room_bytes)

    def _load(self) -> None:
        missing: list[EnvelopeId] = []
        self.spreading.load(self._stored(missing), missing)
        self.retirements.load()
        self._forgetting.load(self.spreading.sets)

    def _stored(self, missing: list[EnvelopeId]) -> Iterator[tuple[EnvelopeId, Element]]:
        """All that is stored, row by row: there may be a million, and each is kept once."""
        for row in self.store.index_rows():
            self.newest_created = max(self.newest_created, row.created)
            self._admission.load(row.posting_key, row.day, row.id)
            self._holdings.load(row)
            if row.is_missing:
                missing.append(row.id)
            yield row.id, Element(row.created, row.size_class, row.lifetime_class)

    def _judge(
        self,
        link: LinkId,
        brought: Envelope | _Bodiless,
        mesh_now: UnixSeconds,
        *,
        may_check_stamp: bool = True,
        now: Instant,
    ) -> None:
        if isinstance(brought, _Bodiless) and self.spreading.is_known(brought.id):
            self.spreading.body_refused(link, brought.id, now)
            self.retirements.came_with(link, brought.stub, brought.tokens, now)
            return
        proof = brought.stub if isinstance(brought, _Bodiless) else brought
        verdict = self._judge_proof(
            proof, mesh_now=mesh_now, may_check_stamp=may_check_stamp, now=now
        )
        self._settle(link, brought, verdict, mesh_now, now)

    def _judge_proof(
        self,
        proof: Envelope | Stub,
        *,
        mesh_now: UnixSeconds,
        may_check_stamp: bool,
        now: Instant,
    ) -> Verdict:
        """The rules that are equal at all nodes, for all that there is room to know."""
        refusal = self._forgetting.find_refusal(
            proof.id,
            proof.header,
            self.spreading.sets,
            mesh_now,
            has_body=isinstance(proof, Envelope),
        )
        if refusal is not None:
            return Refuse(refusal, is_fault=False)
        return self._admission.judge(
            proof, mesh_now=mesh_now, may_check_stamp=may_check_stamp, now=now
        )

    def _settle(
        self,
        link: LinkId | None,
        brought: Envelope | _Bodiless,
        verdict: Verdict,
        mesh_now: UnixSeconds,
        now: Instant,
    ) -> None:
        match verdict:
            case Accept(pushed_out=pushed_out):
                # First what has to go: a retirement that comes with a stub may be forged.
                if pushed_out is not None and pushed_out != brought.id:
                    self._push_out(pushed_out)
                if isinstance(brought, Envelope):
                    self._accept(link, brought, mesh_now, now)
                else:
                    self._accept_stub(link, brought, now)
            case Defer():
                assert link is not None
                self._defer(link, brought, now)
            case Refuse(reason=reason, is_fault=is_fault):
                self._counters.count(f"{REFUSED}{reason}")
                self.spreading.refused(brought.id, now)
                if link is not None:
                    if is_fault:
                        raise PeerError(reason)
                    if isinstance(brought, Envelope):
                        self._answer(link, brought.id)
            case _:
                assert_never(verdict)

    def _accept(
        self, link: LinkId | None, envelope: Envelope, mesh_now: UnixSeconds, now: Instant
    ) -> None:
        self.newest_created = max(self.newest_created, envelope.header.created)
        refusal = self._holdings.find_refusal(envelope, mesh_now)
        if refusal is not None:
            self._counters.count(f"{REFUSED}{refusal}")
            self._holdings.add_unwanted(envelope)
            self.spreading.accepted_unwanted(envelope.id, _element_of(envelope.header), now)
            self.retirements.envelope_came(envelope.id, envelope.header, now)
            if link is not None:
                self._answer(link, envelope.id)
            return
        self._holdings.add(envelope, self._neighbour_of(link))
        is_new = mesh_now - envelope.header.created <= LIVE_SECONDS_MAX
        self.spreading.accepted(envelope.id, _element_of(envelope.header), link, now, is_new=is_new)
        self.retirements.envelope_came(envelope.id, envelope.header, now)
        if link is not None:
            self._answer(link, envelope.id)

    def _accept_stub(self, link: LinkId | None, brought: _Bodiless, now: Instant) -> None:
        header = brought.stub.header
        self._holdings.add_stub(brought.stub)
        self.newest_created = max(self.newest_created, header.created)
        if link is None:
            self.spreading.accepted(brought.id, _element_of(header), None, now, is_new=False)
            self.retirements.envelope_came(brought.id, header, now)
            return
        self.spreading.accepted_without_body(brought.id, _element_of(header), link, now)
        self.retirements.envelope_came(brought.id, header, now)
        self.retirements.came_with(link, brought.stub, brought.tokens, now)

    def _fill_body(
        self, link: LinkId | None, envelope: Envelope, mesh_now: UnixSeconds, now: Instant
    ) -> None:
        """The body of a stub that is here: the id proves that it is the right one."""
        refusal = self._holdings.find_refusal(envelope, mesh_now)
        if refusal is not None:
            self._counters.count(f"{REFUSED}{refusal}")
            self._holdings.add_unwanted(envelope)
            self.spreading.body_unwelcome(envelope.id, now)
            return
        self._holdings.add(envelope, self._neighbour_of(link))
        self.spreading.body_filled(envelope.id, link, now)

    def _push_out(self, envelope_id: EnvelopeId) -> None:
        """A lower id of the same key took its place, as it will at every node."""
        self._counters.count("pushed_out")
        self._holdings.remove(envelope_id)
        self.spreading.forget([envelope_id, *self._retiring.forget(envelope_id)])

    def _defer(self, link: LinkId, brought: Envelope | _Bodiless, now: Instant) -> None:
        """There is no budget to check its stamp now."""
        waiting = self._deferred.setdefault(link, [])
        if len(waiting) < DEFERRED_PER_LINK_MAX:
            waiting.append(brought)
        else:
            self._counters.count("deferred_dropped")
            self.spreading.dropped(link)

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
                brought = waiting[turn]
                if isinstance(brought, Envelope) and self.spreading.is_known(brought.id):
                    if self.spreading.is_body_welcome(brought.id):
                        self._fill_body(link, brought, mesh_now, now)
                    self._answer(link, brought.id)
                    continue
                if self._admission.deadline() > now.monotonic:
                    # The budget is spent, and its signature was checked when it came.
                    self._defer(link, brought, now)
                    continue
                try:
                    self._judge(link, brought, mesh_now, now=now)
                except PeerError:
                    faulted.append(link)
        return faulted

    def _answer(self, link: LinkId, envelope_id: EnvelopeId) -> None:
        self._brought.setdefault(link, []).append(envelope_id)

    def _neighbour_of(self, link: LinkId | None) -> str:
        return FORMER if link is None else self._neighbours.get(link, FORMER)

    def _has_body(self, envelope_id: EnvelopeId) -> bool:
        return self.spreading.is_known(envelope_id) and self._holdings.has_body(envelope_id)

    def _lapse(self, mesh_now: UnixSeconds) -> None:
        lapsed = self._holdings.lapse(mesh_now)
        for row in lapsed:
            self._admission.forget(row.posting_key, row.day, row.id)
            self.spreading.forget([row.id, *self._retiring.forget(row.id)])
        self._counters.count("lapsed", len(lapsed))


def _element_of(header: Header) -> Element:
    return Element(header.created, header.size_class, header.lifetime_class)
