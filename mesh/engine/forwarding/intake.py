"""The judging of what comes, from links, files and our person: it enters the store or does not.

Joins the machine `mesh.posting.admission` to what is known (`mesh/replication`) and to the rows of
the next commit. What links brought is answered after that commit, when it shows what became of it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, assert_never

from mesh.engine.counters import Counters
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.engine.forwarding.id_expiry import IdExpiry
from mesh.engine.forwarding.retirements import Retirements
from mesh.engine.forwarding.usage import REFUSED
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, UnixSeconds
from mesh.limits.admission import DEFERRED_PER_LINK_MAX
from mesh.limits.replication import LIVE_SECONDS_MAX
from mesh.posting.admission import Accept, Admission, Defer, Refuse, Verdict
from mesh.replication.replicator import Replicator
from mesh.replication.seen_sets import Element
from mesh.retention.sides import FORMER
from mesh.storage.store.rows import IndexRow
from mesh.wire.envelope import (
    Envelope,
    Header,
    Stub,
    decode_envelope,
    decode_stub,
    envelope_id_of,
    is_known_version,
)
from mesh.wire.frames import Push, Stubs
from mesh.wire.retirement import split_tokens


@dataclass(frozen=True, slots=True)
class _Bodiless:
    """A peer's answer in place of a body: the stub, and the tokens that retired it."""

    stub: Stub
    tokens: list[bytes]

    @property
    def id(self) -> EnvelopeId:
        return self.stub.id


class Intake:
    """The way in, by rules that are equal at all nodes and by what there is room for."""

    def __init__(
        self,
        *,
        admission: Admission,
        buffer: EnvelopeBuffer,
        id_expiry: IdExpiry,
        retirements: Retirements,
        replicator: Replicator,
        counters: Counters,
    ) -> None:
        self._admission = admission
        self._buffer = buffer
        self._id_expiry = id_expiry
        self.retirements: Final = retirements
        self._replicator = replicator
        self._counters = counters
        # Whether a file that is imported waits for the check of a stamp, beside the links.
        self.is_carry_waiting = False
        self.newest_created = UnixSeconds(0)
        # Who is at the other end of each link: strangers' mail is told apart by it.
        self._hosts: dict[LinkId, str] = {}
        # What each link brought in this batch: what became of it shows after the commit.
        self._brought: dict[LinkId, list[EnvelopeId]] = {}
        self._deferred: dict[LinkId, list[Envelope | _Bodiless]] = {}

    @property
    def has_deferred(self) -> bool:
        """Say whether links have brought what waits for the check of its stamp."""
        return bool(self._deferred)

    def stamp_deadline(self) -> Monotonic:
        """Return when the next stamp may be checked."""
        return self._admission.deadline()

    def load(self, row: IndexRow) -> None:
        """Take an envelope of the store at start."""
        self.newest_created = max(self.newest_created, row.created)
        self._admission.load(row.posting_key, row.day, row.id)
        self._buffer.load(row)

    def link_up(self, link: LinkId, host: str) -> None:
        """A link is ready. `host`: who is at its other end, as far as that can be told."""
        self._hosts[link] = host

    def link_down(self, link: LinkId) -> None:
        """A link is gone, and with it what it still waited for."""
        self._hosts.pop(link, None)
        self._brought.pop(link, None)
        self._deferred.pop(link, None)

    def take_brought(self) -> dict[LinkId, list[EnvelopeId]]:
        """The bodies that links brought since the last call, and that are to be answered."""
        brought, self._brought = self._brought, {}
        return brought

    def forget(self, rows: Iterable[IndexRow]) -> None:
        """These go wholly, and make room for others of their keys."""
        for row in rows:
            self._admission.forget(row.posting_key, row.day, row.id)
            self.retirements.forget_envelope(row.id)

    def pushed(self, link: LinkId, push: Push, now: Instant) -> None:
        """A peer brought an envelope: deduplicate before any crypto, then judge."""
        if not is_known_version(push.envelope):
            self._counters.count(f"{REFUSED}unknown version")
            return
        envelope_id = envelope_id_of(push.envelope)
        self._counters.count("bodies_received")
        self._replicator.body_came(link, envelope_id, now)
        if envelope_id in self._replicator.sets:
            if self._replicator.is_body_welcome(envelope_id):
                self._fill_body(link, decode_envelope(push.envelope), now)
            else:
                self._counters.count("bodies_duplicate")
            self._answer(link, envelope_id)
            return
        # Who waits for the check of a stamp has had no turn yet; this one queues behind.
        self._judge(
            link,
            decode_envelope(push.envelope),
            may_check_stamp=not (self._deferred or self.is_carry_waiting),
            now=now,
        )

    def stubs_came(self, link: LinkId, frame: Stubs, now: Instant) -> None:
        """A peer has no bodies of these: what it has is judged by the same rules."""
        for data, tokens in frame.entries:
            if not is_known_version(data):
                self._counters.count(f"{REFUSED}unknown version")
                continue
            self._counters.count("stubs_received")
            self._judge(
                link,
                _Bodiless(decode_stub(data), split_tokens(tokens)),
                may_check_stamp=not (self._deferred or self.is_carry_waiting),
                now=now,
            )

    def publish(self, envelopes: Iterable[Envelope], now: Instant) -> None:
        """Envelopes made here, which the vault has committed, enter the store."""
        for envelope in envelopes:
            if self._replicator.is_body_welcome(envelope.id):
                self._fill_body(None, envelope, now)
            elif envelope.id not in self._replicator.sets:
                self._settle(None, envelope, self._admission.admit_own(envelope), now)

    def judge_deferred(self, now: Instant) -> list[LinkId]:
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
                if isinstance(brought, Envelope) and brought.id in self._replicator.sets:
                    if self._replicator.is_body_welcome(brought.id):
                        self._fill_body(link, brought, now)
                    self._answer(link, brought.id)
                    continue
                if self._admission.deadline() > now.monotonic:
                    # The budget is spent, and its signature was checked when it came.
                    self._defer(link, brought, now)
                    continue
                try:
                    self._judge(link, brought, now=now)
                except PeerError:
                    faulted.append(link)
        return faulted

    # --- What came by hand: there is no link to answer, to blame or to ask -------------------

    def judge_carried(
        self, brought: Envelope | Stub, *, may_check_stamp: bool, now: Instant
    ) -> Verdict | None:
        """Judge what a file holds, and take it in if it may enter; None if it is known.

        A stub has to be retired: nobody is asked for its body.
        """
        if brought.id in self._replicator.sets:
            if isinstance(brought, Stub) or not self._replicator.is_body_welcome(brought.id):
                return None
            self._fill_body(None, brought, now)
            return Accept(pushed_out=None)
        verdict = self._judge_proof(brought, may_check_stamp=may_check_stamp, now=now)
        if isinstance(verdict, Accept):
            taken = brought if isinstance(brought, Envelope) else _Bodiless(brought, [])
            self._settle(None, taken, verdict, now)
        return verdict

    def _judge(
        self,
        link: LinkId,
        brought: Envelope | _Bodiless,
        *,
        may_check_stamp: bool = True,
        now: Instant,
    ) -> None:
        if isinstance(brought, _Bodiless) and brought.id in self._replicator.sets:
            self._replicator.body_refused(link, brought.id, now)
            self.retirements.came_with(link, brought.stub, brought.tokens, now)
            return
        proof = brought.stub if isinstance(brought, _Bodiless) else brought
        verdict = self._judge_proof(proof, may_check_stamp=may_check_stamp, now=now)
        self._settle(link, brought, verdict, now)

    def _judge_proof(
        self, proof: Envelope | Stub, *, may_check_stamp: bool, now: Instant
    ) -> Verdict:
        """The rules that are equal at all nodes, for all that there is room to know."""
        refusal = self._id_expiry.find_refusal(
            proof.id,
            proof.header,
            self._replicator.sets,
            now.mesh,
            has_body=isinstance(proof, Envelope),
        )
        if refusal is not None:
            return Refuse(refusal, is_fault=False)
        return self._admission.judge(proof, may_check_stamp=may_check_stamp, now=now)

    def _settle(
        self, link: LinkId | None, brought: Envelope | _Bodiless, verdict: Verdict, now: Instant
    ) -> None:
        match verdict:
            case Accept(pushed_out=pushed_out):
                # First what has to go: a retirement that comes with a stub may be forged.
                if pushed_out is not None and pushed_out != brought.id:
                    self._push_out(pushed_out)
                if isinstance(brought, Envelope):
                    self._accept(link, brought, now)
                else:
                    self._accept_stub(link, brought, now)
            case Defer():
                assert link is not None
                self._defer(link, brought, now)
            case Refuse(reason=reason, is_fault=is_fault):
                self._counters.count(f"{REFUSED}{reason}")
                self._replicator.refused(brought.id, now)
                if link is not None:
                    if is_fault:
                        raise PeerError(reason)
                    if isinstance(brought, Envelope):
                        self._answer(link, brought.id)
            case _:
                assert_never(verdict)

    def _accept(self, link: LinkId | None, envelope: Envelope, now: Instant) -> None:
        self.newest_created = max(self.newest_created, envelope.header.created)
        refusal = self._buffer.find_refusal(envelope, now.mesh)
        if refusal is not None:
            self._counters.count(f"{REFUSED}{refusal}")
            self._buffer.add_unwanted(envelope)
            self._replicator.accepted_unwanted(envelope.id, _element_of(envelope.header), now)
            self.retirements.envelope_came(envelope.id, envelope.header, now)
            if link is not None:
                self._answer(link, envelope.id)
            return
        self._buffer.add(envelope, self._host_of(link))
        is_new = now.mesh - envelope.header.created <= LIVE_SECONDS_MAX
        self._replicator.accepted(
            envelope.id, _element_of(envelope.header), link, now, is_new=is_new
        )
        self.retirements.envelope_came(envelope.id, envelope.header, now)
        if link is not None:
            self._answer(link, envelope.id)

    def _accept_stub(self, link: LinkId | None, brought: _Bodiless, now: Instant) -> None:
        header = brought.stub.header
        self._buffer.add_stub(brought.stub)
        self.newest_created = max(self.newest_created, header.created)
        if link is None:
            self._replicator.accepted(brought.id, _element_of(header), None, now, is_new=False)
            self.retirements.envelope_came(brought.id, header, now)
            return
        self._replicator.accepted_without_body(brought.id, _element_of(header), link, now)
        self.retirements.envelope_came(brought.id, header, now)
        self.retirements.came_with(link, brought.stub, brought.tokens, now)

    def _fill_body(self, link: LinkId | None, envelope: Envelope, now: Instant) -> None:
        """The body of a stub that is here: the id proves that it is the right one."""
        refusal = self._buffer.find_refusal(envelope, now.mesh)
        if refusal is not None:
            self._counters.count(f"{REFUSED}{refusal}")
            self._buffer.add_unwanted(envelope)
            self._replicator.body_unwelcome(envelope.id, now)
            return
        self._buffer.add(envelope, self._host_of(link))
        self._replicator.body_filled(envelope.id, link, now)

    def _push_out(self, envelope_id: EnvelopeId) -> None:
        """A lower id of the same key took its place, as it will at every node."""
        self._counters.count("pushed_out")
        self._buffer.remove(envelope_id)
        self.retirements.forget_envelope(envelope_id)

    def _defer(self, link: LinkId, brought: Envelope | _Bodiless, now: Instant) -> None:
        """There is no budget to check its stamp now."""
        waiting = self._deferred.setdefault(link, [])
        if len(waiting) < DEFERRED_PER_LINK_MAX:
            waiting.append(brought)
        else:
            self._counters.count("deferred_dropped")
            self._replicator.dropped(link)

    def _answer(self, link: LinkId, envelope_id: EnvelopeId) -> None:
        self._brought.setdefault(link, []).append(envelope_id)

    def _host_of(self, link: LinkId | None) -> str:
        return FORMER if link is None else self._hosts.get(link, FORMER)


def _element_of(header: Header) -> Element:
    return Element(header.created, header.size_class, header.lifetime_class)
