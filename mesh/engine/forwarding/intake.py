"""The judging of what comes, from links, files and our person: it enters the store or does not.

Joins the machine `mesh.posting.admission` to what is known (`mesh/replication`) and to the rows of
the next commit. What links brought is answered after that commit, when it shows what became of it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, assert_never

from mesh.engine.counters import Counters
from mesh.engine.forwarding.envelope_buffer import EnvelopeBuffer
from mesh.engine.forwarding.id_expiry import IdExpiry
from mesh.engine.forwarding.retirements import Retirements
from mesh.engine.forwarding.stemming import Stemming, element_of
from mesh.engine.forwarding.usage import REFUSED
from mesh.errors import PeerError
from mesh.ids import EnvelopeId, Instant, LinkId, Monotonic, PostingKey, UnixSeconds
from mesh.limits.admission import DEFERRED_PER_LINK_MAX
from mesh.limits.replication import LIVE_SECONDS_MAX
from mesh.limits.retention import ADMITTED_UNKNOWN
from mesh.posting.admission import Accept, Admission, Defer, Refuse, Verdict
from mesh.replication.replicator import Replicator
from mesh.retention.sides import FORMER
from mesh.storage.store.rows import IndexRow
from mesh.wire.envelope import (
    Envelope,
    Stub,
    decode_envelope,
    decode_stub,
    envelope_id_of,
)
from mesh.wire.frames import Push, Stem, Stubs
from mesh.wire.retirement import split_tokens

NO_ROOM: Final = "no room on the disk"


@dataclass(frozen=True, slots=True)
class _Bodiless:
    """A peer's answer in place of a body: the stub, and the tokens that retired it."""

    stub: Stub
    tokens: list[bytes]

    @property
    def id(self) -> EnvelopeId:
        return self.stub.id


@dataclass(frozen=True, slots=True)
class _Stemmed:
    """An envelope that does not spread yet, of a peer or made here."""

    envelope: Envelope

    @property
    def id(self) -> EnvelopeId:
        return self.envelope.id


_Brought = Envelope | _Stemmed | _Bodiless


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
        stemming: Stemming,
        counters: Counters,
    ) -> None:
        self._stemming = stemming
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
        self._deferred: dict[LinkId, list[_Brought]] = {}
        # What came in this batch as backlog, over a link or by hand.
        self._backlog: dict[EnvelopeId, None] = {}

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
        self._admission.load(row.stamped_key, row.id)
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

    def take_backlog(self) -> dict[EnvelopeId, None]:
        """Return what has come as backlog since the last call: more of it may follow."""
        taken, self._backlog = self._backlog, {}
        return taken

    def forget(self, rows: Iterable[IndexRow]) -> None:
        """These go wholly, and make room for others of their keys."""
        self._stemming.forget([row.id for row in rows])
        for row in rows:
            self._admission.forget(row.stamped_key, row.id)
            self.retirements.forget_envelope(row.id)

    def pushed(self, link: LinkId, push: Push | Stem, now: Instant) -> None:
        """A peer brought an envelope: deduplicate before any crypto, then judge.

        A stem pays the same checks, and shows nothing of which link is the faster one.
        """
        envelope_id = envelope_id_of(push.envelope)
        is_stem = isinstance(push, Stem)
        self._counters.count("bodies_received")
        if is_stem:
            self._counters.count("stems_received")
            self._replicator.outgoing.discard(link, envelope_id, is_brought=True)
        else:
            self._replicator.body_came(link, envelope_id, now)
        if envelope_id in self._replicator.sets:
            if self._replicator.is_body_welcome(envelope_id):
                self._fill_body(link, decode_envelope(push.envelope), now)
            else:
                self._counters.count("bodies_duplicate")
            self._answer(link, envelope_id)
            return
        envelope = decode_envelope(push.envelope)
        # Who waits for the check of a stamp has had no turn yet; this one queues behind.
        self._judge(
            link,
            _Stemmed(envelope) if is_stem else envelope,
            may_check_stamp=not (self._deferred or self.is_carry_waiting),
            now=now,
        )

    def stubs_came(self, link: LinkId, frame: Stubs, now: Instant) -> None:
        """A peer has no bodies of these: what it has is judged by the same rules.

        It answers: the stub of what nobody asked it for is passed over, before any crypto.
        """
        for data, tokens in frame.entries:
            self._counters.count("stubs_received")
            stub, split = decode_stub(data), split_tokens(tokens)
            is_known = stub.id in self._replicator.sets
            if not (is_known or self._replicator.want_list.was_asked(link, stub.id)):
                self._counters.count("stubs_unasked")
                continue
            self._judge(
                link,
                _Bodiless(stub, split),
                may_check_stamp=not (self._deferred or self.is_carry_waiting),
                now=now,
            )

    def publish(self, envelopes: Iterable[Envelope], now: Instant) -> None:
        """Envelopes made here, which the vault has committed, enter the store.

        One that is known without its body was refused, for want of room or under a wrong clock.
        """
        for envelope in envelopes:
            if envelope.id in self._stemming:
                continue
            if envelope.id not in self._replicator.sets:
                verdict = self._admission.admit_own(envelope)
                self._settle(None, _Stemmed(envelope), verdict, now)
            elif not (
                self._buffer.has_body(envelope.id) or self.retirements.stands_for(envelope.id)
            ):
                self._fill_body(None, envelope, now)

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
                if brought.id in self._replicator.sets and not isinstance(brought, _Bodiless):
                    if self._replicator.is_body_welcome(brought.id):
                        self._fill_body(link, _envelope_of(brought), now)
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
        if brought.id in self._stemming:
            self._stemming.spread(brought.id, None, now)
            return None
        verdict = self._judge_proof(brought, may_check_stamp=may_check_stamp, now=now)
        if isinstance(verdict, Accept):
            taken = brought if isinstance(brought, Envelope) else _Bodiless(brought, [])
            self._settle(None, taken, verdict, now)
        return verdict

    def _judge(
        self,
        link: LinkId,
        brought: _Brought,
        *,
        may_check_stamp: bool = True,
        now: Instant,
    ) -> None:
        if brought.id in self._stemming and not isinstance(brought, _Bodiless):
            self._counters.count("bodies_duplicate")
        if brought.id in self._stemming and isinstance(brought, _Stemmed):
            self._stemming.came_again(link, brought.id, now)
            self._answer(link, brought.id)
            return
        if brought.id in self._stemming and isinstance(brought, Envelope):
            self._stemming.spread(brought.id, link, now)
            self._answer(link, brought.id)
            return
        if isinstance(brought, _Bodiless) and brought.id in self._replicator.sets:
            self._replicator.body_refused(link, brought.id, now)
            self.retirements.came_with(link, brought.stub, brought.tokens, now)
            return
        proof = brought.stub if isinstance(brought, _Bodiless) else _envelope_of(brought)
        if brought.id in self._stemming:
            # Its stub pays like that of an unknown one: it counts in its quota once.
            self._admission.forget(proof.header.stamped_key, brought.id)
        verdict = self._judge_proof(proof, may_check_stamp=may_check_stamp, now=now)
        if brought.id in self._stemming and not isinstance(verdict, Accept):
            self._admission.load(proof.header.stamped_key, brought.id)
        self._settle(link, brought, verdict, now)

    def _judge_proof(
        self, proof: Envelope | Stub, *, may_check_stamp: bool, now: Instant
    ) -> Verdict:
        """The rules that are equal at all nodes, for all that there is room to know."""
        if self._buffer.room.is_full:
            return Refuse(NO_ROOM, is_fault=False)
        refusal = self._id_expiry.find_refusal(
            proof.header,
            self._replicator.sets,
            now,
            has_body=isinstance(proof, Envelope),
        )
        if refusal is not None:
            return Refuse(refusal, is_fault=False)
        return self._admission.judge(proof, may_check_stamp=may_check_stamp, now=now)

    def _settle(
        self, link: LinkId | None, brought: _Brought, verdict: Verdict, now: Instant
    ) -> None:
        match verdict:
            case Accept(pushed_out=pushed_out):
                # First what has to go: a retirement that comes with a stub may be forged.
                if pushed_out is not None and pushed_out != brought.id:
                    self._push_out(pushed_out)
                if isinstance(brought, Envelope):
                    self._accept(link, brought, now)
                elif isinstance(brought, _Stemmed):
                    self._accept_stem(link, brought.envelope, now)
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
                    if not isinstance(brought, _Bodiless):
                        self._answer(link, brought.id)
            case _:
                assert_never(verdict)

    def _accept(self, link: LinkId | None, envelope: Envelope, now: Instant) -> None:
        self.newest_created = max(self.newest_created, envelope.header.created)
        refusal = self._find_refusal(envelope, now)
        if refusal is not None:
            self._counters.count(f"{REFUSED}{refusal}")
            self._buffer.add_unwanted(envelope, refusal)
            self._replicator.accepted_unwanted(envelope.id, element_of(envelope.header), now)
            self.retirements.envelope_came(envelope.id, envelope.header, now)
            if link is not None:
                self._answer(link, envelope.id)
            return
        self._buffer.add(envelope, _host_of(self._hosts, link, envelope.header.posting_key))
        if link is None or not self._replicator.want_list.is_live(envelope.id, now):
            self._backlog[envelope.id] = None
        is_new = now.mesh - envelope.header.created <= LIVE_SECONDS_MAX
        element = element_of(envelope.header)
        self._replicator.accepted(envelope.id, element, link, now, is_new=is_new)
        self.retirements.envelope_came(envelope.id, envelope.header, now)
        if link is not None:
            self._answer(link, envelope.id)

    def _accept_stem(self, link: LinkId | None, envelope: Envelope, now: Instant) -> None:
        """Keep it and pass it on, or let it spread from here."""
        header = envelope.header
        refusal = self._find_refusal(envelope, now)
        if link is None and refusal is not None:
            self._accept(None, envelope, now)
            return
        if link is not None and refusal is not None:
            # Who has no room for the body passes nothing on, and hears of it when it has spread.
            self._counters.count(f"{REFUSED}{refusal}")
            self._admission.forget(header.stamped_key, envelope.id)
            self._answer(link, envelope.id)
            return
        self.newest_created = max(self.newest_created, header.created)
        self._buffer.add(envelope, _host_of(self._hosts, link, header.posting_key))
        if link is None:
            self._backlog[envelope.id] = None
            self._stemming.begin(envelope, now)
        else:
            self._stemming.came(link, envelope, now)
            self._answer(link, envelope.id)

    def _accept_stub(self, link: LinkId | None, brought: _Bodiless, now: Instant) -> None:
        header = brought.stub.header
        if brought.id in self._stemming:
            self._stemming.hide_body(brought.id)
        else:
            self._buffer.add_stub(brought.stub)
        self.newest_created = max(self.newest_created, header.created)
        if link is None:
            self._replicator.accepted(brought.id, element_of(header), None, now, is_new=False)
            self.retirements.envelope_came(brought.id, header, now)
            return
        self._replicator.accepted_without_body(brought.id, element_of(header), link, now)
        self.retirements.envelope_came(brought.id, header, now)
        self.retirements.came_with(link, brought.stub, brought.tokens, now)

    def _fill_body(self, link: LinkId | None, envelope: Envelope, now: Instant) -> None:
        """The body of a stub that is here: the id proves that it is the right one."""
        if self._buffer.room.is_full:
            self._counters.count(f"{REFUSED}{NO_ROOM}")
            return
        if envelope.id in self._stemming:
            self._stemming.spread(envelope.id, link, now)
            return
        refusal = self._find_refusal(envelope, now)
        if refusal is not None:
            self._counters.count(f"{REFUSED}{refusal}")
            self._buffer.add_unwanted(envelope, refusal)
            self._replicator.body_unwelcome(envelope.id, now)
            return
        self._buffer.add(envelope, _host_of(self._hosts, link, envelope.header.posting_key))
        self._backlog[envelope.id] = None
        self._replicator.body_filled(envelope.id, link, now)

    def _find_refusal(self, envelope: Envelope, now: Instant) -> str | None:
        """Say why a body is not kept; a stamp that admits more may have more of them."""
        admitted = self._admission.find_admitted(envelope.header.stamped_key)
        return self._buffer.find_refusal(
            envelope, now.expiry, admitted_count=admitted or ADMITTED_UNKNOWN
        )

    def _push_out(self, envelope_id: EnvelopeId) -> None:
        """A lower id of the same stamp took its place, as it will at every node."""
        self._counters.count("pushed_out")
        self._buffer.remove(envelope_id)
        self.retirements.forget_envelope(envelope_id)

    def _defer(self, link: LinkId, brought: _Brought, now: Instant) -> None:
        """There is no budget to check its stamp now."""
        waiting = self._deferred.setdefault(link, [])
        if len(waiting) < DEFERRED_PER_LINK_MAX:
            waiting.append(brought)
        else:
            self._counters.count("deferred_dropped")
            self._replicator.dropped(link)

    def _answer(self, link: LinkId, envelope_id: EnvelopeId) -> None:
        self._brought.setdefault(link, []).append(envelope_id)


def _host_of(hosts_by_link: Mapping[LinkId, str], link: LinkId | None, key: PostingKey) -> str:
    """Return who brought it; of what came over no link one of all, fixed for a key.

    If own mail was nobody's, it would have a turn of its own where bodies wait.
    """
    if link is not None:
        return hosts_by_link.get(link, FORMER)
    hosts = sorted(dict.fromkeys(hosts_by_link.values()))
    return hosts[int.from_bytes(key[:4]) % len(hosts)] if hosts else FORMER


def _envelope_of(brought: Envelope | _Stemmed) -> Envelope:
    return brought.envelope if isinstance(brought, _Stemmed) else brought
