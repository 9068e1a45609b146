"""Headers of a session's messages: their bytes, round trips, and any bytes."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.wire.ratchet_header import (
    HEADER_BYTES_LONG,
    HEADER_BYTES_SHORT,
    KEM_PART_BYTES,
    RatchetHeader,
    decode_ratchet_header,
)

counts = st.integers(0, (1 << 32) - 1)
short_headers = st.builds(
    RatchetHeader,
    public=st.binary(min_size=32, max_size=32),
    previous_count=counts,
    number=counts,
    is_post_quantum=st.booleans(),
    kem_part=st.just(b""),
    tags_before=counts,
)
long_headers = st.builds(
    RatchetHeader,
    public=st.binary(min_size=32, max_size=32),
    previous_count=counts,
    number=counts,
    is_post_quantum=st.just(True),
    kem_part=st.integers(0, 255).map(lambda byte: bytes((byte,)) * KEM_PART_BYTES),
    tags_before=counts,
)


def test_the_bytes_are_those_of_the_protocol() -> None:
    header = RatchetHeader(bytes(range(32)), 1, 2, True, b"", 0x0304_0506)
    assert header.encode().hex() == (
        "01" + bytes(range(32)).hex() + "00000001" + "00000002" + "03040506"
    )
    assert (HEADER_BYTES_SHORT, HEADER_BYTES_LONG) == (45, 45 + 1_088 + 1_184)


@given(short_headers | long_headers)
def test_a_header_is_read_as_it_was_made(header: RatchetHeader) -> None:
    encoded = header.encode()
    assert len(encoded) == (HEADER_BYTES_LONG if header.kem_part else HEADER_BYTES_SHORT)
    assert decode_ratchet_header(encoded) == header


@given(st.binary(max_size=100) | st.binary(min_size=45, max_size=45))
def test_any_bytes_are_a_header_or_a_peers_fault(data: bytes) -> None:
    with contextlib.suppress(PeerError):
        assert decode_ratchet_header(data).encode() == data


@given(st.sampled_from([HEADER_BYTES_SHORT, HEADER_BYTES_LONG]), st.integers(0, 255), st.data())
def test_flags_that_are_not_known_are_refused(length: int, flags: int, data: st.DataObject) -> None:
    rest = data.draw(st.binary(min_size=44, max_size=44)) + bytes(length - HEADER_BYTES_SHORT)
    is_right = flags == 1 or (flags == 0 and length == HEADER_BYTES_SHORT)
    if is_right:
        assert decode_ratchet_header(bytes((flags,)) + rest).is_post_quantum == bool(flags)
        return
    with pytest.raises(PeerError, match="flags"):
        decode_ratchet_header(bytes((flags,)) + rest)


@pytest.mark.parametrize(
    "length", [0, 1, 44, 46, 61, HEADER_BYTES_LONG - 1, HEADER_BYTES_LONG + 1, 60_000]
)
def test_another_length_is_refused(length: int) -> None:
    with pytest.raises(PeerError, match="length"):
        decode_ratchet_header(bytes(length))
