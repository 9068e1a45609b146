"""Controls about files: read as they were written; anything else is refused."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.wire.file_controls import (
    FilePosted,
    FileWanted,
    FileWhole,
    decode_posted,
    decode_wanted,
    decode_whole,
)

WANTED = st.builds(
    FileWanted,
    entry=st.binary(min_size=32, max_size=32),
    place=st.integers(0, 15),
    blocks=st.integers(1, (1 << 15) - 1),
)


def test_the_bytes_are_what_the_page_says() -> None:
    wanted = FileWanted(b"e" * 32, 3, 0b101)
    assert wanted.encode() == b"e" * 32 + b"\x03\x00\x05"
    assert FilePosted(wanted, b"p" * 16).encode() == wanted.encode() + b"p" * 16
    assert FileWhole(b"e" * 32, 0b101).encode() == b"e" * 32 + b"\x00\x05"


@given(wanted=WANTED, posting=st.binary(min_size=16, max_size=16), behind=st.binary(max_size=4))
def test_what_was_written_is_read(wanted: FileWanted, posting: bytes, behind: bytes) -> None:
    posted = FilePosted(wanted, posting)
    assert decode_wanted(wanted.encode() + behind) == wanted
    assert decode_posted(posted.encode() + behind) == posted
    whole = FileWhole(wanted.entry, wanted.blocks)
    assert decode_whole(whole.encode() + behind) == whole


@pytest.mark.parametrize(
    "data",
    [
        b"e" * 34,
        b"e" * 32 + b"\x10\x00\x01",
        b"e" * 32 + b"\x00\x00\x00",
        b"e" * 32 + b"\x00\x80\x00",
    ],
)
def test_no_file_and_no_block_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_wanted(data)
    with pytest.raises(PeerError):
        decode_posted(data + b"p" * 16)


@pytest.mark.parametrize("data", [b"e" * 33, b"e" * 32 + b"\x00\x00"])
def test_no_file_that_is_whole_is_refused(data: bytes) -> None:
    with pytest.raises(PeerError):
        decode_whole(data)


@given(data=st.binary(max_size=64))
@example(b"")
def test_bytes_of_chance_raise_nothing_else(data: bytes) -> None:
    for decode in (decode_wanted, decode_posted, decode_whole):
        with suppress(PeerError):
            decode(data)
