"""A peer that knows the psk and keeps to no rule: an engine bears it, within its bounds."""

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from mesh.commands.messages import SendMessage
from mesh.crypto.hashing import blake2b_128, blake2b_256
from mesh.crypto.signing import verify_key_of
from mesh.engine.forwarding.forwarder import Forwarder
from mesh.ids import EnvelopeId, LinkId, PostingKey, Tag, UnixSeconds
from mesh.limits.admission import DEFERRED_PER_LINK_MAX
from mesh.limits.link import LINKS_MAX
from mesh.limits.replication import (
    ANNOUNCERS_PER_ID_MAX,
    DO_NOT_WANT_IDS_MAX,
    IDS_PER_FRAME_MAX,
    MISSING_BODIES_ASKED_MAX,
    MISSING_IDS_MAX,
    OFFERED_IDS_PER_LINK_MAX,
    RECENT_BODIES_BYTES_MAX,
    REFUSED_IDS_MAX,
    SENDING_IDS_PER_LINK_MAX,
    WANTS_PER_LINK_BYTES_MAX,
    WANTS_PER_LINK_MAX,
)
from mesh.limits.retirements import ORPHANED_RETIREMENTS_MAX, RETIREMENTS_PENDING_MAX
from mesh.limits.stems import STEM_PAUSE_MAX_MS, STEMS_MAX, STEMS_PER_LINK_MAX
from mesh.wire.envelope import (
    SECONDS_PER_DAY,
    STUB_BYTES,
    Header,
    body_bytes,
    decode_envelope,
    sign_envelope,
)
from mesh.wire.frames import (
    ENTRY_BYTES,
    FLAG_BACKLOG,
    ID_BYTES,
    SHORT_ID_BYTES,
    Audit,
    AuditResult,
    Close,
    DoNotWant,
    Frame,
    Graft,
    Hello,
    IHave,
    IWant,
    NegClose,
    NegMessage,
    NegOpen,
    NoHave,
    Ping,
    Pong,
    Prune,
    Push,
    Retired,
    Root,
    RootEntry,
    Stem,
    StemRetired,
    Stubs,
    join_entries,
)
from mesh.wire.frames import Held as HeldFrame
from mesh.wire.parameters import MeshParameters
from mesh.wire.retirement import Retirement, join_retirements
from tests.engine.joined import START_US, Joined
from tests.engine.stranger import Stranger
from tests.engine.test_engine import befriend, introduce, status, texts

QUOTA = 40
HOSTILE_MESH = MeshParameters(name="hostile", stamp_bits=0, key_quota=QUOTA, psk=bytes(32))
STORED_BYTES_MAX = 128 * 1024
NOW = START_US // 1_000_000
STRANGERS = 3


@dataclass(frozen=True, slots=True)
class Raw:
    """Bytes that no link has sealed."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Wait:
    """Time goes by."""

    seconds: int


@dataclass(frozen=True, slots=True)
class Flood:
    """Many good envelopes of one key in one piece."""

    key: int
    numbers: range
    size_class: int


Act = Frame | Raw | Wait | Flood


def envelope(
    number: int,
    *,
    created: int = NOW,
    stamp: bytes = bytes(12),
    key: int = 1,
    size_class: int = 0,
    lifetime_class: int = 0,
    tag: Tag = Tag(bytes(16)),
) -> bytes:
    """A well-signed envelope of a posting key that only the hostile peer has."""
    seed = bytes([key]) * 32
    header = Header(
        size_class=size_class,
        lifetime_class=lifetime_class,
        created=UnixSeconds(created - created % 10),
        tag=tag,
        read_hash=blake2b_128(number.to_bytes(16, "big")),
        withdraw_hash=bytes(16),
        posting_key=PostingKey(verify_key_of(seed)),
        stamp=stamp,
    )
    return sign_envelope(header, bytes(body_bytes(size_class)), seed).data


def some_id(number: int) -> EnvelopeId:
    return EnvelopeId(number.to_bytes(4, "big") * 8)


def pushes() -> st.SearchStrategy[Push]:
    numbers = st.integers(0, 60)
    good = st.builds(envelope, numbers, key=st.integers(1, 3), size_class=st.integers(0, 2))
    strange = st.builds(
        envelope,
        numbers,
        created=st.sampled_from(
            [10, NOW - 2 * SECONDS_PER_DAY, NOW + SECONDS_PER_DAY - 20, NOW + 9 * SECONDS_PER_DAY]
        ),
    )
    unstamped = st.builds(envelope, numbers, stamp=st.just(b"\x01" * 12))
    cut = st.builds(lambda data, end: data[:end], good, st.integers(0, 1_023))
    flipped = st.builds(
        lambda data, place: data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :],
        good,
        st.integers(0, 1_023),
    )
    bad = st.one_of(unstamped, cut, flipped, st.binary())
    return st.builds(Push, st.one_of(good, good, good, strange, strange, bad))


def id_frames() -> st.SearchStrategy[Frame]:
    entries = st.one_of(
        st.builds(
            lambda first, count, size: join_entries(
                [(some_id(number), size) for number in range(first, first + count)]
            ),
            st.integers(0, 3_000),
            st.integers(0, IDS_PER_FRAME_MAX),
            st.sampled_from([0, 0, 0, 1, 2, 3, 3, 3, 4, 255, 255]),
        ),
        st.binary(max_size=3 * ENTRY_BYTES),
    )
    ids = st.one_of(
        st.builds(
            lambda first, count: b"".join(some_id(n) for n in range(first, first + count)),
            st.integers(0, 3_000),
            st.integers(0, IDS_PER_FRAME_MAX),
        ),
        st.binary(max_size=3 * ID_BYTES),
    )
    short_ids = st.one_of(
        st.binary(max_size=5 * SHORT_ID_BYTES),
        st.integers(0, IDS_PER_FRAME_MAX).map(lambda count: bytes(count * SHORT_ID_BYTES)),
    )
    return st.one_of(
        st.builds(IHave, entries=entries, flags=st.integers(0, 255)),
        st.builds(IWant, ids=ids),
        st.builds(NoHave, entries=entries),
        st.builds(HeldFrame, held=short_ids, refused=short_ids),
        st.builds(DoNotWant, ids=ids),
        st.builds(Graft, ids=ids),
        st.just(Prune()),
    )


def reconciling() -> st.SearchStrategy[Frame]:
    """Sessions that begin anywhere and claim anything; some lists are well-formed."""
    sessions = st.one_of(st.integers(0, 9), st.integers(0, 0xFFFF))
    classes = st.sampled_from([0, 0, 0, 1, 2, 3, 255])
    nonces = st.binary(min_size=16, max_size=16)
    seconds = st.one_of(
        st.integers(NOW - 100, NOW + 100), st.just(NOW - 70_000), st.integers(0, 2**32 - 1)
    )
    lists = st.integers(0, 100).map(
        lambda count: b"\x61\x00\x00\x02" + bytes([count]) + b"".join(map(some_id, range(count)))
    )
    lies = st.binary(min_size=16, max_size=16).map(lambda value: b"\x61\x00\x00\x01" + value)
    messages = st.one_of(
        lists, lists, lies, lies, st.just(b""), st.just(b"\x61"), st.binary(max_size=99)
    )
    entries = st.builds(RootEntry, classes, seconds, seconds, st.integers(0, 99), nonces)
    return st.one_of(
        st.builds(NegOpen, sessions, classes, seconds, messages),
        st.builds(NegMessage, sessions, messages),
        st.builds(NegMessage, sessions, messages),
        st.builds(NegClose, sessions, st.integers(0, 9), seconds),
        st.builds(Root, st.lists(entries, max_size=8)),
        st.builds(Audit, sessions, classes, nonces, seconds, seconds),
        st.builds(AuditResult, sessions, st.integers(0, 99), st.integers(0, 2**64 - 1)),
    )


def stubs_and_tokens() -> st.SearchStrategy[Frame]:
    """Of envelopes that the engine may have, or may get later: true tokens, and false ones."""
    numbers, keys = st.integers(0, 60), st.integers(1, 3)
    true = st.integers(0, 60).map(lambda number: number.to_bytes(16, "big"))
    tokens = st.one_of(true, true, st.binary(min_size=16, max_size=16))
    envelopes = st.builds(
        lambda number, key: decode_envelope(envelope(number, key=key)), numbers, keys
    )
    told = st.builds(
        lambda one, number: Retirement(one.id, number.to_bytes(16, "big")), envelopes, numbers
    )
    honest = st.builds(
        lambda number, key: Retirement(
            decode_envelope(envelope(number, key=key)).id, number.to_bytes(16, "big")
        ),
        numbers,
        keys,
    )
    retirements = st.lists(st.one_of(honest, honest, honest, told), max_size=9).map(
        join_retirements
    )
    entries = st.tuples(
        st.one_of(envelopes.map(lambda one: one.stub), st.binary(min_size=195, max_size=195)),
        st.lists(tokens, max_size=2).map(b"".join),
    )
    bare = envelopes.map(lambda one: (one.stub, b""))
    return st.one_of(
        st.builds(Stubs, st.lists(bare, max_size=9)),
        st.builds(Stubs, st.lists(st.one_of(bare, entries), max_size=9)),
        st.builds(Retired, st.one_of(retirements, retirements, st.binary(max_size=99))),
        st.builds(StemRetired, st.one_of(retirements, retirements, st.binary(max_size=99))),
    )


def acts() -> st.SearchStrategy[Act]:
    hello = st.builds(
        Hello,
        versions=st.just([1]),
        features=st.just([]),
        mesh_time=st.integers(0, 2**32 - 1),
        nonce=st.binary(min_size=16, max_size=16),
    )
    floods = st.builds(
        lambda key, first, count, size: Flood(key, range(first, first + count), size),
        st.integers(1, 3),
        st.integers(0, 60),
        st.integers(1, 60),
        st.sampled_from([0, 0, 0, 2]),
    )
    return st.one_of(
        pushes(),
        pushes(),
        pushes().map(lambda push: Stem(push.envelope)),
        floods,
        floods,
        id_frames(),
        id_frames(),
        reconciling(),
        reconciling(),
        stubs_and_tokens(),
        stubs_and_tokens(),
        st.one_of(st.just(Ping()), st.just(Pong()), hello, st.builds(Close, st.integers(0, 255))),
        st.builds(Raw, st.binary(max_size=100)),
        st.builds(Wait, st.integers(1, 30)),
    )


def check_bounds(table: Joined, name: str) -> None:
    """Hold what a peer can make the engine remember to the bounds of `limits`."""
    engine = table.seats[name].engine
    replicator, forwarder, peers = engine.replicator, engine._forwarder, engine._links
    want_list, eager_push, outgoing = (
        replicator.want_list,
        replicator._eager_push,
        replicator.outgoing,
    )
    missed, declined = replicator.missing_bodies, replicator.declined
    parts = (eager_push, outgoing, replicator._eager_links, want_list, replicator._anti_entropy)
    assert len(peers.all) <= LINKS_MAX
    for links in (replicator._links, missed._asked, missed._to_ask, *(one._links for one in parts)):
        assert list(links) == list(peers.ready), "no state outlives its link"
    assert set(want_list._askable) | set(want_list._dropped) <= set(replicator._links)
    assert len(want_list._missing) <= MISSING_IDS_MAX
    assert len(declined._refused) <= REFUSED_IDS_MAX
    for missing in want_list._missing.values():
        assert 0 < len(missing.announcers) <= ANNOUNCERS_PER_ID_MAX
        assert set(missing.announcers) <= set(replicator._links)
        assert missing.owner is None or missing.owner in missing.announcers
    assert all(len(one.unwanted) <= DO_NOT_WANT_IDS_MAX for one in eager_push._links.values())
    for sends in outgoing._links.values():
        assert len(sends.sending) <= SENDING_IDS_PER_LINK_MAX
        assert len(sends.announcing) <= SENDING_IDS_PER_LINK_MAX
        assert len(sends.announcing_live) <= SENDING_IDS_PER_LINK_MAX
    for state in want_list._links.values():
        requests, owed = state.requests, state.requests._owed
        assert len(state.offered) + len(owed) <= OFFERED_IDS_PER_LINK_MAX
        assert len(owed) <= WANTS_PER_LINK_MAX
        owed_bytes = sum(one.size_bytes for one in owed.values())
        assert requests._owed_bytes == owed_bytes <= WANTS_PER_LINK_BYTES_MAX
        assert set(state.offered) | set(owed) <= set(want_list._missing)
    assert all(len(asked) <= MISSING_BODIES_ASKED_MAX for asked in missed._asked.values())
    assert set(want_list._due._times) <= set(want_list._missing)
    for link, state in want_list._links.items():
        assert all(want_list._missing[id_].owner == link for id_ in state.requests.ids())
    assert not replicator._anti_entropy._learned
    assert set(forwarder.intake._deferred) <= set(peers.ready)
    assert all(
        len(waiting) <= DEFERRED_PER_LINK_MAX for waiting in forwarder.intake._deferred.values()
    )
    assert not forwarder.intake._brought
    assert forwarder.buffer._recent_bytes == sum(map(len, forwarder.buffer._recent.values()))
    assert forwarder.buffer._recent_bytes <= RECENT_BODIES_BYTES_MAX
    assert len(forwarder._retiring) == len(list(forwarder.store.retirements()))
    check_stems(forwarder, list(peers.ready))
    orphans = [one.element for kept in forwarder._retiring._orphans.values() for one in kept]
    assert set(declined._held_back) == {*forwarder._retiring._held, *orphans}
    assert len(forwarder._retiring._held) <= RETIREMENTS_PENDING_MAX
    assert len(forwarder._retiring._orphans) <= ORPHANED_RETIREMENTS_MAX
    assert all(len(holders) <= ANNOUNCERS_PER_ID_MAX for holders in declined._held_back.values())
    eviction = forwarder.buffer.eviction
    assert not any(id_ in eviction for id_ in missed._missing)
    bodies = forwarder.store.scans.arrived_tags(0, 1_000_000)
    assert len(eviction) == len(bodies)
    assert all(body.id in eviction for body in bodies)
    stubs_bytes = forwarder.store.envelopes_count * STUB_BYTES
    assert eviction.bodies_bytes == forwarder.store.stored_bytes - stubs_bytes
    assert (
        sum(map(len, forwarder.intake._admission._ids.values())) == forwarder.store.envelopes_count
    )
    assert set(engine._clock._words) == set(peers.ready)


def check_stems(forwarder: Forwarder, ready: list[LinkId]) -> None:
    stemming, stems = forwarder.stemming, forwarder.stemming.stems
    listed_count = forwarder.store.envelopes_count - len(stemming._elements)
    assert len(forwarder.replicator.sets) == listed_count + len(forwarder._retiring)
    retirements = stemming.retirement_stems
    assert set(stemming._elements) == set(stems._stems) - set(retirements._retirements)
    assert len(stems) <= STEMS_MAX
    assert stems._others_count == sum(one.is_of_others for one in stems._stems.values())
    assert all(count <= STEMS_PER_LINK_MAX for count in stems._brought.values())
    assert set(stems._brought) <= set(ready)
    assert not retirements._to_tell
    rows = {(row.envelope, row.token) for row, _ in forwarder.store.stems.all()}
    told = {(one.envelope, one.token) for one in retirements._retirements.values()}
    assert rows == {*((id_, b"") for id_ in stemming._elements), *told}


def attack(table: Joined, stranger: Stranger, act: Act) -> None:
    match act:
        case Raw(data):
            stranger.send_raw(data)
        case Wait(seconds):
            table.pass_time(seconds)
        case Flood(key, numbers, size_class):
            stranger.send(*(Push(envelope(one, key=key, size_class=size_class)) for one in numbers))
        case Stubs(entries=entries):
            # Only of what was asked for, and so was announced, is anything taken.
            ids = [EnvelopeId(blake2b_256(stub)) for stub, _ in entries]
            stranger.send(IHave(join_entries([(id_, 0) for id_ in ids]), FLAG_BACKLOG))
            stranger.send(act)
        case _:
            stranger.send(act)


@given(st.lists(st.tuples(st.integers(0, STRANGERS - 1), acts()), min_size=8, max_size=60))
def test_no_peer_breaks_an_engine_or_what_others_are_owed(
    deeds: list[tuple[int, Act]],
) -> None:
    table = Joined("cy", parameters=HOSTILE_MESH)
    table.sit("ada", stored_bytes_max=STORED_BYTES_MAX)
    introduce(table, "ada", "cy")
    befriend(table, "ada", "cy")
    table.join("cy", "ada")
    strangers = [Stranger(table, "ada", number=number) for number in range(STRANGERS)]
    check_bounds(table, "ada")
    for who, act in deeds:
        if not strangers[who].is_open:
            strangers[who] = Stranger(table, "ada", number=who)
        attack(table, strangers[who], act)
        check_bounds(table, "ada")
    table.ask("cy", SendMessage("ada", "Still there?"))
    table.ask("ada", SendMessage("cy", "Still here."))
    # A stranger who got it as a stem keeps it to himself.
    table.pass_time(STEM_PAUSE_MAX_MS / 1000)
    assert texts(table, "ada", "cy") == ["Still there?", "Still here."]
    assert texts(table, "cy", "ada") == ["Still there?", "Still here."]
    assert status(table, "ada").links_count >= 1
