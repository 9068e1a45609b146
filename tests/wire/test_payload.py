"""Payloads: the frozen one, round trips, bounds, and any bytes."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.content.entry import Entry
from mesh.errors import PeerError
from mesh.limits.contacts import NAME_BYTES_MAX
from mesh.limits.messages import (
    CONTROL_BYTES_MAX,
    CONTROLS_MAX,
    ENTRIES_MAX,
    PARENTS_MAX,
    TEXT_BYTES_MAX,
)
from mesh.ratchet.first_contact import first_contact_size_class
from mesh.ratchet.sealed_message import session_size_class
from mesh.wire.payload import (
    ENTRIES_VERSION,
    PAYLOAD_VERSION,
    EntriesPayload,
    Payload,
    decode_payload,
    message_id_of,
)
from tests.vectors.shapes import FirstContactVector, frozen_bytes

VECTOR = msgspec.json.decode(frozen_bytes("first-contact.json"), type=FirstContactVector).payload

payloads = st.builds(
    Payload,
    version=st.just(PAYLOAD_VERSION),
    hlc=st.integers(0, (1 << 63) - 1),
    seq=st.integers(0, (1 << 32) - 1),
    parents=st.lists(st.binary(min_size=32, max_size=32), max_size=PARENTS_MAX),
    name=st.text(max_size=NAME_BYTES_MAX // 4),
    text=st.text(max_size=100),
    seen=st.integers(0, 1 << 32),
    controls=st.lists(
        st.tuples(st.integers(0, 255), st.binary(max_size=100)), max_size=CONTROLS_MAX
    ),
)


def test_the_frozen_payload_is_made_again() -> None:
    payload = Payload(
        version=1,
        hlc=VECTOR.hlc,
        seq=VECTOR.seq,
        parents=[bytes.fromhex(one) for one in VECTOR.parents],
        name=VECTOR.name,
        text=VECTOR.text,
        seen=VECTOR.seen,
        controls=[(kind, bytes.fromhex(content)) for kind, content in VECTOR.controls],
    )
    assert payload.encode().hex() == VECTOR.encoded
    assert decode_payload(payload.encode()) == payload
    assert message_id_of(payload.encode()).hex() == VECTOR.message_id


@given(payloads)
def test_a_payload_is_read_as_it_was_made(payload: Payload) -> None:
    assert decode_payload(payload.encode()) == payload


@given(st.binary(max_size=200))
def test_any_bytes_are_a_payload_or_a_peers_fault(data: bytes) -> None:
    with contextlib.suppress(PeerError):
        decode_payload(data)


@given(payloads, st.data())
def test_a_damaged_payload_is_a_payload_or_a_peers_fault(
    payload: Payload, data: st.DataObject
) -> None:
    encoded = bytearray(payload.encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PeerError):
        decode_payload(bytes(encoded))


def test_the_bounds_are_kept_to_the_byte() -> None:
    fits = Payload(1, 0, 0, [bytes(32)] * PARENTS_MAX, "n" * NAME_BYTES_MAX, "t" * TEXT_BYTES_MAX)
    assert decode_payload(fits.encode()) == fits
    assert first_contact_size_class(len(fits.encode())) == 3
    for has_long_header in (False, True):
        assert session_size_class(len(fits.encode()), has_long_header=has_long_header) == 3
    for changes in (
        {"name": "ü" * (NAME_BYTES_MAX // 2) + "n"},
        {"text": "ü" * (TEXT_BYTES_MAX // 2) + "t"},
        {"parents": [bytes(32)] * (PARENTS_MAX + 1)},
        {"parents": [bytes(31)]},
        {"version": 2},
        {"hlc": 1 << 63},
        {"seq": 1 << 32},
        {"seq": -1},
        {"seen": -1},
        {"seen": (1 << 32) + 1},
        {"controls": [(1, b"")] * (CONTROLS_MAX + 1)},
        {"controls": [(1, bytes(CONTROL_BYTES_MAX + 1))]},
        {"controls": [(256, b"")]},
        {"controls": [(-1, b"")]},
    ):
        wrong = msgspec.structs.replace(fits, **changes)
        with pytest.raises(PeerError):
            decode_payload(wrong.encode())


def test_the_longest_controls_fit_beside_the_longest_name() -> None:
    controls = [(255, bytes(CONTROL_BYTES_MAX))] * CONTROLS_MAX
    full = Payload(1, 0, 0, [bytes(32)] * PARENTS_MAX, "n" * NAME_BYTES_MAX, "", 7, controls)
    assert decode_payload(full.encode()) == full
    assert first_contact_size_class(len(full.encode())) is not None


def test_an_earlier_version_without_counts_and_controls_is_read() -> None:
    encoded = bytes.fromhex("96010506" + "90" + "a0" + "a568656c6c6f")
    assert decode_payload(encoded) == Payload(1, 5, 6, [], "", "hello", seen=0, controls=[])


def test_what_a_later_version_appends_is_passed_over() -> None:
    encoded = Payload(1, 5, 6, [], "", "hello").encode()
    longer = bytes((encoded[0] + 1,)) + encoded[1:] + b"\x07"
    read = decode_payload(longer)
    assert isinstance(read, Payload)
    assert read.text == "hello"
    assert message_id_of(longer) != message_id_of(encoded)


@pytest.mark.parametrize("encoded", ["95010000900a", "960100009001a0", "9601000090a0a0a0", "c0"])
def test_another_shape_is_refused(encoded: str) -> None:
    with pytest.raises(PeerError):
        decode_payload(bytes.fromhex(encoded))


entries_payloads = st.builds(
    EntriesPayload,
    version=st.just(ENTRIES_VERSION),
    seq=st.integers(0, (1 << 32) - 1),
    seen=st.integers(0, 1 << 32),
    name=st.text(max_size=NAME_BYTES_MAX // 4),
    controls=st.lists(
        st.tuples(st.integers(0, 255), st.binary(max_size=100)), max_size=CONTROLS_MAX
    ),
    entries=st.lists(st.binary(max_size=100), max_size=ENTRIES_MAX),
)


@given(entries_payloads)
def test_a_payload_of_entries_is_read_as_it_was_made(payload: EntriesPayload) -> None:
    assert decode_payload(payload.encode()) == payload
    assert payload.hlc >= 0


@given(entries_payloads, st.data())
def test_a_damaged_payload_of_entries_is_a_payload_or_a_peers_fault(
    payload: EntriesPayload, data: st.DataObject
) -> None:
    encoded = bytearray(payload.encode())
    place = data.draw(st.integers(0, len(encoded) - 1))
    encoded[place] = data.draw(st.integers(0, 255))
    with contextlib.suppress(PeerError):
        read = decode_payload(bytes(encoded))
        assert read.hlc < 1 << 63


def test_a_payload_of_entries_keeps_its_bounds() -> None:
    fits = EntriesPayload(ENTRIES_VERSION, 0, 0, "n" * NAME_BYTES_MAX, [], [b"x"] * ENTRIES_MAX)
    assert decode_payload(fits.encode()) == fits
    for changes in (
        {"name": "n" * (NAME_BYTES_MAX + 1)},
        {"version": 3},
        {"seq": -1},
        {"seen": (1 << 32) + 1},
        {"controls": [(1, b"")] * (CONTROLS_MAX + 1)},
        {"entries": [b""] * (ENTRIES_MAX + 1)},
        {"entries": ["text"]},
    ):
        wrong = msgspec.structs.replace(fits, **changes)
        with pytest.raises(PeerError):
            decode_payload(wrong.encode())
    longer = msgspec.msgpack.encode([*msgspec.structs.astuple(fits), "of a later version"])
    assert decode_payload(longer) == fits


def test_the_clock_of_a_payload_is_the_highest_of_its_entries() -> None:
    clocks = [5, 1 << 61, 7]
    entries = [msgspec.msgpack.encode([0, clock, "rest"]) for clock in clocks]
    beyond = msgspec.msgpack.encode([0, 1 << 62])
    payload = EntriesPayload(ENTRIES_VERSION, 0, 0, "", [], [*entries, beyond, b"\xc1"])
    assert payload.hlc == 1 << 61
    assert EntriesPayload(ENTRIES_VERSION, 0, 0, "", [], []).hlc == 0


def test_what_its_author_reads_stands_behind_what_the_first_release_knows() -> None:
    payload = Payload(1, 5, 6, [], "", "hello", reads=2)
    read = decode_payload(payload.encode())
    assert read == payload
    former = Payload(1, 5, 6, [], "", "hello").encode()
    assert payload.encode() == bytes((former[0] + 1,)) + former[1:] + b"\x02"
    assert decode_payload(former).reads == 1
    assert EntriesPayload(ENTRIES_VERSION, 0, 0, "", [], []).reads == 2


@pytest.mark.parametrize(
    "kind, content, changes, length",
    [
        (0, ["x" * 200, [], [], bytes(32)], {"parents": [bytes(32)] * 2}, 360),
        (
            0,
            ["x" * 200, [[0, 0, 5], [1, 6, 5]], [[0, 5, bytes(32)]], bytes(32)],
            {"parents": [bytes(32)] * 4, "timer": 86_400},
            477,
        ),
        (
            67,
            [["\N{THUMBS UP SIGN}"]],
            {"target": bytes(32), "parents": [bytes(32)] * 2, "over": [bytes(32)]},
            195,
        ),
        (70, [[1]], {"target": bytes(32), "parents": [bytes(32)] * 2, "over": [bytes(32)]}, 187),
        (
            73,
            [0, 2],
            {
                "target": bytes(32),
                "parents": [bytes(32)] * 4,
                "over": [bytes(32)] * 8,
            },
            494,
        ),
    ],
)
def test_small_things_fit_the_smallest_envelope(
    kind: int, content: list[object], changes: dict[str, object], length: int
) -> None:
    entry = Entry(
        kind=kind,
        clock=1 << 61,
        run=1 << 31,
        number=1_000,
        parents=[],
        ops=[],
        target=b"",
        over=[],
        timer=0,
        content=msgspec.Raw(msgspec.msgpack.encode(content)),
    )
    entry = msgspec.structs.replace(entry, **changes)
    payload = EntriesPayload(ENTRIES_VERSION, 1_000, 1_000, "Ann Example", [], [entry.encode()])
    made = len(payload.encode())
    assert abs(made - length) <= 8
    assert session_size_class(made, has_long_header=False) == 0
