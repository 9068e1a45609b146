"""The envelopes of this node: the store, the rows of this batch that are not in it yet, recent
bodies.

Rows are gathered while a batch is handled and written by `commit` in one transaction. Whether
something may enter is decided in `intake.py`; which bodies go for want of room, in
`mesh/retention/eviction.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from mesh.database import Connection
from mesh.engine.forwarding.apart import Apart, IsOurs
from mesh.engine.forwarding.disk_room import DiskRoom
from mesh.ids import EnvelopeId, UnixSeconds
from mesh.limits.replication import RECENT_BODIES_BYTES_MAX
from mesh.limits.retention import EVICTED_PER_BATCH, EVICTION_ROWS_PER_STEP
from mesh.limits.storage import EXPIRED_ROWS_PER_BATCH
from mesh.retention.eviction import CreatedOf, DepthOf, Eviction
from mesh.retention.sides import FORMER, SponsorsOf
from mesh.storage.connection import transaction
from mesh.storage.store.rows import IndexRow
from mesh.storage.store.stem_rows import StemRow, StemRows
from mesh.storage.store.store import Store
from mesh.wire.envelope import (
    SECONDS_PER_DAY,
    SIZE_BYTES,
    STUB_BYTES,
    Envelope,
    Header,
    Stub,
    decode_stub,
)
from mesh.wire.retirement import Retirement

SPARED: Final = "while the disk is nearly full"
"""Why a body is not kept on a scarce disk."""


@dataclass(frozen=True, slots=True)
class Committed:
    """The changes of a batch to the store."""

    added: Sequence[Envelope] = ()
    retired: Sequence[Retirement] = ()
    evicted: Sequence[EnvelopeId] = ()


NOTHING_COMMITTED: Final = Committed()
"""What most batches change."""


class StemChanges:
    """The changes of a batch to what is on its stem."""

    def __init__(self) -> None:
        # None: it spreads.
        self._rows: dict[tuple[EnvelopeId, bytes], StemRow | None] = {}

    def __bool__(self) -> bool:
        return bool(self._rows)

    def put(self, row: StemRow) -> None:
        """An envelope that enters, or a retirement of one that is here, does not spread yet."""
        self._rows[row.envelope, row.token] = row

    def end(self, envelope_id: EnvelopeId, token: bytes = b"") -> None:
        """It spreads."""
        self._rows[envelope_id, token] = None

    def write(self, rows: StemRows) -> None:
        """Write them, in the transaction of the batch."""
        if ended := [item for item, row in self._rows.items() if row is None]:
            rows.remove(ended)
        if begun := [row for row in self._rows.values() if row is not None]:
            rows.put(begun)
        self._rows.clear()


class EnvelopeBuffer:
    """Envelopes with and without bodies, on disk and about to be."""

    def __init__(
        self,
        connection: Connection,
        *,
        stored_bytes_max: int,
        carried_days: int,
        depth_of: DepthOf,
        sponsors_of: SponsorsOf,
        created_of: CreatedOf,
        is_ours: IsOurs,
    ) -> None:
        self.store: Final = Store(connection)
        self.eviction: Final = Eviction(depth_of, created_of, sponsors_of)
        self.stored_bytes_max = stored_bytes_max
        self.room: Final = DiskRoom(depth_of)
        self.carried_days = carried_days
        self.is_clock_steady = False
        """Whether the clock of this batch is one by which bodies are too old."""
        self.apart: Final = Apart(self.store, is_ours)
        self._connection = connection
        self._added: dict[EnvelopeId, Envelope] = {}
        self._added_stubs: dict[EnvelopeId, Stub] = {}
        self._unwanted_stubs: dict[EnvelopeId, Stub] = {}
        self._retired: list[Retirement] = []
        self._removed: list[EnvelopeId] = []
        self._settings: dict[str, bytes] = {}
        self.stems: Final = StemChanges()
        self._recent: dict[EnvelopeId, bytes] = {}
        self._recent_bytes = 0
        self._is_look_due = False
        # Up to here bodies were dropped for their age.
        self._aged_to = UnixSeconds(0)
        self._has_more_to_evict = False
        self._note_totals(self.store.totals())

    def load(self, row: IndexRow) -> None:
        """Take an envelope of the store at start; nobody remembers who brought it."""
        if row.has_body:
            self.eviction.add(
                row.id,
                key=row.stamped_key,
                body_bytes=SIZE_BYTES[row.size_class] - STUB_BYTES,
                created=row.created,
            )

    @property
    def room_bytes(self) -> int:
        """Return what bodies may take: stubs have to stay, and what they take is gone."""
        return max(0, self.stored_bytes_max - self._stubs_bytes)

    @property
    def has_excess(self) -> bool:
        """Say whether the next batch can make more room at once."""
        return not self.room.is_full and self._has_more_to_evict

    @property
    def has_work(self) -> bool:
        """Say whether something is to be written, or looked at again, with the next commit."""
        stubs = self._added_stubs or self._unwanted_stubs
        is_changed = self._added or stubs or self._retired or self._removed or self._settings
        is_full = self.eviction.bodies_bytes > self.room_bytes or self.has_excess
        return bool(is_changed or self.stems or is_full or self._is_look_due)

    def has_body(self, envelope_id: EnvelopeId) -> bool:
        """Say whether the body of an envelope is here."""
        return envelope_id in self.eviction

    def find_refusal(
        self, envelope: Envelope, expiry_now: UnixSeconds, *, admitted_count: int
    ) -> str | None:
        """Say why the body of an envelope that may enter is not kept; None if it is.

        `admitted_count`: how many envelopes its stamp admits.
        """
        header = envelope.header
        if self.room.is_spared(header):
            return SPARED
        oldest = expiry_now - self.carried_days * SECONDS_PER_DAY
        if self.is_clock_steady and header.created < oldest:
            return "older than this node carries"
        return self.eviction.find_refusal(
            header.stamped_key,
            _body_bytes(header),
            admitted_count=admitted_count,
            room_bytes=self.room_bytes,
        )

    # --- Gathering ----------------------------------------------------------------------------

    def add(self, envelope: Envelope, peer: str = FORMER) -> None:
        """A whole envelope enters, new or in place of its stub."""
        self._added_stubs.pop(envelope.id, None)
        self._unwanted_stubs.pop(envelope.id, None)
        self._added[envelope.id] = envelope
        header = envelope.header
        # One that is older came while no age counted, or this node carried more days.
        self._aged_to = min(self._aged_to, header.created)
        self.eviction.add(
            envelope.id,
            key=header.stamped_key,
            body_bytes=_body_bytes(header),
            created=header.created,
            peer=peer,
        )
        self._remember_body(envelope)

    def add_stub(self, stub: Stub) -> None:
        """An envelope enters without its body, which is missed."""
        self._added_stubs[stub.id] = stub

    def add_unwanted(self, envelope: Envelope, refusal: str) -> None:
        """An envelope enters, or its stub is here, and its body is not kept; `refusal`: why."""
        stub = decode_stub(envelope.stub)
        self._added_stubs.pop(envelope.id, None)
        if refusal == SPARED:
            self.room.spared(envelope.id)
            self._added_stubs[envelope.id] = stub
        else:
            self._unwanted_stubs[envelope.id] = stub
        self.apart.refused(envelope)

    def put_setting(self, name: str, value: bytes) -> None:
        """Something small that survives a restart."""
        self._settings[name] = value

    def retire(self, retirement: Retirement) -> None:
        """An envelope loses its body for ever."""
        self._retired.append(retirement)
        self.apart.drop(retirement.envelope)
        self._lose_body(retirement.envelope)

    def remove(self, envelope_id: EnvelopeId) -> None:
        """An envelope goes wholly."""
        self._added.pop(envelope_id, None)
        self._added_stubs.pop(envelope_id, None)
        self._unwanted_stubs.pop(envelope_id, None)
        # It may stand in the store too: as a stub, of which the body came in this batch.
        self._removed.append(envelope_id)
        self._lose_body(envelope_id)

    def commit(self, expiry_now: UnixSeconds, *, first_messages: Sequence[bytes]) -> Committed:
        """Write all rows of the batch in one transaction; none where the disk is full."""
        if self.room.is_full or not (first_messages or self.has_work):
            return NOTHING_COMMITTED
        stubs = self._added_stubs or self._unwanted_stubs
        added = list(self._added.values())
        with transaction(self._connection):
            # An envelope that had to go may have come again, where another one expired meanwhile.
            if self._removed:
                self.store.remove(self._removed)
            totals = self.store.add(added) if added else None
            if self._added_stubs:
                self.store.add_stubs(list(self._added_stubs.values()))
            if self._unwanted_stubs:
                self.store.add_stubs(list(self._unwanted_stubs.values()), are_missed=False)
                self.store.stop_missing(list(self._unwanted_stubs))
            if self._retired:
                self.store.retire(self._retired)
            if self.stems:
                self.stems.write(self.store.stems)
            for name, value in self._settings.items():
                self.store.link_state.put_setting(name, value)
            if first_messages:
                self.store.link_state.remember_first_messages(first_messages)
            if stubs or self._removed or (added and totals is None):
                totals = self.store.totals()
            if totals is not None:
                self._note_totals(totals)
            evicted = self._drop_aged(expiry_now) if self._is_look_due else []
            evicted += self._evict(expiry_now)
        committed = Committed(added, tuple(self._retired), evicted)
        self._added.clear()
        self._added_stubs.clear()
        self._unwanted_stubs.clear()
        self._retired.clear()
        self._removed.clear()
        self._settings.clear()
        return committed

    def expire(self, expiry_now: UnixSeconds) -> list[IndexRow]:
        """Forget what has outlived its lifetime."""
        with transaction(self._connection):
            expired = self.store.expire(expiry_now)
        self._note_totals(self.store.totals())
        for row in expired:
            self._lose_body(row.id)
        return expired

    def look_again(self) -> None:
        """At the next commit: authors may be nearer or further, and bodies too old to carry."""
        self._is_look_due = True

    # --- Reading ------------------------------------------------------------------------------

    def headers(self, known: Sequence[EnvelopeId]) -> dict[EnvelopeId, Header]:
        """The headers of known envelopes."""
        headers: dict[EnvelopeId, Header] = {}
        stored: list[EnvelopeId] = []
        for id_ in known:
            fresh = (
                self._added.get(id_) or self._added_stubs.get(id_) or self._unwanted_stubs.get(id_)
            )
            if fresh is None:
                stored.append(id_)
            else:
                headers[id_] = fresh.header
        if stored:
            for id_, stub in self.store.stubs(stored).items():
                headers[id_] = decode_stub(stub).header
        return headers

    def bodies(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, bytes]:
        """The envelopes that are here with their bodies, for peers, in the given order."""
        rest = [id_ for id_ in ids if id_ not in self._recent]
        stored = self.store.envelopes_bytes(rest) if rest else {}
        found = {id_: self._recent.get(id_) or stored.get(id_) for id_ in ids}
        return {id_: data for id_, data in found.items() if data is not None}

    # --- Below --------------------------------------------------------------------------------

    def _note_totals(self, totals: tuple[int, int, int]) -> None:
        """Most batches write nothing, and ask for these all the same; only what enters or goes
        wholly changes them: no eviction, no retirement, no stem.
        """
        self.last_arrival, _, envelopes_count = totals
        self._stubs_bytes = envelopes_count * STUB_BYTES

    def _evict(self, expiry_now: UnixSeconds) -> list[EnvelopeId]:
        """Drop bodies until the rest has room."""
        evicted: list[EnvelopeId] = []
        count_max = max(EVICTED_PER_BATCH, 2 * len(self._added))
        while len(evicted) < count_max:
            chosen = self.eviction.take_victims(
                self.room_bytes, expiry_now, count_max=EVICTION_ROWS_PER_STEP
            )
            if not chosen:
                break
            self._drop(chosen)
            evicted += chosen
        self._has_more_to_evict = len(evicted) >= count_max
        return evicted

    def _drop_aged(self, expiry_now: UnixSeconds) -> list[EnvelopeId]:
        """Once in a while: see who is near, and drop what is too old to carry."""
        self._is_look_due = False
        self.eviction.look_again()
        if not self.is_clock_steady:
            return []
        before = UnixSeconds(expiry_now - self.carried_days * SECONDS_PER_DAY)
        aged = self.store.scans.bodies_created(self._aged_to, before, EXPIRED_ROWS_PER_BATCH)
        self._aged_to = aged[-1][0] if aged else max(self._aged_to, before)
        aged_ids = [id_ for _, id_ in aged]
        self._drop(aged_ids)
        return aged_ids

    def _drop(self, chosen: Sequence[EnvelopeId]) -> None:
        """Drop bodies, whoever they are for."""
        if not chosen:
            return
        self.apart.going(chosen, self._added)
        self.store.drop_bodies(chosen)
        for envelope_id in chosen:
            self._lose_body(envelope_id)

    def _remember_body(self, envelope: Envelope) -> None:
        """New bodies go out to several links at once: keep the last ones at hand."""
        data = envelope.data
        self._recent[envelope.id] = data
        self._recent_bytes += len(data)
        while self._recent_bytes > RECENT_BODIES_BYTES_MAX:
            self._drop_recent(next(iter(self._recent)))

    def _lose_body(self, envelope_id: EnvelopeId) -> None:
        self.eviction.remove(envelope_id)
        self._drop_recent(envelope_id)

    def _drop_recent(self, envelope_id: EnvelopeId) -> None:
        self._recent_bytes -= len(self._recent.pop(envelope_id, b""))


def _body_bytes(header: Header) -> int:
    """Return what dropping a body sets free."""
    return SIZE_BYTES[header.size_class] - STUB_BYTES
