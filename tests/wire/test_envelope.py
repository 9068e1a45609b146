"""Envelopes: the frozen ones, round trips, and every byte that somebody could change."""

import contextlib
import hashlib

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.crypto.hashing import blake2b_256
from mesh.crypto.signing import is_signature_valid, verify_key_of
from mesh.errors import PeerError
from mesh.ids import PostingKey, Tag, UnixSeconds
from mesh.wire.envelope import (
    HEADER_BYTES,
    SIGNATURE_BYTES,
    SIZE_BYTES,
    STUB_BYTES,
    Envelope,
    Header,
    body_bytes,
    decode_envelope,
    decode_header,
    envelope_id_of,
    is_envelope_signature_valid,
    sign_envelope,
)
from tests.vectors.shapes import EnvelopeVector, frozen_bytes

VECTORS = msgspec.json.decode(frozen_bytes("envelope.json"), type=list[EnvelopeVector])
SEED = bytes(32)
KEY = PostingKey(verify_key_of(SEED))

headers = st.builds(
    Header,
    size_class=st.integers(0, 3),
    lifetime_class=st.integers(0, 0),
    created=st.integers(0, (1 << 32) // 10 - 1).map(lambda tens: UnixSeconds(10 * tens)),
    tag=st.binary(min_size=16, max_size=16).map(Tag),
    read_hash=st.binary(min_size=16, max_size=16),
    withdraw_hash=st.binary(min_size=16, max_size=16),
    posting_key=st.just(KEY),
    stamp=st.binary(min_size=12, max_size=12),
)


def envelope_of(header: Header) -> Envelope:
    body = hashlib.shake_128(header.encode()).digest(body_bytes(header.size_class))
    return sign_envelope(header, body, SEED)


SMALL = envelope_of(decode_header(bytes.fromhex(VECTORS[0].header)[:55] + KEY + bytes(12)))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: f"size {vector.size_class}")
def test_the_frozen_envelopes_are_made_again(vector: EnvelopeVector) -> None:
    header = Header(
        size_class=vector.size_class,
        lifetime_class=vector.lifetime_class,
        created=UnixSeconds(vector.created),
        tag=Tag(bytes.fromhex(vector.tag)),
        read_hash=bytes.fromhex(vector.read_hash),
        withdraw_hash=bytes.fromhex(vector.withdraw_hash),
        posting_key=PostingKey(bytes.fromhex(vector.posting_key)),
        stamp=bytes.fromhex(vector.stamp),
    )
    body = hashlib.shake_128(bytes.fromhex(vector.body_seed)).digest(body_bytes(vector.size_class))
    envelope = sign_envelope(header, body, bytes.fromhex(vector.posting_seed))
    assert envelope.header_bytes.hex() == vector.header
    assert envelope.signature.hex() == vector.signature
    assert envelope.stub.hex() == vector.header + vector.body_hash + vector.signature
    assert envelope.id.hex() == vector.id
    assert blake2b_256(envelope.data).hex() == vector.envelope_hash
    assert len(envelope.data) == SIZE_BYTES[vector.size_class]


@given(headers)
def test_an_envelope_is_read_as_it_was_made(header: Header) -> None:
    envelope = envelope_of(header)
    assert decode_envelope(envelope.data) == envelope
    assert decode_header(envelope.header_bytes) == header
    assert envelope_id_of(envelope.data) == envelope.id == blake2b_256(envelope.stub)
    assert len(envelope.stub) == STUB_BYTES
    assert is_envelope_signature_valid(envelope, is_signature_valid)
    assert header.lapses > header.created
    assert header.day == header.created // 86_400


@given(st.binary(max_size=2_048))
def test_any_bytes_are_an_envelope_or_a_peers_fault(data: bytes) -> None:
    for decode in (decode_envelope, envelope_id_of, decode_header):
        with contextlib.suppress(PeerError):
            decode(data)


@given(st.binary(min_size=1_024, max_size=1_024), st.integers(0, 0), st.integers(0, 9))
def test_any_bytes_behind_a_true_beginning_are_an_envelope_or_a_peers_fault(
    data: bytes, lifetime_class: int, last_digit: int
) -> None:
    data = bytes((1, 0, lifetime_class, 0, 0, 0, 10 + last_digit)) + data[7:]
    if last_digit:
        with pytest.raises(PeerError):
            decode_envelope(data)
    else:
        assert decode_envelope(data).data == data


@pytest.mark.parametrize("place, value", [(0, 0), (1, 1), (1, 4), (2, 3), (6, 1)])
def test_a_wrong_form_is_refused(place: int, value: int) -> None:
    data = bytearray(SMALL.data)
    assert data[place] != value
    data[place] = value
    with pytest.raises(PeerError):
        decode_envelope(bytes(data))


def test_an_envelope_that_does_not_fill_its_size_class_is_refused() -> None:
    for data in (SMALL.data[:-1], SMALL.data + b"\0", SMALL.data[: HEADER_BYTES + SIGNATURE_BYTES]):
        with pytest.raises(PeerError):
            decode_envelope(data)


def test_an_envelope_of_a_later_version_has_the_same_form_and_no_version_is_a_fault() -> None:
    assert not SMALL.header.is_newer
    later = decode_envelope(b"\x02" + SMALL.data[1:])
    assert (later.header.version, later.header.is_newer) == (2, True)
    assert later.header.encode() == later.header_bytes
    with pytest.raises(PeerError):
        decode_envelope(b"\x00" + SMALL.data[1:])


def test_each_byte_of_an_envelope_is_signed_or_breaks_its_form() -> None:
    ids = {SMALL.id}
    for place in range(len(SMALL.data)):
        data = bytearray(SMALL.data)
        data[place] ^= 1
        try:
            changed = decode_envelope(bytes(data))
        except PeerError:
            assert place < 7
            continue
        assert not is_envelope_signature_valid(changed, is_signature_valid)
        ids.add(changed.id)
    # The id changes with each byte, too.
    assert len(ids) > len(SMALL.data) - 7


def test_another_key_is_not_the_author() -> None:
    other = PostingKey(verify_key_of(bytes([1]) * 32))
    claimed = decode_envelope(SMALL.data[:55] + other + SMALL.data[87:])
    assert not is_envelope_signature_valid(claimed, is_signature_valid)


def test_no_bytes_of_the_body_show_in_a_repr() -> None:
    assert repr(SMALL.body[:16])[2:-1] not in repr(SMALL)
