"""Carry files: what is written is read, a damaged part costs itself, hostile bytes cost little."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.errors import PeerError
from mesh.ids import MeshId, UnixSeconds
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX, CARRY_DAMAGE_BYTES_MAX
from mesh.wire.carry_file import (
    BLOCK_HEAD_BYTES,
    BLOCK_OVERHEAD_BYTES,
    HEADER_BYTES,
    MARKER,
    BlockKind,
    CarryWriter,
    EndMark,
    FileHeader,
    FileKind,
    Record,
    RecordKind,
    decode_file_header,
    encode_block,
    join_records,
    split_records,
)
from mesh.wire.carry_reader import CarryReader

PAGE = (Path(__file__).parents[2] / "docs/protocol/carry-file.md").read_text(encoding="utf-8")
MESH = MeshId(b"m" * 16)
OTHER = MeshId(b"o" * 16)
MADE = UnixSeconds(1_700_000_000)

records = st.lists(
    st.tuples(st.integers(0, 255), st.binary(max_size=300)).map(lambda pair: Record(*pair)),
    max_size=8,
)


def header(kind: FileKind = FileKind.MAIL, mesh_id: MeshId = MESH) -> FileHeader:
    return FileHeader(kind, mesh_id, MADE, records_max=3, bytes_max=1_000, nonce=b"n" * 16)


def pieces(*payloads: bytes, kind: FileKind = FileKind.MAIL, mesh_id: MeshId = MESH) -> list[bytes]:
    """A whole file in its pieces: header, blocks, end."""
    writer = CarryWriter(header(kind, mesh_id))
    begun = writer.begin()
    blocks = [
        writer.block(BlockKind.RECORDS, payload, envelopes_count=1, stubs_count=2)
        for payload in payloads
    ]
    return [begun, *blocks, writer.finish()]


def read(data: bytes, *, step: int = 50_000, kind: FileKind = FileKind.MAIL) -> CarryReader:
    """Read a file in steps; what its blocks hold is left in `found`."""
    reader = Collecting(MESH, kind)
    for at in range(0, len(data), step):
        reader.found += [block.payload for block in reader.feed(data[at : at + step])]
    reader.finish()
    return reader


class Collecting(CarryReader):
    """A reader that remembers."""

    def __init__(self, mesh_id: MeshId, kind: FileKind) -> None:
        super().__init__(mesh_id, kind)
        self.found: list[bytes] = []


def found(reader: CarryReader) -> list[bytes]:
    assert isinstance(reader, Collecting)
    return reader.found


@given(st.lists(st.binary(max_size=500), max_size=6), st.integers(1, 700))
def test_what_is_written_is_read_however_the_bytes_come(payloads: list[bytes], step: int) -> None:
    reader = read(b"".join(pieces(*payloads)), step=step)
    assert found(reader) == payloads
    assert reader.is_complete
    assert reader.header is not None
    assert reader.header.made == MADE // 3_600 * 3_600
    count = len(payloads)
    assert reader.end == EndMark(count, 2 * count, sum(map(len, payloads)))


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=2, max_size=5), st.data())
def test_one_damaged_byte_costs_one_block_at_most(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = bytearray(b"".join(pieces(*payloads)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    reader = read(bytes(whole), step=97)
    lost = [payload for payload in payloads if payload not in found(reader)]
    assert len(found(reader)) >= len(payloads) - 1
    assert len(lost) <= 1
    assert reader.damaged_count == 1
    assert not reader.is_complete


@given(st.integers(0, 2_000))
def test_a_file_that_ends_early_gives_what_came_before(length: int) -> None:
    payloads = [bytes((number,)) * 300 for number in range(5)]
    whole = b"".join(pieces(*payloads))
    cut = whole[: min(length, len(whole) - 1)]
    if length < HEADER_BYTES:
        with pytest.raises(PeerError):
            read(cut)
        return
    reader = read(cut)
    assert found(reader) == payloads[: (len(cut) - HEADER_BYTES) // (300 + BLOCK_OVERHEAD_BYTES)]
    assert not reader.is_complete
    assert reader.damaged_count == 1


def test_a_block_that_is_missing_or_cut_out_is_noticed() -> None:
    begun, first, _, third, end = pieces(b"1", b"2", b"3")
    for data in (begun + first + third + end, begun + first + b"x" * 5_000 + third + end):
        reader = read(data)
        assert found(reader) == [b"1", b"3"]
        assert (reader.damaged_count, reader.is_complete) == (1, False)


def test_without_its_header_a_file_is_readable_all_the_same() -> None:
    begun, *rest = pieces(b"1", b"2")
    reader = read(bytes(len(begun)) + b"".join(rest))
    assert found(reader) == [b"1", b"2"]
    assert (reader.header, reader.damaged_count) == (None, 1)


def test_what_stands_behind_the_end_is_none_of_the_file() -> None:
    reader = read(b"".join(pieces(b"1")) + encode_block(MESH, BlockKind.RECORDS, 9, b"2"))
    assert found(reader) == [b"1"]
    assert reader.is_complete


@pytest.mark.parametrize(
    "data, words",
    [
        (b"", "no file that Mesh has made"),
        (b"\x7fELF" + bytes(200), "no file that Mesh has made"),
        (MARKER * 500, "no file that Mesh has made"),
        (b"".join(pieces(b"1", mesh_id=OTHER)), "of another mesh"),
        (b"".join(pieces(b"1", kind=FileKind.SUMMARY)), "is a summary"),
    ],
)
def test_what_is_no_file_for_us_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(PeerError, match=words):
        read(data)


def test_a_later_version_is_refused_and_not_taken_for_damage() -> None:
    data = bytearray(header().encode())
    data[8] = 2
    fixed = FileHeader(FileKind.MAIL, MESH, MADE, 0, 0).encode()
    assert decode_file_header(bytes(data)) is None, "its checksum no longer holds"
    assert decode_file_header(fixed) is not None
    with pytest.raises(PeerError, match="later version"):
        decode_file_header(_sealed(b"\x8aMESH\r\n\x1a\x02\x01" + bytes(48)))
    with pytest.raises(PeerError, match="unknown kind"):
        decode_file_header(_sealed(b"\x8aMESH\r\n\x1a\x01\x09" + bytes(48)))


def test_blocks_of_another_mesh_are_damage() -> None:
    begun, first, end = pieces(b"1")
    foreign = encode_block(OTHER, BlockKind.RECORDS, 1, b"2")
    reader = read(begun + first + foreign + end)
    assert found(reader) == [b"1"]
    assert not reader.is_complete


def test_a_claimed_length_beyond_the_bound_is_not_waited_for() -> None:
    begun, first, end = pieces(b"1")
    head = MARKER + b"\x01" + bytes(4) + (CARRY_BLOCK_BYTES_MAX + 1).to_bytes(4, "big")
    reader = read(begun + _checked(head) + first + end)
    assert found(reader) == [b"1"]


def test_heads_inside_a_block_that_is_damaged_are_not_looked_at() -> None:
    """Or a file of overlapping heads would be hashed over and over."""
    payload = b"".join(_checked(MARKER + b"\x01" + bytes(4) + bytes(4)) for _ in range(100))
    begun, first, end = pieces(payload)
    damaged = bytearray(first)
    damaged[-1] ^= 1
    reader = read(begun + damaged + end)
    assert (found(reader), reader.damaged_count) == ([], 1)


def test_a_file_that_is_mostly_noise_is_given_up() -> None:
    reader = CarryReader(MESH, FileKind.MAIL)
    reader.feed(header().encode())
    noise = bytes(1024 * 1024)
    for _ in range(CARRY_DAMAGE_BYTES_MAX // len(noise)):
        assert reader.feed(noise) == []
        assert len(reader._buffer) <= len(noise)
    with pytest.raises(PeerError, match="too much"):
        reader.feed(noise)


@given(st.binary(max_size=2_000), st.booleans())
def test_any_bytes_are_a_file_or_a_fault(noise: bytes, has_header: bool) -> None:
    reader = CarryReader(MESH, FileKind.MAIL)
    try:
        for block in reader.feed(header().encode() * has_header + noise):
            split_records(block.payload)
        reader.finish()
    except PeerError:
        return
    assert reader.header is not None
    assert not reader.is_complete


@given(st.data())
def test_any_mutation_of_a_file_is_read_or_refused(data: st.DataObject) -> None:
    whole = bytearray(b"".join(pieces(b"one" * 50, MARKER * 9, b"three" * 50)))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(whole) - 1))
        piece = data.draw(st.binary(max_size=40) | st.just(MARKER))
        whole[at : at + data.draw(st.integers(0, 40))] = piece
    reader = Collecting(MESH, FileKind.MAIL)
    try:
        for at in range(0, len(whole), 61):
            reader.found += [block.payload for block in reader.feed(bytes(whole[at : at + 61]))]
            assert len(reader._buffer) <= CARRY_BLOCK_BYTES_MAX + BLOCK_OVERHEAD_BYTES + 61
        reader.finish()
    except PeerError:
        return
    assert set(reader.found) <= {b"one" * 50, MARKER * 9, b"three" * 50}


def test_the_bytes_are_those_of_the_page() -> None:
    """`docs/protocol/carry-file.md`, section "Known answers"."""
    mesh_id = MeshId(bytes(range(16)))
    begun = FileHeader(FileKind.MAIL, mesh_id, MADE, records_max=3, bytes_max=3_072)
    writer = CarryWriter(begun)
    records = join_records([Record(RecordKind.RETIRED_STUB, b"\x07" * 3)])
    pieces = [
        writer.begin(),
        writer.block(BlockKind.RECORDS, records, stubs_count=1),
        writer.finish(),
    ]
    assert [f"`{piece.hex()}`" in PAGE for piece in pieces] == [True, True, True]
    reader = CarryReader(mesh_id, FileKind.MAIL)
    [block] = reader.feed(b"".join(pieces))
    assert (block.payload, reader.end) == (records, (0, 1, 8))
    assert reader.header == replace(begun, made=UnixSeconds(MADE // 3_600 * 3_600))


@given(records)
def test_records_are_split_as_they_were_joined(joined: list[Record]) -> None:
    assert split_records(join_records(joined)) == joined


@given(records, st.integers(1, 20))
def test_a_cut_record_is_a_fault(joined: list[Record], missing: int) -> None:
    payload = join_records([*joined, Record(1, b"x" * 20)])
    with pytest.raises(PeerError):
        split_records(payload[:-missing])


def test_the_room_of_a_file_leaves_the_place_of_its_end() -> None:
    writer = CarryWriter(header())
    whole = writer.begin()
    whole += writer.block(BlockKind.RECORDS, bytes(writer.room_bytes(1_000)))
    assert writer.room_bytes(1_000) == 0
    assert len(whole + writer.finish()) == 1_000 == writer.bytes_count


def _checked(head: bytes) -> bytes:
    block = encode_block(MESH, BlockKind.RECORDS, 0, b"")
    assert len(head) == BLOCK_HEAD_BYTES - 4
    import zlib

    assert block[13:17] == zlib.crc32(block[:13]).to_bytes(4, "big")
    return head + zlib.crc32(head).to_bytes(4, "big")


def _sealed(data: bytes) -> bytes:
    import hashlib

    return data + hashlib.blake2b(data, digest_size=16).digest()
