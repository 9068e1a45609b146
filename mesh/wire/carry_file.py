"""Carry files: what a node carries, as one file that travels by hand.

Implements `docs/protocol/carry-file.md`. A file is a header, blocks, and an end mark. Each block
has a checksum of its own and a marker by which a reader (`mesh/wire/carry_reader.py`) finds it
again, so that a damaged part costs only itself. Summaries (`mesh/wire/carry_summary.py`) have the
same form.

The checksums find accidents and files of other meshes. They prove nothing: what a block holds is
judged like everything that comes from outside.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final, NamedTuple

from mesh.crypto.hashing import blake2b, blake2b_128
from mesh.errors import PeerError
from mesh.ids import MeshId, UnixSeconds
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX

MAGIC: Final = b"\x8aMESH\r\n\x1a"
"""A byte that is no text, and line ends: a transfer that changes either shows at once."""
VERSION: Final = 1
NONCE_BYTES: Final = 16
NO_NONCE: Final = bytes(NONCE_BYTES)
HEADER_BYTES: Final = 74
MARKER: Final = b"\x8aMB\x01"
BLOCK_HEAD_BYTES: Final = 17
BLOCK_CHECK_BYTES: Final = 16
BLOCK_OVERHEAD_BYTES: Final = BLOCK_HEAD_BYTES + BLOCK_CHECK_BYTES
END_BYTES: Final = BLOCK_OVERHEAD_BYTES + 16
FILE_BYTES_MIN: Final = HEADER_BYTES + END_BYTES
"""A file that holds nothing."""
RECORD_HEAD_BYTES: Final = 5
MADE_ROUNDING_S: Final = 3_600
"""The time of making is rounded down to it: a clock's odd second would be a fingerprint."""


class FileKind(IntEnum):
    """The purpose of a file."""

    MAIL = 1
    SUMMARY = 2


class BlockKind(IntEnum):
    """The content of a block. A reader passes over kinds that it does not know."""

    RECORDS = 1
    END = 2
    BUCKETS = 3


class RecordKind(IntEnum):
    """The content of a record. A reader passes over kinds that it does not know."""

    ENVELOPE = 1
    RETIRED_STUB = 2


@dataclass(frozen=True, slots=True)
class FileHeader:
    """The summary of a file, by itself. The counts are bounds for people; nothing relies on
    them.
    """

    kind: FileKind
    mesh_id: MeshId
    made: UnixSeconds
    records_max: int
    bytes_max: int
    nonce: bytes = NO_NONCE

    def encode(self) -> bytes:
        """The 74 bytes."""
        made = self.made // MADE_ROUNDING_S * MADE_ROUNDING_S
        data = b"".join(
            (
                MAGIC,
                bytes((VERSION, self.kind)),
                self.mesh_id,
                made.to_bytes(4, "big"),
                self.records_max.to_bytes(4, "big"),
                self.bytes_max.to_bytes(8, "big"),
                self.nonce,
            )
        )
        return data + blake2b_128(data)


class Block(NamedTuple):
    """A block whose checksum holds."""

    kind: int
    number: int
    payload: bytes


class EndMark(NamedTuple):
    """The summary of what the writer of a file wrote."""

    envelopes_count: int
    stubs_count: int
    payload_bytes: int

    def encode(self) -> bytes:
        """The payload of the block that says that nothing is missing after it."""
        return (
            self.envelopes_count.to_bytes(4, "big")
            + self.stubs_count.to_bytes(4, "big")
            + self.payload_bytes.to_bytes(8, "big")
        )

    @classmethod
    def decode(cls, payload: bytes) -> "EndMark":
        """Return what such a payload says; nothing relies on it."""
        return cls(
            int.from_bytes(payload[:4], "big"),
            int.from_bytes(payload[4:8], "big"),
            int.from_bytes(payload[8:16], "big"),
        )


class Record(NamedTuple):
    """One thing that is carried; nothing is said of its form."""

    kind: int
    content: bytes


def decode_file_header(data: bytes) -> FileHeader | None:
    """The header in 74 bytes; None if they are damaged or no header at all.

    PeerError if it is whole and not for this version.
    """
    if len(data) != HEADER_BYTES or not data.startswith(MAGIC):
        return None
    if blake2b_128(data[:-16]) != data[-16:]:
        return None
    if data[8] != VERSION:
        raise PeerError("the file was made by a later version of Mesh")
    if data[9] not in tuple(FileKind):
        raise PeerError("the file is of an unknown kind")
    return FileHeader(
        kind=FileKind(data[9]),
        mesh_id=MeshId(data[10:26]),
        made=UnixSeconds(int.from_bytes(data[26:30], "big")),
        records_max=int.from_bytes(data[30:34], "big"),
        bytes_max=int.from_bytes(data[34:42], "big"),
        nonce=data[42:58],
    )


def encode_block(mesh_id: MeshId, kind: BlockKind, number: int, payload: bytes) -> bytes:
    """A block with its marker and checksums."""
    assert len(payload) <= CARRY_BLOCK_BYTES_MAX
    head = MARKER + bytes((kind,)) + number.to_bytes(4, "big") + len(payload).to_bytes(4, "big")
    head += zlib.crc32(head).to_bytes(4, "big")
    return head + payload + _check(mesh_id, head, payload)


def is_block_whole(mesh_id: MeshId, data: bytes) -> bool:
    """Say whether the checksum of a block holds; it is for one mesh."""
    head, payload = data[:BLOCK_HEAD_BYTES], data[BLOCK_HEAD_BYTES:-BLOCK_CHECK_BYTES]
    return _check(mesh_id, head, payload) == data[-BLOCK_CHECK_BYTES:]


def join_records(records: Iterable[Record]) -> bytes:
    """Records as the payload of a block."""
    return b"".join(
        bytes((kind,)) + len(content).to_bytes(4, "big") + content for kind, content in records
    )


def split_records(payload: bytes) -> list[Record]:
    """The records of a block; PeerError if one is cut."""
    records: list[Record] = []
    at = 0
    while at < len(payload):
        start = at + RECORD_HEAD_BYTES
        end = start + int.from_bytes(payload[at + 1 : start], "big")
        if end > len(payload):
            raise PeerError("cut record")
        records.append(Record(payload[at], payload[start:end]))
        at = end
    return records


class CarryWriter:
    """Writes the pieces of one file in their order, and remembers what they hold."""

    def __init__(self, header: FileHeader) -> None:
        self._header = header
        self._blocks_count = 0
        self._end = EndMark(0, 0, 0)
        self.bytes_count = 0

    def begin(self) -> bytes:
        """The header."""
        return self._counted(self._header.encode())

    def block(
        self, kind: BlockKind, payload: bytes, *, envelopes_count: int = 0, stubs_count: int = 0
    ) -> bytes:
        """The next block."""
        self._end = EndMark(
            self._end.envelopes_count + envelopes_count,
            self._end.stubs_count + stubs_count,
            self._end.payload_bytes + len(payload),
        )
        return self._counted(self._block(kind, payload))

    def finish(self) -> bytes:
        """The end mark."""
        return self._counted(self._block(BlockKind.END, self._end.encode()))

    def room_bytes(self, bytes_max: int) -> int:
        """The payload that one more block may have in a file of so many bytes."""
        return max(0, bytes_max - self.bytes_count - BLOCK_OVERHEAD_BYTES - END_BYTES)

    def _block(self, kind: BlockKind, payload: bytes) -> bytes:
        number = self._blocks_count
        self._blocks_count += 1
        return encode_block(self._header.mesh_id, kind, number, payload)

    def _counted(self, piece: bytes) -> bytes:
        self.bytes_count += len(piece)
        return piece


def _check(mesh_id: MeshId, head: bytes, payload: bytes) -> bytes:
    return blake2b(mesh_id, head + payload, b"mesh/carry/block", BLOCK_CHECK_BYTES)
