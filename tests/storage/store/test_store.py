"""The store against a dictionary, and what a reader of it may rely on."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, multiple, rule

from mesh.database import Connection
from mesh.ids import EnvelopeId, Tag, UnixSeconds
from mesh.limits.link import FIRST_MESSAGES_REMEMBERED
from mesh.limits.storage import EXPIRED_ROWS_PER_BATCH
from mesh.storage.connection import connect, transaction
from mesh.storage.migrations import migrate_store
from mesh.storage.store.store import Store
from mesh.wire.envelope import (
    LIFETIME_SECONDS,
    SIZE_BYTES,
    STUB_BYTES,
    Envelope,
    decode_envelope,
    decode_stub,
)
from mesh.wire.retirement import Retirement
from tests.storage.envelopes import POSTING_KEY, make_envelope

CREATED = 1_700_000_000


@pytest.fixture
def connection() -> Iterator[Connection]:
    opened = connect(None, None)
    migrate_store(opened)
    yield opened
    opened.close()


@pytest.fixture
def store(connection: Connection) -> Store:
    return Store(connection)


def add(connection: Connection, *envelopes: Envelope) -> None:
    with transaction(connection):
        Store(connection).add(envelopes)


def test_an_envelope_comes_back_byte_for_byte(connection: Connection, store: Store) -> None:
    envelopes = [make_envelope(size, size_class=size) for size in range(4)]
    add(connection, *envelopes)
    for envelope in envelopes:
        stored = store.envelope_bytes(envelope.id)
        assert stored == envelope.data
        assert decode_envelope(stored) == envelope
    assert store.stored_bytes == sum(SIZE_BYTES)
    assert store.envelopes_count == 4


def test_many_envelopes_are_read_at_once(connection: Connection, store: Store) -> None:
    envelopes = [make_envelope(number) for number in range(200)]
    add(connection, *envelopes)
    ids = [envelope.id for envelope in envelopes]
    unknown = make_envelope(1000).id
    found = store.envelopes_bytes([*ids, unknown, *ids])
    assert found == {envelope.id: envelope.data for envelope in envelopes}
    assert store.envelopes_bytes([]) == {}


def test_an_envelope_that_is_there_is_not_stored_again(
    connection: Connection, store: Store
) -> None:
    one, other = make_envelope(1), make_envelope(2)
    add(connection, one, one)
    add(connection, other, one, other)
    assert [arrival for arrival, _ in store.scans.arrivals_after(0, 10)] == [1, 2]
    assert store.envelopes_count == 2
    assert store.stored_bytes == 2 * SIZE_BYTES[0]


def test_a_dropped_body_leaves_its_stub(connection: Connection, store: Store) -> None:
    envelope = make_envelope(1, size_class=2)
    add(connection, envelope)
    with transaction(connection):
        store.drop_bodies([envelope.id, envelope.id, make_envelope(2).id])
    assert store.envelope_bytes(envelope.id) is None
    assert store.scans.by_tags([envelope.header.tag]) == []
    assert store.scans.arrivals_after(0, 10) == []
    assert [(row.id, row.has_body) for row in store.index_rows()] == [(envelope.id, False)]
    assert store.stored_bytes == STUB_BYTES
    with transaction(connection):
        store.drop_bodies([envelope.id])
    assert store.stored_bytes == STUB_BYTES


def test_a_body_that_comes_later_is_new_to_a_reader_who_has_read_past_its_stub(
    connection: Connection, store: Store
) -> None:
    late, other = make_envelope(1), make_envelope(2)
    add(connection, late, other)
    with transaction(connection):
        store.drop_bodies([late.id])
    mark = store.last_arrival()
    add(connection, late)
    assert store.scans.arrivals_after(mark, 10) == [(3, late.data)]
    assert store.envelopes_count == 2
    assert store.stored_bytes == 2 * SIZE_BYTES[0]


def test_a_stub_waits_for_its_body(connection: Connection, store: Store) -> None:
    known, late = make_envelope(1), make_envelope(2)
    add(connection, known)
    with transaction(connection):
        store.add_stubs([decode_stub(known.stub), decode_stub(late.stub)])
    assert store.stubs([known.id, late.id]) == {known.id: known.stub, late.id: late.stub}
    assert store.envelopes_bytes([known.id, late.id]) == {known.id: known.data}
    missing = [(row.id, row.is_missing) for row in store.index_rows()]
    assert missing == [(known.id, False), (late.id, True)]
    assert store.stored_bytes == SIZE_BYTES[0] + STUB_BYTES
    add(connection, late)
    assert store.envelope_bytes(late.id) == late.data
    assert not any(row.is_missing for row in store.index_rows())
    assert store.stored_bytes == 2 * SIZE_BYTES[0]
    with transaction(connection):
        store.drop_bodies([late.id])
    assert not any(row.is_missing for row in store.index_rows()), "what was evicted is not missed"


def test_a_retired_envelope_keeps_its_stub_and_its_tokens_until_it_lapses(
    connection: Connection, store: Store
) -> None:
    one, other = make_envelope(1), make_envelope(2)
    add(connection, one)
    with transaction(connection):
        store.add_stubs([decode_stub(other.stub)])
        read, withdrawn = Retirement(one.id, b"r" * 16), Retirement(one.id, b"w" * 16)
        beside = Retirement(other.id, b"r" * 16)
        unknown = Retirement(make_envelope(3).id, b"r" * 16)
        store.retire([withdrawn, read, read, beside, unknown])
    assert store.envelope_bytes(one.id) is None
    assert store.stored_bytes == 2 * STUB_BYTES
    assert store.retirements_of([one.id]) == [read, withdrawn]
    assert list(store.retirements()) == [read, withdrawn, beside]
    assert not any(row.is_missing for row in store.index_rows())
    with transaction(connection):
        store.expire(UnixSeconds(one.header.lapses + 1))
    assert list(store.retirements()) == []


def test_an_arrival_number_is_never_given_twice(connection: Connection, store: Store) -> None:
    add(connection, make_envelope(1), make_envelope(2))
    with transaction(connection):
        store.remove([make_envelope(1).id, make_envelope(2).id])
    assert store.last_arrival() == 2
    add(connection, make_envelope(3))
    assert store.scans.arrivals_after(2, 10) == [(3, make_envelope(3).data)]


def test_arrivals_are_read_in_pages(connection: Connection, store: Store) -> None:
    envelopes = [make_envelope(number) for number in range(7)]
    add(connection, *envelopes)
    mark, read = 0, []
    while page := store.scans.arrivals_after(mark, 3):
        mark = page[-1][0]
        read += [data for _, data in page]
    assert read == [envelope.data for envelope in envelopes]
    tags = store.scans.arrived_tags(5, 10)
    assert [row.tag for row in tags] == [envelope.header.tag for envelope in envelopes[5:]]
    assert [row.id for row in tags] == [envelope.id for envelope in envelopes[5:]]


def test_tags_are_looked_up_many_at_a_time(connection: Connection, store: Store) -> None:
    shared = bytes(16)
    envelopes = [make_envelope(number, tag=shared) for number in range(3)]
    others = [make_envelope(number) for number in range(3, 300)]
    add(connection, *envelopes, *others)
    assert store.scans.by_tags([Tag(shared)]) == [envelope.data for envelope in envelopes]
    assert store.scans.by_tags([]) == []
    assert store.scans.by_tags([Tag(b"\1" * 16)]) == []
    wanted = [other.header.tag for other in reversed(others)]
    assert store.scans.by_tags(wanted) == [other.data for other in others]


def test_what_outlived_its_lifetime_lapses_and_nothing_else(
    connection: Connection, store: Store
) -> None:
    classes = range(len(LIFETIME_SECONDS))
    envelopes = [make_envelope(number, lifetime_class=number) for number in classes]
    add(connection, *envelopes)
    week = LIFETIME_SECONDS[1]
    with transaction(connection):
        at_the_second = store.expire(UnixSeconds(CREATED + week))
    assert [row.id for row in at_the_second] == [envelopes[0].id]
    with transaction(connection):
        (row,) = store.expire(UnixSeconds(CREATED + week + 1))
    assert (row.id, row.posting_key, row.day) == (envelopes[1].id, POSTING_KEY, CREATED // 86_400)
    assert [row.id for row in store.index_rows()] == [envelopes[2].id]
    assert store.stored_bytes == SIZE_BYTES[0]


def test_bodies_are_found_by_their_creation_and_tags_by_their_ids(
    connection: Connection, store: Store
) -> None:
    envelopes = [make_envelope(number, created=CREATED + 10 * number) for number in range(4)]
    add(connection, *envelopes)
    with transaction(connection):
        store.drop_bodies([envelopes[1].id])
    until = UnixSeconds(CREATED + 30)
    found = store.scans.bodies_created(UnixSeconds(CREATED), until, 9)
    assert found == [(one.header.created, one.id) for one in (envelopes[0], envelopes[2])]
    assert store.scans.bodies_created(UnixSeconds(CREATED + 1), until, 9) == found[1:]
    assert store.scans.bodies_created(UnixSeconds(CREATED), until, 1) == found[:1]
    ids = [one.id for one in envelopes]
    assert store.tags([*ids, make_envelope(9).id]) == {one.id: one.header.tag for one in envelopes}


def test_a_body_that_would_not_be_kept_is_not_missed(connection: Connection, store: Store) -> None:
    unwanted, missed = make_envelope(1), make_envelope(2)
    with transaction(connection):
        store.add_stubs([decode_stub(unwanted.stub)], are_missed=False)
        store.add_stubs([decode_stub(missed.stub)])
    assert [row.is_missing for row in store.index_rows()] == [False, True]
    with transaction(connection):
        store.stop_missing([missed.id, make_envelope(3).id])
    assert [row.is_missing for row in store.index_rows()] == [False, False]
    add(connection, unwanted)
    assert store.envelope_bytes(unwanted.id) == unwanted.data


def test_a_rolled_back_batch_changes_no_total(connection: Connection, store: Store) -> None:
    add(connection, make_envelope(1))
    with contextlib.suppress(ZeroDivisionError), transaction(connection):
        store.add([make_envelope(2)])
        store.remove([make_envelope(1).id])
        assert store.stored_bytes == SIZE_BYTES[0]
        raise ZeroDivisionError
    assert store.stored_bytes == SIZE_BYTES[0]
    assert store.last_arrival() == 1
    assert store.envelope_bytes(make_envelope(1).id) == make_envelope(1).data


def test_lapsing_takes_a_bounded_number_at_once() -> None:
    assert EXPIRED_ROWS_PER_BATCH < 100_000
    connection = connect(None, None)
    migrate_store(connection)
    store = Store(connection)
    lapses = CREATED + LIFETIME_SECONDS[0]
    row = (CREATED, lapses, 0, POSTING_KEY, bytes(16), bytes(STUB_BYTES))
    count = EXPIRED_ROWS_PER_BATCH + 5
    with transaction(connection):
        connection.executemany(
            "INSERT INTO envelopes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [(number, number.to_bytes(32, "big"), *row) for number in range(1, count + 1)],
        )
        connection.execute(
            "UPDATE totals SET envelopes_count = ?, stored_bytes = ?", (count, count * STUB_BYTES)
        )
        assert len(store.expire(UnixSeconds(lapses + 1))) == EXPIRED_ROWS_PER_BATCH
        assert len(store.expire(UnixSeconds(lapses + 1))) == 5
    assert store.stored_bytes == 0


def test_configured_peers_keep_their_order(connection: Connection, store: Store) -> None:
    with transaction(connection):
        for address in ("b:1", "a:1", "b:1", "c:1"):
            store.link_state.add_peer(address)
        store.link_state.remove_peer("a:1")
        store.link_state.remove_peer("a:1")
    assert store.link_state.peers() == ["b:1", "c:1"]


def test_the_newest_first_messages_are_remembered(connection: Connection, store: Store) -> None:
    ephemerals = [number.to_bytes(32, "big") for number in range(FIRST_MESSAGES_REMEMBERED + 10)]
    with transaction(connection):
        store.link_state.remember_first_messages(ephemerals[:100])
        store.link_state.remember_first_messages(ephemerals[50:])
        store.link_state.remember_first_messages([])
    assert store.link_state.first_messages() == ephemerals[10:]


def test_a_setting_is_replaced(connection: Connection, store: Store) -> None:
    assert store.link_state.find_setting("clock") is None
    with transaction(connection):
        store.link_state.put_setting("clock", b"one")
        store.link_state.put_setting("clock", b"two")
    assert store.link_state.find_setting("clock") == b"two"


def test_all_rows_are_read_in_order_of_arrival(connection: Connection, store: Store) -> None:
    envelopes = [make_envelope(number, created=CREATED - number * 10) for number in range(20)]
    add(connection, *envelopes)
    rows = list(store.index_rows())
    assert [row.id for row in rows] == [envelope.id for envelope in envelopes]
    assert [row.created for row in rows] == [envelope.header.created for envelope in envelopes]
    assert [row.lapses for row in rows] == [envelope.header.lapses for envelope in envelopes]


@dataclass(slots=True)
class Kept:
    """The model's knowledge of an envelope in the store."""

    envelope: Envelope
    arrival: int
    has_body: bool

    @property
    def bytes(self) -> int:
        return SIZE_BYTES[self.envelope.header.size_class] if self.has_body else STUB_BYTES


class StoreMachine(RuleBasedStateMachine):
    """Any sequence of calls, restarts and failed transactions does what a dictionary does."""

    envelopes = Bundle("envelopes")

    def __init__(self) -> None:
        super().__init__()
        self.connection = connect(None, None)
        migrate_store(self.connection)
        self.store = Store(self.connection)
        self.kept: dict[EnvelopeId, Kept] = {}
        self.last_arrival = 0

    def teardown(self) -> None:
        self.connection.close()

    @rule(
        target=envelopes,
        numbers=st.lists(st.integers(0, 30), min_size=1, max_size=4),
        size_class=st.sampled_from([0, 0, 1]),
        lifetime_class=st.integers(0, 2),
        tag=st.sampled_from([None, bytes(16)]),
    )
    def make(
        self, numbers: list[int], size_class: int, lifetime_class: int, tag: bytes | None
    ) -> object:
        return multiple(
            *(
                make_envelope(
                    number,
                    size_class=size_class,
                    lifetime_class=lifetime_class,
                    created=CREATED + number * 10_000,
                    tag=tag,
                )
                for number in numbers
            )
        )

    @rule(batch=st.lists(envelopes, max_size=6))
    def add(self, batch: list[Envelope]) -> None:
        with transaction(self.connection):
            totals = self.store.add(batch)
        assert totals in (None, self.store.totals())
        is_new = any(one.id not in self.kept or not self.kept[one.id].has_body for one in batch)
        assert (totals is not None) == is_new
        for envelope in batch:
            if envelope.id not in self.kept or not self.kept[envelope.id].has_body:
                self.last_arrival += 1
                self.kept[envelope.id] = Kept(envelope, self.last_arrival, has_body=True)

    @rule(batch=st.lists(envelopes, max_size=4))
    def fail_to_add(self, batch: list[Envelope]) -> None:
        with contextlib.suppress(ZeroDivisionError), transaction(self.connection):
            self.store.add(batch)
            self.store.drop_bodies([envelope.id for envelope in batch[:1]])
            raise ZeroDivisionError

    @rule(batch=st.lists(envelopes, max_size=3))
    def remove(self, batch: list[Envelope]) -> None:
        with transaction(self.connection):
            self.store.remove([envelope.id for envelope in batch])
        for envelope in batch:
            self.kept.pop(envelope.id, None)

    @rule(batch=st.lists(envelopes, max_size=3))
    def drop_bodies(self, batch: list[Envelope]) -> None:
        with transaction(self.connection):
            self.store.drop_bodies([envelope.id for envelope in batch])
        for envelope in batch:
            if envelope.id in self.kept:
                self.kept[envelope.id].has_body = False

    @rule(later=st.integers(-10, 40 * 86_400))
    def expire(self, later: int) -> None:
        mesh_now = UnixSeconds(CREATED + later)
        with transaction(self.connection):
            expired = [row.id for row in self.store.expire(mesh_now)]
        expected = [
            kept
            for kept in sorted(self.kept.values(), key=lambda kept: kept.arrival)
            if kept.envelope.header.lapses < mesh_now
        ]
        expected.sort(key=lambda kept: kept.envelope.header.lapses)
        assert expired == [kept.envelope.id for kept in expected]
        for envelope_id in expired:
            del self.kept[envelope_id]

    @rule()
    def restart(self) -> None:
        migrate_store(self.connection)
        self.store = Store(self.connection)

    @invariant()
    def totals_are_exact(self) -> None:
        assert self.store.stored_bytes == sum(kept.bytes for kept in self.kept.values())
        assert self.store.envelopes_count == len(self.kept)
        assert self.store.last_arrival() == self.last_arrival

    @invariant()
    def every_envelope_is_found(self) -> None:
        ordered = sorted(self.kept.values(), key=lambda kept: kept.arrival)
        with_body = [kept for kept in ordered if kept.has_body]
        assert [(row.id, row.has_body) for row in self.store.index_rows()] == [
            (kept.envelope.id, kept.has_body) for kept in ordered
        ]
        assert self.store.envelopes_bytes(list(self.kept)) == {
            kept.envelope.id: kept.envelope.data for kept in with_body
        }
        assert self.store.scans.by_tags([Tag(bytes(16))]) == [
            kept.envelope.data for kept in with_body if kept.envelope.header.tag == bytes(16)
        ]
        half = self.last_arrival // 2
        assert self.store.scans.arrivals_after(half, 100) == [
            (kept.arrival, kept.envelope.data) for kept in with_body if kept.arrival > half
        ]
        created = self.store.scans.bodies_created(UnixSeconds(0), UnixSeconds(2**32), 100)
        assert created == sorted(
            (one.envelope.header.created, one.envelope.id) for one in with_body
        )


TestStoreAgainstADictionary = StoreMachine.TestCase


CARRY_FOREVER = """
import sys
from pathlib import Path
from mesh.storage.migrations import migrate_store
from mesh.storage.connection import connect, transaction
from mesh.storage.store.store import Store
from tests.storage.envelopes import make_envelope
connection = connect(Path(sys.argv[1]), bytes(32))
migrate_store(connection)
store = Store(connection)
for number in range(10**9):
    with transaction(connection):
        store.add([make_envelope(number * 5 + offset) for offset in range(5)])
        store.drop_bodies([make_envelope(number * 5).id])
    print(number, flush=True)
"""


def test_a_killed_node_has_every_envelope_that_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    node = subprocess.Popen(
        [sys.executable, "-c", CARRY_FOREVER, path], stdout=subprocess.PIPE, text=True
    )
    assert node.stdout is not None
    for _ in range(40):
        node.stdout.readline()
    node.kill()
    node.wait()
    acknowledged = 40 + len(node.stdout.read().splitlines())
    node.stdout.close()
    connection = connect(path, bytes(32))
    migrate_store(connection)
    store = Store(connection)
    batches = store.envelopes_count // 5
    assert batches in (acknowledged, acknowledged + 1)
    expected = [make_envelope(number) for number in range(batches * 5)]
    assert [row.id for row in store.index_rows()] == [envelope.id for envelope in expected]
    assert store.envelopes_bytes([envelope.id for envelope in expected]) == {
        envelope.id: envelope.data for number, envelope in enumerate(expected) if number % 5
    }
    assert store.stored_bytes == batches * (4 * SIZE_BYTES[0] + STUB_BYTES)
