"""The carrying of mail for everybody: admission, the store, eviction, and what HELD may say.

Joins the machines `mesh.posting` and `mesh.replication` to the rows of `mesh.storage`. Nothing
here knows whose mail it is; what is kept apart for our person is asked of who knows (`IsOurs`).

How something enters is in `intake.py`; what is here, and what of it is written when, in
`envelope_buffer.py`. HELD frames (`held_acks.py`) and bodies of new envelopes leave only after it.
What comes of retirements is in `retirements.py`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.commands.status import CarriedAnswer, Disk
from mesh.database import Connection
from mesh.engine.counters import Counters
from mesh.engine.forwarding.apart import IsOurs
from mesh.engine.forwarding.body_sender import BodySender
from mesh.engine.forwarding.envelope_buffer import NOTHING_COMMITTED, EnvelopeBuffer
from mesh.engine.forwarding.given_bodies import GivenBodies
from mesh.engine.forwarding.held_acks import HeldAcks
from mesh.engine.forwarding.id_expiry import IdExpiry
from mesh.engine.forwarding.intake import Intake
from mesh.engine.forwarding.retirements import Retirements
from mesh.engine.forwarding.stemming import Stemming
from mesh.engine.forwarding.usage import carried, own_share_bytes
from mesh.engine.settings import EngineSettings, Primitives
from mesh.ids import EnvelopeId, Instant, LinkId, LinkKey, Monotonic, UnixSeconds, earliest
from mesh.limits.retention import EXPIRY_INTERVAL_MS
from mesh.limits.timekeeping import CLOCK_JUMP_SECONDS
from mesh.posting.admission import Admission
from mesh.replication.replicator import Replicator
from mesh.replication.retiring import Retiring
from mesh.replication.seen_sets import Element
from mesh.replication.stems import Stems
from mesh.retention.eviction import DepthOf
from mesh.retention.sides import SponsorsOf
from mesh.wire.envelope import Envelope
from mesh.wire.retirement import Retirement


@dataclass(frozen=True, slots=True)
class Authors:
    """The nearness of authors, and the envelopes that are for our person."""

    depth_of: DepthOf
    sponsors_of: SponsorsOf
    is_ours: IsOurs


class Forwarder:
    """The envelopes of this node, from a peer's push to the next peer's."""

    def __init__(
        self,
        *,
        connection: Connection,
        settings: EngineSettings,
        authors: Authors,
        primitives: Primitives,
        counters: Counters,
        now: Instant,
    ) -> None:
        self.replicator: Final = Replicator(
            primitives.entropy, lambda id_: self.body_sender.flow_of(id_)
        )
        self.buffer: Final = EnvelopeBuffer(
            connection,
            stored_bytes_max=settings.stored_bytes_max,
            carried_days=settings.carried_days,
            depth_of=authors.depth_of,
            sponsors_of=authors.sponsors_of,
            created_of=self.created_of,
            is_ours=authors.is_ours,
        )
        self.buffer.eviction.shares = settings.shares
        self.store: Final = self.buffer.store
        self._id_expiry = IdExpiry(
            self.buffer, authors.depth_of, known_ids_max=settings.known_ids_max
        )
        self._retiring = Retiring(
            delay_ms_max=settings.relay_delay_ms_max, entropy=primitives.entropy
        )
        self.stemming: Final = Stemming(
            Stems(primitives.entropy, self.replicator.scores.is_doubted),
            self.buffer,
            self.replicator,
            counters,
        )
        self.stemming.retirement_stems.relay_delay_ms_max = settings.relay_delay_ms_max
        self.retirements: Final = Retirements(
            self.buffer, self._retiring, counters, self.replicator, self.stemming
        )
        self.given: Final = GivenBodies()
        self.body_sender: Final = BodySender(
            self.buffer, self._retiring, self.given, self.stemming.is_body_hidden, counters
        )
        self.intake: Final = Intake(
            admission=Admission(settings.parameters, primitives.verify),
            buffer=self.buffer,
            id_expiry=self._id_expiry,
            retirements=self.retirements,
            replicator=self.replicator,
            stemming=self.stemming,
            counters=counters,
        )
        self.stemming.retirements = self.retirements
        self.held_acks: Final = HeldAcks()
        self._counters = counters
        self._told_retired: list[Retirement] = []
        self._expire_at = now.after(EXPIRY_INTERVAL_MS)
        # Mesh time less the time that passed: it moves when a clock is corrected, or after sleep.
        self._mesh_ahead_s: int | None = None
        self._load(now)

    def change(self, settings: EngineSettings, stored_bytes_max: int) -> None:
        """A person has other settings; `stored_bytes_max`: as far as the disk allows."""
        self.buffer.stored_bytes_max = stored_bytes_max
        self.buffer.carried_days = settings.carried_days
        self.buffer.eviction.shares = settings.shares
        self._retiring.delay_ms_max = settings.relay_delay_ms_max
        self.stemming.retirement_stems.relay_delay_ms_max = settings.relay_delay_ms_max
        # What is too old now goes with the next commit.
        self.buffer.look_again()

    def carried(self) -> list[CarriedAnswer]:
        """For whom bodies are kept."""
        return carried(
            self.buffer.eviction.usage(),
            self.buffer.eviction.shares,
            room_bytes=self.buffer.room_bytes,
            stored_bytes_max=self.buffer.stored_bytes_max,
        )

    def created_of(self, id_: EnvelopeId) -> UnixSeconds:
        """Return the creation second of an envelope that is here."""
        sets = self.replicator.sets
        return (sets if id_ in sets else self.stemming).element(id_).created

    @property
    def is_own_share_full(self) -> bool:
        """Say whether what was written here and is on its way takes all that it may."""
        share_bytes = own_share_bytes(self.buffer.stored_bytes_max, self.buffer.eviction.shares)
        return self.buffer.eviction.written_bytes >= share_bytes

    def link_up(
        self,
        link: LinkId,
        now: Instant,
        *,
        host: str,
        link_key: LinkKey,
        is_dialled_by_us: bool,
        round_trip_ms: int,
        passes_stems: bool,
    ) -> None:
        """A link is ready. `host`: who is at its other end, as far as that can be told."""
        self.intake.link_up(link, host)
        self.replicator.link_up(
            link, now, is_dialled_by_us=is_dialled_by_us, round_trip_ms=round_trip_ms
        )
        self.replicator.outgoing.announce(link, self._id_expiry.near_cut_off(self.replicator.sets))
        self.stemming.link_up(link, link_key, now, is_able=passes_stems)

    def link_down(self, link: LinkId, now: Instant) -> None:
        """A link is gone, and with it what it still waited for."""
        self.stemming.link_down(link, now)
        self.replicator.link_down(link, now)
        self.intake.link_down(link)
        self.held_acks.link_down(link)
        self.given.link_down(link)

    def set_disk(self, disk: Disk, now: Instant) -> None:
        """Begin a batch with so much room, or so little."""
        room = self.buffer.room
        was_full = room.is_full
        room.become(disk)
        if disk == "room" and (spared := room.take_spared()):
            lacked = [
                id_
                for id_ in spared
                if id_ in self.replicator.sets
                and not (self.buffer.has_body(id_) or self._retiring.is_retired(id_))
            ]
            self.replicator.missing_bodies.missed(lacked, now)
        self.replicator.declined.takes_nothing = room.is_full
        if was_full and not room.is_full:
            self.replicator.forgive()

    def make_room(self, now: Instant) -> None:
        """Before a batch: if more ids are known than may be, some go as if they had expired."""
        if self.buffer.room.is_full or not self._id_expiry.is_due(self.replicator.sets):
            return
        rows = self._id_expiry.choose(
            self.replicator.sets,
            now,
            lambda id_: self._retiring.find_envelope(id_) is not None,
        )
        self.buffer.apart.going([row.id for row in rows])
        for row in rows:
            self.buffer.remove(row.id)
        self.intake.forget(rows)
        self._counters.count("forgotten", len(rows))

    def tend(self, *, is_clock_steady: bool, now: Instant) -> list[LinkId]:
        """Judge what was deferred, let expire what has outlived itself, look after wants.

        Returns the links whose deferred envelopes turned out to be faults.
        """
        if self.is_clock_moved(now):
            self._mesh_ahead_s = _ahead(now)
            self.replicator.forgive()
        if self.is_impatient(now):
            self.replicator.deadline_passed(now)
        if now.monotonic >= self._expire_at:
            self._expire_at = now.after(EXPIRY_INTERVAL_MS)
            self.buffer.look_again()
            self._id_expiry.look_again(self.replicator.sets)
            if is_clock_steady and not self.buffer.room.is_full:
                self._expire(now.expiry)
        faulted = self.intake.judge_deferred(now)
        if not self.buffer.room.is_full:
            self.stemming.tend(now)
            self.retirements.tend(now)
        return faulted

    def is_clock_moved(self, now: Instant) -> bool:
        """Say whether mesh time was corrected, or this machine slept, since that was seen."""
        former_s = self._mesh_ahead_s
        return former_s is None or abs(_ahead(now) - former_s) > CLOCK_JUMP_SECONDS

    def is_impatient(self, now: Instant) -> bool:
        """Say whether what was waited for is late by now, or it is time to compare."""
        deadline = self.replicator.deadline()
        return deadline is not None and deadline <= now.monotonic

    def deadline(self) -> Monotonic | None:
        """Return when `tend` wants to be called."""
        is_frozen = self.buffer.room.is_full
        if self.buffer.has_excess or (
            not is_frozen and self._id_expiry.is_due(self.replicator.sets)
        ):
            return Monotonic(0)
        stamp_at = self.intake.stamp_deadline() if self.intake.has_deferred else None
        spread_at = self.replicator.deadline()
        retire_at = None if is_frozen else self._retiring.deadline()
        stem_at = None if is_frozen else self.stemming.deadline()
        answer_at = self.held_acks.deadline()
        return earliest((spread_at, retire_at, stem_at, stamp_at, answer_at, self._expire_at))

    def commit(self, expiry_now: UnixSeconds, *, first_messages: Sequence[bytes]) -> list[Envelope]:
        """Write all rows of the batch in one transaction; return the envelopes that are new."""
        committed = self.buffer.commit(expiry_now, first_messages=first_messages)
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
            if envelope_id in self.stemming:
                self.stemming.evicted(envelope_id)
            self.replicator.outgoing.body_gone(envelope_id)
        gone = [*committed.evicted, *(retirement.envelope for retirement in committed.retired)]
        self._id_expiry.bodies_gone(gone, self.replicator.sets)
        self._told_retired += committed.retired
        return [one for one in committed.added if not self._retiring.is_retired(one.id)]

    def take_retired(self) -> list[Retirement]:
        """After the commit: the retirements that stand on the mesh since the last call."""
        taken, self._told_retired = self._told_retired, []
        return taken

    def note_answers(self, now: Instant) -> None:
        """After the commit: what became of the bodies that links brought."""
        for link, ids in self.intake.take_brought().items():
            held = [id_ for id_ in ids if self._has_body(id_)]
            refused = [id_ for id_ in ids if not self._has_body(id_)]
            self.held_acks.note(link, held=held, refused=refused, now=now)

    def _load(self, now: Instant) -> None:
        missing: list[EnvelopeId] = []
        self.stemming.load(now)
        self.replicator.load(self._stored(missing), missing)
        self.retirements.load()
        self._id_expiry.load(self.replicator.sets)

    def _stored(self, missing: list[EnvelopeId]) -> Iterator[tuple[EnvelopeId, Element]]:
        """All that is stored, row by row: there may be a million, and each is kept once."""
        for row in self.store.index_rows():
            self.intake.load(row)
            if row.is_missing:
                missing.append(row.id)
            element = Element(row.created, row.size_class, row.lifetime_class)
            if row.id not in self.stemming.stems:
                yield row.id, element
            elif row.has_body:
                self.stemming.load_element(row.id, element)
            else:
                # The process ended right after the body had to go.
                self.stemming.forget([row.id])
                self.buffer.stems.end(row.id)
                yield row.id, element

    def _has_body(self, envelope_id: EnvelopeId) -> bool:
        is_known = envelope_id in self.replicator.sets or envelope_id in self.stemming
        is_known = is_known and not self.stemming.is_body_hidden(envelope_id)
        return is_known and self.buffer.has_body(envelope_id)

    def _expire(self, expiry_now: UnixSeconds) -> None:
        expired = self.buffer.expire(expiry_now)
        self.intake.forget(expired)
        self._counters.count("lapsed", len(expired))


def _ahead(now: Instant) -> int:
    """Return by how much mesh time is ahead of the steady clock, in seconds."""
    return now.mesh - now.monotonic // 1_000_000
