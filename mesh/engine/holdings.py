"""What this node holds: the store, the rows of this batch that are not in it yet, recent bodies.

Rows are gathered while a batch is handled and written by `commit` in one transaction. Whether
something may enter, and who is told of it, is decided elsewhere (`mesh/engine/carrying.py`).
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from mesh.ids import EnvelopeId, Tag, UnixSeconds
from mesh.inputs import Connection
from mesh.limits import EVICTION_ROWS_PER_BATCH, RECENT_BODIES_BYTES_MAX
from mesh.storage.sqlcipher import transaction
from mesh.storage.store import Store
from mesh.storage.store_rows import IndexRow
from mesh.wire.envelope import Envelope, Header, Stub, decode_stub
from mesh.wire.retirement import Retirement

Protection = Callable[[EnvelopeId, Tag], bool]
"""Whether an envelope is ours (written here, or to be opened here) and must stay."""


@dataclass(frozen=True, slots=True)
class Committed:
    """What a batch has changed in the store."""

    added: Sequence[Envelope] = ()
    retired: Sequence[Retirement] = ()
    evicted: Sequence[EnvelopeId] = ()


class Holdings:
    """Envelopes with and without bodies, on disk and about to be."""

    def __init__(self, connection: Connection, *, stored_bytes_max: int) -> None:
        self.store: Final = Store(connection)
        self._stored_bytes_max = stored_bytes_max
        self._connection = connection
        self._added: dict[EnvelopeId, Envelope] = {}
        self._added_stubs: dict[EnvelopeId, Stub] = {}
        self._retired: list[Retirement] = []
        self._removed: list[EnvelopeId] = []
        self._bodyless: dict[EnvelopeId, None] = {}
        self._recent: dict[EnvelopeId, bytes] = {}
        self._recent_bytes = 0
        self._evicted_to = 0
        self._note_totals()

    def load(self, bodyless: Iterable[EnvelopeId]) -> None:
        """Take the envelopes of the store at start that have no body."""
        self._bodyless = dict.fromkeys(bodyless)

    def has_body(self, envelope_id: EnvelopeId) -> bool:
        """Whether the body of a known envelope is here."""
        return envelope_id not in self._bodyless

    def is_new(self, envelope_id: EnvelopeId) -> bool:
        """Whether a body came in this batch, and is not committed yet."""
        return envelope_id in self._added

    # --- Gathering ----------------------------------------------------------------------------

    def add(self, envelope: Envelope) -> None:
        """A whole envelope enters, new or in place of its stub."""
        self._added_stubs.pop(envelope.id, None)
        self._bodyless.pop(envelope.id, None)
        self._added[envelope.id] = envelope
        self._remember_body(envelope)

    def add_stub(self, stub: Stub) -> None:
        """An envelope enters without its body."""
        self._added_stubs[stub.id] = stub
        self._bodyless[stub.id] = None

    def retire(self, retirement: Retirement) -> None:
        """An envelope loses its body for ever."""
        self._retired.append(retirement)
        self._lose_body(retirement.envelope)

    def remove(self, envelope_id: EnvelopeId) -> None:
        """An envelope goes wholly."""
        self._added.pop(envelope_id, None)
        self._added_stubs.pop(envelope_id, None)
        # It may stand in the store too: as a stub, of which the body came in this batch.
        self._removed.append(envelope_id)
        self._forget(envelope_id)

    def commit(self, *, first_messages: Sequence[bytes], is_protected: Protection) -> Committed:
        """Write all rows of the batch in one transaction."""
        is_full = self._stored_bytes > self._stored_bytes_max
        is_changed = self._added or self._added_stubs or self._retired or self._removed
        if not (is_changed or first_messages or is_full):
            return Committed()
        added = list(self._added.values())
        with transaction(self._connection):
            # An envelope that had to go may have come again, where another one lapsed meanwhile.
            if self._removed:
                self.store.remove(self._removed)
            if added:
                self.store.add(added)
            if self._added_stubs:
                self.store.add_stubs(list(self._added_stubs.values()))
            if self._retired:
                self.store.retire(self._retired)
            if first_messages:
                self.store.remember_first_messages(first_messages)
            evicted = self._evict(is_protected)
        self._note_totals()
        committed = Committed(added, tuple(self._retired), evicted)
        self._added.clear()
        self._added_stubs.clear()
        self._retired.clear()
        self._removed.clear()
        return committed

    def lapse(self, mesh_now: UnixSeconds) -> list[IndexRow]:
        """Forget what has outlived its lifetime; what was passed over may be evicted again."""
        with transaction(self._connection):
            lapsed = self.store.lapse(mesh_now)
        self._note_totals()
        for row in lapsed:
            self._forget(row.id)
        return lapsed

    def look_again(self) -> None:
        """What eviction passed over for being ours may be so no longer."""
        self._evicted_to = 0

    # --- Reading ------------------------------------------------------------------------------

    def headers(self, known: Sequence[EnvelopeId]) -> dict[EnvelopeId, Header]:
        """The headers of known envelopes."""
        headers: dict[EnvelopeId, Header] = {}
        stored: list[EnvelopeId] = []
        for id_ in known:
            fresh = self._added.get(id_) or self._added_stubs.get(id_)
            if fresh is None:
                stored.append(id_)
            else:
                headers[id_] = fresh.header
        for id_, stub in self.store.stubs(stored).items():
            headers[id_] = decode_stub(stub).header
        return headers

    def bodies(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, bytes]:
        """The envelopes that are here with their bodies, in the given order."""
        rest = [id_ for id_ in ids if id_ not in self._recent]
        stored = self.store.envelopes_bytes(rest) if rest else {}
        found = {id_: self._recent.get(id_) or stored.get(id_) for id_ in ids}
        return {id_: data for id_, data in found.items() if data is not None}

    # --- Below --------------------------------------------------------------------------------

    def _note_totals(self) -> None:
        """Most batches write nothing, and ask for these all the same."""
        self._stored_bytes = self.store.stored_bytes
        self.last_arrival = self.store.last_arrival()

    def _evict(self, is_protected: Protection) -> list[EnvelopeId]:
        """Over quota the oldest bodies go first, but never what is ours.

        What was passed over for being ours is looked at again after a while, not in every batch.
        """
        excess = self.store.stored_bytes - self._stored_bytes_max
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
        if evicted:
            self.store.drop_bodies(evicted)
        for envelope_id in evicted:
            self._lose_body(envelope_id)
        return evicted

    def _remember_body(self, envelope: Envelope) -> None:
        """New bodies go out to several links at once: keep the last ones at hand."""
        data = envelope.data
        self._recent[envelope.id] = data
        self._recent_bytes += len(data)
        while self._recent_bytes > RECENT_BODIES_BYTES_MAX:
            self._drop_recent(next(iter(self._recent)))

    def _lose_body(self, envelope_id: EnvelopeId) -> None:
        self._bodyless[envelope_id] = None
        self._drop_recent(envelope_id)

    def _forget(self, envelope_id: EnvelopeId) -> None:
        self._bodyless.pop(envelope_id, None)
        self._drop_recent(envelope_id)

    def _drop_recent(self, envelope_id: EnvelopeId) -> None:
        self._recent_bytes -= len(self._recent.pop(envelope_id, b""))
