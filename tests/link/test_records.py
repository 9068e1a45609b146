"""Records and frames: any cut, any tampering, every bound."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.limits.link import (
    FRAME_BYTES_MAX,
    HANDSHAKE_MESSAGE_BYTES_MAX,
    RECORD_PLAINTEXT_BYTES_MAX,
    RECORDS_PER_KEY,
)
from mesh.link.records import HandshakeReader, RecordReader, RecordWriter, handshake_block
from mesh.link.symmetric import CipherState

KEY = b"k" * 32

frames_lists = st.lists(st.binary(min_size=1, max_size=400), max_size=8)


def writer() -> RecordWriter:
    """The sending end of a direction."""
    return RecordWriter(CipherState(KEY))


def reader() -> RecordReader:
    """The receiving end of the same direction."""
    return RecordReader(CipherState(KEY))


def record(cipher: CipherState, plaintext: bytes) -> bytes:
    """One record with any plaintext, as only a malicious peer writes it."""
    sealed = cipher.seal(b"", plaintext)
    return len(sealed).to_bytes(2, "big") + sealed


def pieces(wire: bytes, cuts: list[int]) -> list[bytes]:
    """The bytes, cut at these places."""
    places = [0, *sorted(cut for cut in cuts if cut < len(wire)), len(wire)]
    return [wire[start:end] for start, end in pairwise(places)]


@given(st.lists(frames_lists, max_size=4), st.lists(st.integers(0, 5000), max_size=12))
def test_frames_come_out_whole_however_the_stream_is_cut(
    batches: list[list[bytes]], cuts: list[int]
) -> None:
    sending, receiving = writer(), reader()
    wire = b"".join(sending.write(batch) for batch in batches)
    received = [frame for piece in pieces(wire, cuts) for frame in receiving.feed(piece)]
    assert received == [frame for batch in batches for frame in batch]


def test_a_stream_fed_byte_by_byte_gives_the_same_frames() -> None:
    frames = [b"a", b"b" * 20_000, b"c" * 3]
    wire = writer().write(frames)
    receiving = reader()
    received = [frame for byte in wire for frame in receiving.feed(bytes([byte]))]
    assert received == frames


@pytest.mark.parametrize(
    "length", [1, RECORD_PLAINTEXT_BYTES_MAX - 4, RECORD_PLAINTEXT_BYTES_MAX, FRAME_BYTES_MAX]
)
def test_a_frame_of_any_permitted_length_goes_through(length: int) -> None:
    frame = bytes(length)
    wire = writer().write([frame])
    records_count = -(-(4 + length) // RECORD_PLAINTEXT_BYTES_MAX)
    assert len(wire) == 4 + length + records_count * (2 + 16)
    assert reader().feed(wire) == [frame]


def test_frames_given_at_once_share_a_record() -> None:
    wire = writer().write([b"x" * 50] * 100)
    assert len(wire) == 100 * 54 + 18
    assert writer().write([]) == b""


def test_each_direction_rekeys_after_its_own_65_536_records() -> None:
    sending, receiving = writer(), reader()
    old = CipherState(KEY)
    for number in range(RECORDS_PER_KEY):
        wire = sending.write([b"f"])
        assert receiving.feed(wire) == [b"f"]
        assert wire[2:] == old.seal(b"", b"\0\0\0\1f"), number
    # The count goes on under the new key, as the specification's rekey leaves it.
    wire = sending.write([b"f"])
    new = CipherState(KEY)
    new._next_nonce = RECORDS_PER_KEY
    new.rekey()
    assert wire[2:] == new.seal(b"", b"\0\0\0\1f")
    assert wire[2:] != old.seal(b"", b"\0\0\0\1f")
    assert receiving.feed(wire) == [b"f"]


@given(st.data())
def test_a_changed_byte_is_never_part_of_a_frame(data: st.DataObject) -> None:
    sending = writer()
    frames = [b"first frame", b"again frame", b"other frame"]
    wire = bytearray(b"".join(sending.write([frame]) for frame in frames))
    position = data.draw(st.integers(0, len(wire) - 1))
    wire[position] ^= data.draw(st.integers(1, 255))
    intact = position // (2 + 4 + 11 + 16)
    received: list[bytes | memoryview] = []
    receiving = reader()
    has_failed = False
    for byte in wire:
        try:
            received += receiving.feed(bytes([byte]))
        except PeerError:
            has_failed = True
            break
    # A length made larger leaves the reader waiting; whatever comes then does not open.
    if not has_failed:
        with pytest.raises(PeerError):
            receiving.feed(bytes(2**16))
    assert received == frames[:intact]
    with pytest.raises(PeerError):
        receiving.feed(sending.write([b"too late"]))


def test_records_dropped_repeated_or_swapped_do_not_open() -> None:
    sending = writer()
    first, second = sending.write([b"one"]), sending.write([b"two"])
    for wire in (second, first + first, second + first):
        with pytest.raises(PeerError):
            reader().feed(wire)


@pytest.mark.parametrize("length", [0, 1, 16, RECORD_PLAINTEXT_BYTES_MAX + 17, 65_535])
def test_a_record_length_out_of_bounds_is_refused_before_its_bytes(length: int) -> None:
    with pytest.raises(PeerError):
        reader().feed(length.to_bytes(2, "big"))


@pytest.mark.parametrize("length", [0, FRAME_BYTES_MAX + 1, 2**32 - 1])
def test_a_frame_length_out_of_bounds_is_refused_before_its_bytes(length: int) -> None:
    with pytest.raises(PeerError):
        reader().feed(record(CipherState(KEY), length.to_bytes(4, "big")))


def test_a_frame_length_may_itself_span_records() -> None:
    cipher = CipherState(KEY)
    wire = b"".join(record(cipher, part) for part in (b"\0", b"\0\0", b"\2h", b"i"))
    assert reader().feed(wire) == [b"hi"]


def test_an_unfinished_frame_is_all_that_a_peer_can_make_us_hold() -> None:
    cipher, receiving = CipherState(KEY), reader()
    receiving.feed(record(cipher, FRAME_BYTES_MAX.to_bytes(4, "big")))
    for _ in range(FRAME_BYTES_MAX // 16_384):
        assert receiving.feed(record(cipher, bytes(16_384))) == []
    assert len(receiving._stream._buffer) <= 4 + FRAME_BYTES_MAX
    assert len(receiving._blocks._buffer) == 0
    assert receiving.feed(record(cipher, bytes(FRAME_BYTES_MAX % 16_384))) == [
        bytes(FRAME_BYTES_MAX)
    ]


@given(st.lists(st.binary(max_size=300), max_size=6))
def test_any_bytes_give_frames_or_a_peer_error(received: list[bytes]) -> None:
    receiving = reader()
    for piece in received:
        try:
            assert receiving.feed(piece) == []
        except PeerError:
            return


@settings(max_examples=50)
@given(st.binary(min_size=1, max_size=600))
def test_any_plaintext_of_a_peer_gives_frames_or_a_peer_error(plaintext: bytes) -> None:
    try:
        frames = reader().feed(record(CipherState(KEY), plaintext))
    except PeerError:
        return
    assert sum(4 + len(frame) for frame in frames) <= len(plaintext)


# --- Handshake messages -----------------------------------------------------------------------


@given(
    st.lists(st.binary(min_size=1, max_size=200), max_size=3),
    st.binary(max_size=1),
    st.lists(st.integers(0, 700), max_size=6),
)
def test_handshake_messages_come_out_whole_and_the_rest_is_left(
    messages: list[bytes], rest: bytes, cuts: list[int]
) -> None:
    wire = b"".join(handshake_block(message) for message in messages) + rest
    handshake = HandshakeReader()
    found: list[bytes] = []
    for piece in pieces(wire, cuts):
        handshake.feed(piece)
        while (message := handshake.find_message()) is not None:
            found.append(message)
    assert found == messages
    assert handshake.rest() == rest
    assert handshake.rest() == b""


def test_records_right_behind_the_last_handshake_message_are_not_lost() -> None:
    handshake = HandshakeReader()
    handshake.feed(handshake_block(b"last") + writer().write([b"first frame"]))
    assert handshake.find_message() == b"last"
    assert reader().feed(handshake.rest()) == [b"first frame"]


@pytest.mark.parametrize("length", [0, HANDSHAKE_MESSAGE_BYTES_MAX + 1, 65_535])
def test_a_handshake_length_out_of_bounds_is_refused_before_its_bytes(length: int) -> None:
    handshake = HandshakeReader()
    handshake.feed(length.to_bytes(2, "big"))
    with pytest.raises(PeerError):
        handshake.find_message()
