"""The rows of the store: envelopes that this node carries for everybody, and link state.

Implements `docs/protocol/storage.md`, section "The store". Rows only: nothing is decided here, and
nothing says what is ours. Whoever writes has begun a transaction (`connection.transaction`).

An envelope is a stub, which stays until the envelope expires, and a body, which may be dropped
before: evicted for want of room, or retired by one or two tokens, which stay with the stub. It has
an arrival number: numbers rise, are never used again, and an envelope whose body comes later than
its stub gets a new one, so that a reader who remembers the last number that he read misses nothing.
"""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from mesh.database import Connection
from mesh.ids import EnvelopeId, PostingKey, Tag, UnixSeconds
from mesh.limits.storage import EXPIRED_ROWS_PER_BATCH
from mesh.storage.store.link_state import LinkStateRows
from mesh.storage.store.rows import (
    IndexRow,
    blob,
    envelope_row,
    index_row,
    integer,
    joined,
    select_by_keys,
)
from mesh.storage.store.scans import StoreScans
from mesh.storage.store.stem_rows import StemRows
from mesh.wire.envelope import SIZE_BYTES, STUB_BYTES, Envelope, Stub
from mesh.wire.retirement import Retirement

_ROWS_PER_FETCH: Final = 4_096

_INSERT_ENVELOPE: Final = "INSERT INTO envelopes VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

# The nonce of a stamp stands at offset 87 of the header; SQLite counts from 1.
_INDEX_COLUMNS: Final = """
    SELECT id, created, size_class, lapses, posting_key,
        substr(stub, 88, 8),
        bodies.arrival IS NOT NULL, missing.arrival IS NOT NULL
    FROM envelopes LEFT JOIN bodies USING (arrival) LEFT JOIN missing USING (arrival)
"""


class _Place(NamedTuple):
    """The place of an envelope that we have."""

    arrival: int
    size_class: int
    has_body: bool

    @property
    def bytes(self) -> int:
        return SIZE_BYTES[self.size_class] if self.has_body else STUB_BYTES


class Store:
    """The store of one node, over a connection that `migrate_store` has prepared."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.scans: Final = StoreScans(connection)
        self.link_state: Final = LinkStateRows(connection)
        self.stems: Final = StemRows(connection)

    # --- Writing envelopes --------------------------------------------------------------------

    def add(self, envelopes: Sequence[Envelope]) -> tuple[int, int, int] | None:
        """Store envelopes; one that is there stays, one that lacks its body gets it.

        Return what `totals` says after that; None if nothing was written.
        """
        places = self._places([envelope.id for envelope in envelopes])
        bodiless = {id_: place for id_, place in places.items() if not place.has_body}
        fresh = {
            envelope.id: envelope
            for envelope in envelopes
            if envelope.id not in places or envelope.id in bodiless
        }
        if not fresh:
            return None
        self._delete(list(bodiless.values()))
        totals = self._count_new(
            len(fresh), sum(SIZE_BYTES[new.header.size_class] for new in fresh.values())
        )
        first = totals[0] - len(fresh) + 1
        self._connection.executemany(
            _INSERT_ENVELOPE,
            [envelope_row(arrival, new) for arrival, new in enumerate(fresh.values(), first)],
        )
        self._connection.executemany(
            "INSERT INTO bodies VALUES (?, ?)",
            [(arrival, new.body) for arrival, new in enumerate(fresh.values(), first)],
        )
        return totals

    def add_stubs(self, stubs: Sequence[Stub], *, are_missed: bool = True) -> None:
        """Store envelopes without their bodies; one that is there stays as it is.

        A body that is not missed would not be kept if it came.
        """
        places = self._places([stub.id for stub in stubs])
        fresh = {stub.id: stub for stub in stubs if stub.id not in places}
        if not fresh:
            return
        last, _, _ = self._count_new(len(fresh), len(fresh) * STUB_BYTES)
        first = last - len(fresh) + 1
        self._connection.executemany(
            _INSERT_ENVELOPE,
            [envelope_row(arrival, new) for arrival, new in enumerate(fresh.values(), first)],
        )
        if are_missed:
            numbers = [(first + number,) for number in range(len(fresh))]
            self._connection.executemany("INSERT INTO missing VALUES (?)", numbers)

    def stop_missing(self, ids: Sequence[EnvelopeId]) -> None:
        """The bodies of these would not be kept if they came."""
        numbers = [(place.arrival,) for place in self._places(ids).values()]
        self._connection.executemany("DELETE FROM missing WHERE arrival = ?", numbers)

    def retire(self, retirements: Sequence[Retirement]) -> None:
        """Keep tokens and drop the bodies of their envelopes, those that are there."""
        places = self._places([envelope for envelope, _ in retirements])
        self._connection.executemany(
            "INSERT INTO retirements VALUES (?, ?) ON CONFLICT DO NOTHING",
            [
                (places[envelope].arrival, token)
                for envelope, token in retirements
                if envelope in places
            ],
        )
        self._connection.executemany(
            "DELETE FROM missing WHERE arrival = ?", [(one.arrival,) for one in places.values()]
        )
        self._drop_bodies(list(places.values()))

    def remove(self, ids: Sequence[EnvelopeId]) -> None:
        """Forget envelopes wholly, those that are there."""
        self._delete(list(self._places(ids).values()))

    def drop_bodies(self, ids: Sequence[EnvelopeId]) -> None:
        """Evict: the stub stays and says that this id is known."""
        self._drop_bodies(list(self._places(ids).values()))

    def expire(self, mesh_now: UnixSeconds) -> list[IndexRow]:
        """Remove what has outlived its lifetime, the earliest first and a bounded number."""
        rows = self._connection.execute(
            f"{_INDEX_COLUMNS} WHERE lapses < ? ORDER BY lapses, arrival LIMIT ?",
            (mesh_now, EXPIRED_ROWS_PER_BATCH),
        ).fetchall()
        expired = [index_row(row) for row in rows]
        self.remove([row.id for row in expired])
        return expired

    # --- Reading envelopes --------------------------------------------------------------------

    def envelope_bytes(self, envelope_id: EnvelopeId) -> bytes | None:
        """An envelope as it goes over the wire; None if it or its body is not here."""
        return self.envelopes_bytes([envelope_id]).get(envelope_id)

    def envelopes_bytes(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, bytes]:
        """Those of the given envelopes that are here with their bodies."""
        rows = select_by_keys(
            self._connection,
            "SELECT id, stub, body FROM envelopes JOIN bodies USING (arrival) WHERE id IN",
            ids,
        )
        return {EnvelopeId(blob(id_)): joined(stub, body) for id_, stub, body in rows}

    def posting_keys_under(self, tag: Tag) -> Iterator[PostingKey]:
        """The signers of those envelopes with this tag that are known, one for each."""
        cursor = self._connection.execute(
            "SELECT posting_key FROM envelopes WHERE tag = ? ORDER BY arrival", (tag,)
        )
        while (row := cursor.fetchone()) is not None:
            yield PostingKey(blob(row[0]))

    def stubs(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, bytes]:
        """The stubs of those of the given envelopes that are known, with or without bodies."""
        rows = select_by_keys(self._connection, "SELECT id, stub FROM envelopes WHERE id IN", ids)
        return {EnvelopeId(blob(id_)): blob(stub) for id_, stub in rows}

    def retirements_of(self, ids: Sequence[EnvelopeId]) -> list[Retirement]:
        """The retirements of the given envelopes, those of one in the order of their tokens."""
        rows = select_by_keys(
            self._connection,
            "SELECT id, token FROM retirements JOIN envelopes USING (arrival) WHERE id IN",
            ids,
        )
        found = [Retirement(EnvelopeId(blob(id_)), blob(token)) for id_, token in rows]
        return sorted(found)

    def retirements(self) -> Iterator[Retirement]:
        """All retirements, to build the index in memory at start."""
        cursor = self._connection.execute(
            "SELECT id, token FROM retirements JOIN envelopes USING (arrival) "
            "ORDER BY arrival, token"
        )
        while rows := cursor.fetchmany(_ROWS_PER_FETCH):
            for id_, token in rows:
                yield Retirement(EnvelopeId(blob(id_)), blob(token))

    def tags(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, Tag]:
        """The tags of those of the given envelopes that are known."""
        rows = select_by_keys(self._connection, "SELECT id, tag FROM envelopes WHERE id IN", ids)
        return {EnvelopeId(blob(id_)): Tag(blob(tag)) for id_, tag in rows}

    def index_rows(self) -> Iterator[IndexRow]:
        """All envelopes in the order of arrival, to build the indexes in memory at start."""
        cursor = self._connection.execute(f"{_INDEX_COLUMNS} ORDER BY arrival")
        while rows := cursor.fetchmany(_ROWS_PER_FETCH):
            for row in rows:
                yield index_row(row)

    def rows(self, ids: Sequence[EnvelopeId]) -> list[IndexRow]:
        """Return what the indexes know of those of the given envelopes that are here."""
        found = select_by_keys(self._connection, f"{_INDEX_COLUMNS} WHERE id IN", ids)
        return [index_row(row) for row in found]

    def last_arrival(self) -> int:
        """The highest arrival number that was ever given; zero at first."""
        return self.totals()[0]

    @property
    def stored_bytes(self) -> int:
        """Bytes of all envelopes and, where the body is gone, of their stubs."""
        return self.totals()[1]

    @property
    def envelopes_count(self) -> int:
        """Envelopes known, with or without their bodies."""
        return self.totals()[2]

    def totals(self) -> tuple[int, int, int]:
        """The last arrival number, the bytes and the number of envelopes, at the cost of one."""
        row = self._connection.execute(
            "SELECT last_arrival, stored_bytes, envelopes_count FROM totals"
        ).fetchone()
        assert row is not None
        return integer(row[0]), integer(row[1]), integer(row[2])

    # --- Below --------------------------------------------------------------------------------

    def _places(self, ids: Sequence[EnvelopeId]) -> dict[EnvelopeId, _Place]:
        rows = select_by_keys(
            self._connection,
            "SELECT id, arrival, size_class, bodies.arrival IS NOT NULL "
            "FROM envelopes LEFT JOIN bodies USING (arrival) WHERE id IN",
            ids,
        )
        return {
            EnvelopeId(blob(id_)): _Place(integer(arrival), integer(size), bool(has_body))
            for id_, arrival, size, has_body in rows
        }

    def _count_new(self, count: int, stored_bytes: int) -> tuple[int, int, int]:
        """Count so many that are new, of which the last gets the last number; return the totals."""
        ((last, bytes_, envelopes),) = self._connection.execute(
            "UPDATE totals SET last_arrival = last_arrival + ?1, "
            "envelopes_count = envelopes_count + ?1, stored_bytes = stored_bytes + ?2 "
            "RETURNING last_arrival, stored_bytes, envelopes_count",
            (count, stored_bytes),
        ).fetchall()
        return integer(last), integer(bytes_), integer(envelopes)

    def _drop_bodies(self, places: Sequence[_Place]) -> None:
        dropped = [place for place in places if place.has_body]
        if not dropped:
            return
        self._connection.executemany(
            "DELETE FROM bodies WHERE arrival = ?", [(place.arrival,) for place in dropped]
        )
        self._connection.execute(
            "UPDATE totals SET stored_bytes = stored_bytes - ?",
            (sum(place.bytes - STUB_BYTES for place in dropped),),
        )

    def _delete(self, places: Sequence[_Place]) -> None:
        if not places:
            return
        self._connection.executemany(
            "DELETE FROM envelopes WHERE arrival = ?", [(place.arrival,) for place in places]
        )
        self._connection.execute(
            "UPDATE totals SET envelopes_count = envelopes_count - ?, "
            "stored_bytes = stored_bytes - ?",
            (len(places), sum(place.bytes for place in places)),
        )
