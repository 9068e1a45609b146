"""Payloads: the frozen one, round trips, bounds, and any bytes."""

import contextlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.limits import NAME_BYTES_MAX, PARENTS_MAX, TEXT_BYTES_MAX
from mesh.ratchet.letters import letter_size_class
from mesh.wire.payload import PAYLOAD_VERSION, Payload, decode_payload, message_id_of
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
)


def test_the_frozen_payload_is_made_again() -> None:
    payload = Payload(
        version=1,
        hlc=VECTOR.hlc,
        seq=VECTOR.seq,
        parents=[bytes.fromhex(one) for one in VECTOR.parents],
        name=VECTOR.name,
        text=VECTOR.text,
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
    assert letter_size_class(len(fits.encode())) == 3
    for changes in (
        {"name": "ü" * (NAME_BYTES_MAX // 2) + "n"},
        {"text": "ü" * (TEXT_BYTES_MAX // 2) + "t"},
        {"parents": [bytes(32)] * (PARENTS_MAX + 1)},
        {"parents": [bytes(31)]},
        {"version": 2},
        {"hlc": 1 << 63},
        {"seq": 1 << 32},
        {"seq": -1},
    ):
        wrong = msgspec.structs.replace(fits, **changes)
        with pytest.raises(PeerError):
            decode_payload(wrong.encode())


def test_what_a_later_version_appends_is_passed_over() -> None:
    encoded = Payload(1, 5, 6, [], "", "hello").encode()
    longer = bytes((encoded[0] + 1,)) + encoded[1:] + b"\x07"
    assert decode_payload(longer).text == "hello"
    assert message_id_of(longer) != message_id_of(encoded)


@pytest.mark.parametrize("encoded", ["95010000900a", "960100009001a0", "9601000090a0a0a0", "c0"])
def test_another_shape_is_refused(encoded: str) -> None:
    with pytest.raises(PeerError):
        decode_payload(bytes.fromhex(encoded))
