"""The payload of a first message in a closed mesh: for whom it is, and when it was made."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import UnixSeconds
from mesh.link.first_messages import (
    FIRST_PAYLOAD_BYTES,
    NAME_BYTES,
    MeantBy,
    MeantFor,
    decode_meant_for,
    host_name_of,
)

meant = st.builds(
    MeantFor,
    st.sampled_from(MeantBy),
    st.binary(min_size=NAME_BYTES, max_size=NAME_BYTES),
    st.integers(0, (1 << 32) - 1).map(UnixSeconds),
)


@given(meant)
def test_it_is_read_as_it_was_written(said: MeantFor) -> None:
    assert len(said.encode()) == FIRST_PAYLOAD_BYTES
    assert decode_meant_for(said.encode()) == said


@given(st.binary(max_size=30) | st.binary(min_size=13, max_size=13))
def test_whatever_comes_is_read_or_refused(data: bytes) -> None:
    try:
        said = decode_meant_for(data)
    except PeerError:
        return
    assert said.encode() == data


@pytest.mark.parametrize("data", [b"", bytes(13), b"\x04" + bytes(12), b"\x01" + bytes(13)])
def test_what_is_for_nobody_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_meant_for(data)


def test_the_documents_example() -> None:
    said = MeantFor(MeantBy.HOST, host_name_of(bytes([10, 0, 0, 2])), UnixSeconds(1_700_000_000))
    assert said.encode().hex() == "0200f6611d0b20dcb26553f100"
