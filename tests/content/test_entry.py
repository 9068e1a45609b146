"""Entries: their bytes, and what their ids bind."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import (
    Entry,
    Kind,
    decode_entry,
    direct_scope,
    entry_id,
    has_place,
    is_change,
    signed_bytes,
    square_scope,
)
from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.ids import MeshId
from mesh.limits.content import CLOCK_BITS, ENTRY_OPS_MAX, ENTRY_PARENTS_MAX, OVER_MAX
from tests.content.making import ADA, BEN, entry

ids = st.binary(min_size=32, max_size=32)


@given(
    st.builds(
        Entry,
        kind=st.integers(0, (1 << 16) - 1),
        clock=st.integers(0, (1 << CLOCK_BITS) - 1),
        run=st.integers(0, (1 << 32) - 1),
        number=st.integers(0, (1 << 32) - 1),
        parents=st.lists(ids, max_size=ENTRY_PARENTS_MAX),
        ops=st.lists(ids, max_size=ENTRY_OPS_MAX),
        target=st.one_of(st.just(b""), ids),
        over=st.lists(ids, max_size=OVER_MAX),
        timer=st.integers(0, 366 * 86_400),
        content=st.just(msgspec.Raw(msgspec.msgpack.encode(["hello"]))),
    )
)
def test_what_is_encoded_is_decoded(one: Entry) -> None:
    decoded = decode_entry(one.encode())
    assert decoded.encode() == one.encode()
    assert bytes(decoded.content) == bytes(one.content)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_entry_or_malformed(data: bytes) -> None:
    with suppress(PeerError):
        decode_entry(data)


def test_places_behind_the_known_ones_are_passed_over_and_bound_by_the_id() -> None:
    fields = msgspec.msgpack.decode(entry(Kind.TEXT, ["hello"]).encode())
    longer = msgspec.msgpack.encode([*fields, "of a newer version"])
    assert decode_entry(longer).kind == Kind.TEXT
    scope = direct_scope(ADA, BEN)
    assert entry_id(scope, ADA, longer) != entry_id(scope, ADA, msgspec.msgpack.encode(fields))


@pytest.mark.parametrize(
    "place, value",
    [
        (0, 1 << 16),
        (1, 1 << CLOCK_BITS),
        (2, -1),
        (4, [b"x" * 32] * 5),
        (4, [b"x"]),
        (6, b"x"),
        (7, [b"x" * 32] * 9),
        (8, 366 * 86_400 + 1),
    ],
)
def test_a_place_beyond_its_bound_is_malformed(place: int, value: object) -> None:
    fields = msgspec.msgpack.decode(entry(Kind.TEXT, ["hello"]).encode())
    fields[place] = value
    with pytest.raises(PeerError):
        decode_entry(msgspec.msgpack.encode(fields))


def test_an_id_binds_conversation_author_and_every_byte() -> None:
    data = entry(Kind.TEXT, ["hello"]).encode()
    scope, other = direct_scope(ADA, BEN), square_scope(MeshId(bytes(16)))
    assert direct_scope(BEN, ADA) == scope
    changed = data[:-1] + bytes([data[-1] ^ 1])
    ids_of = [
        entry_id(scope, ADA, data),
        entry_id(other, ADA, data),
        entry_id(scope, BEN, data),
        entry_id(scope, ADA, changed),
    ]
    assert len({*ids_of}) == 4
    low, high = sorted((ADA, BEN))
    assert scope == blake2b(b"", low + high, b"mesh/conv/direct", 32)
    assert ids_of[0] == blake2b(b"", scope + ADA + data, b"mesh/entry/id", 32)
    assert signed_bytes(ids_of[0]) == b"mesh.entry.1" + ids_of[0]


def test_a_kind_says_whether_it_has_a_place() -> None:
    assert [kind for kind in Kind if not is_change(kind)] == [
        Kind.TEXT,
        Kind.POLL,
        Kind.CHECK_IN,
        Kind.TASK,
        Kind.NOTICE,
    ]
    assert is_change(64 + 256)
    assert not is_change(128)
    assert [
        kind for kind in (*Kind, 128, 64 + 256) if has_place(kind) != (not is_change(kind))
    ] == [Kind.TIMER, Kind.NAME]
