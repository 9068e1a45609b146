"""Expired envelopes are neither kept, nor sent, nor shown: each breach is found."""

import pytest

from mesh.database import Connection
from mesh.ids import EnvelopeId, Instant, Monotonic, PostingKey, Tag, UnixSeconds
from mesh.replication.seen_sets import Element
from mesh.storage.connection import transaction
from mesh.wire.envelope import SIZE_BYTES, Header
from mesh.wire.frames import Push
from sim.invariants.frames import FrameCheck
from sim.invariants.invariants import BrokenInvariant
from sim.invariants.lifetimes import (
    CHORE_S,
    LAPSING_US,
    LATE_S,
    Lifetimes,
    require_cleared,
    require_forgotten,
    require_lapsed,
)
from sim.kernel.calendar import EPOCH_US
from sim.observers.inboxes import observing_inboxes
from tests.sim.engines import host_of
from tests.sim.test_hardships import outcome

START = Instant(Monotonic(0), EPOCH_US)
CREATED = 1_000
LAPSES = CREATED + 86_400


def lifetimes(now_s: int, *, node: int | None = 0, lived_us: int = LAPSING_US + 1) -> Lifetimes:
    return Lifetimes(
        true_now=lambda: UnixSeconds(now_s), working=lambda: node, lived_us=lambda _: lived_us
    )


def store_with_one() -> Connection:
    store = host_of(1).store
    with transaction(store):
        store.execute(
            "INSERT INTO envelopes (id, created, lapses, size_class, posting_key, tag, stub) "
            "VALUES (?, ?, ?, 0, ?, ?, ?)",
            (bytes(32), CREATED, LAPSES, bytes(32), bytes(16), bytes(195)),
        )
    return store


def pushed() -> Push:
    header = Header(
        size_class=0,
        lifetime_class=0,
        created=UnixSeconds(CREATED),
        tag=Tag(bytes(16)),
        read_hash=bytes(16),
        withdraw_hash=bytes(16),
        posting_key=PostingKey(bytes(32)),
        stamp=bytes(12),
    )
    return Push(header.encode() + bytes(SIZE_BYTES[0] - 99))


def test_what_a_store_keeps_past_its_lifetime_breaks_s12() -> None:
    store = store_with_one()
    require_lapsed(0, store, LAPSES + LATE_S)
    with pytest.raises(BrokenInvariant, match="S12: 1 are kept among its envelopes"):
        require_lapsed(0, store, LAPSES + LATE_S + 1)


def test_what_an_engine_knows_past_its_lifetime_breaks_s12() -> None:
    host = host_of(1)
    engine, first = host.boot(START)
    engine.handle(first, START)
    assert host.engine is not None
    spreading = host.engine.replicator
    spreading.load([(EnvelopeId(bytes(32)), Element(UnixSeconds(CREATED), 0, 0))])
    require_forgotten(0, spreading, LAPSES + LATE_S)
    with pytest.raises(BrokenInvariant, match="S12: 1 are known"):
        require_forgotten(0, spreading, LAPSES + LATE_S + 1)


def test_what_an_author_holds_to_be_on_its_way_for_ever_breaks_s12() -> None:
    vault = host_of(1).vault
    with transaction(vault):
        vault.execute(
            "INSERT INTO outbox (id, lapses, read_hash, withdraw_token) VALUES (?, ?, ?, ?)",
            (bytes(32), LAPSES, bytes(16), bytes(16)),
        )
    require_cleared(0, vault, LAPSES + LATE_S + CHORE_S)
    with pytest.raises(BrokenInvariant, match="S12: 1 are kept among its outbox"):
        require_cleared(0, vault, LAPSES + LATE_S + CHORE_S + 1)


def test_what_is_sent_past_its_lifetime_breaks_s12() -> None:
    FrameCheck(lifetimes(LAPSES + LATE_S).sent).encoded(pushed())
    late = LAPSES + LATE_S + 1
    with pytest.raises(BrokenInvariant, match="S12: an envelope is sent 601 s after"):
        FrameCheck(lifetimes(late).sent).encoded(pushed())
    FrameCheck(lifetimes(late, node=None).sent).encoded(pushed())
    FrameCheck(lifetimes(late, lived_us=LAPSING_US).sent).encoded(pushed())


@pytest.mark.world
def test_what_is_shown_past_its_lifetime_breaks_s12() -> None:
    begins_s = EPOCH_US // 1_000_000 + 43_200
    in_time = lifetimes(begins_s)
    with observing_inboxes(lambda one: in_time.opened(one.header.lapses)):
        assert outcome("", seed=71).broken is None
    assert in_time.looked_count > 20
    too_late = lifetimes(begins_s + 9 * 86_400)
    with observing_inboxes(lambda one: too_late.opened(one.header.lapses)):
        broken = outcome("", seed=72).broken
    assert broken is not None
    assert "S12: an envelope is shown" in str(broken)
