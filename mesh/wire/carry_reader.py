"""Reads carry files and summaries as their bytes come, whatever they are.

Implements `docs/protocol/carry-file.md`, section "Reading". The reader keeps at most one block and
what it was given last. Where something is unreadable it looks for the next marker; each byte is
looked at once, and hashed at most once. The only thing that it raises is a PeerError.
"""

import zlib
from dataclasses import dataclass, field

from mesh.errors import PeerError
from mesh.ids import MeshId
from mesh.limits.carry import CARRY_BLOCK_BYTES_MAX, CARRY_DAMAGE_BYTES_MAX
from mesh.wire.carry_file import (
    BLOCK_CHECK_BYTES,
    BLOCK_HEAD_BYTES,
    BLOCK_OVERHEAD_BYTES,
    HEADER_BYTES,
    MARKER,
    Block,
    BlockKind,
    EndMark,
    FileHeader,
    FileKind,
    decode_file_header,
    is_block_whole,
)


@dataclass(slots=True)
class CarryReader:
    """Reads a file of one kind and mesh, bytes as they come. Give it the end with `finish`.

    `damaged_count` is the number of places where something is unreadable or missing;
    `is_complete` whether the end mark was there and nothing was amiss before it.
    """

    mesh_id: MeshId
    kind: FileKind
    header: FileHeader | None = None
    end: EndMark | None = None
    damaged_count: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _has_begun: bool = False
    _is_in_damage: bool = False
    _damage_bytes: int = 0
    _blocks_count: int = 0

    @property
    def is_complete(self) -> bool:
        """Say whether all of the file was there and readable."""
        return self.end is not None and self.damaged_count == 0

    def feed(self, data: bytes) -> list[Block]:
        """Take more bytes and return the blocks that are whole now, without the end mark.

        PeerError if this is no file for us, or too much of it is unreadable.
        """
        if self.end is not None:
            # What somebody put behind the end is none of the file.
            return []
        self._buffer += data
        if not self._has_begun and not self._begin(is_last=False):
            return []
        return self._take_blocks()

    def finish(self) -> None:
        """The file ends here. PeerError if nothing of it was readable."""
        if not self._has_begun:
            self._begin(is_last=True)
            self._take_blocks()
        if self.header is None and self._blocks_count == 0 and self.end is None:
            raise PeerError("this is no file that Mesh has made")
        if self.end is None:
            self._damage(0)

    def _begin(self, *, is_last: bool) -> bool:
        """Look at the header once it is here; without one, blocks may be readable all the same."""
        if len(self._buffer) < HEADER_BYTES and not is_last:
            return False
        self._has_begun = True
        self.header = decode_file_header(bytes(self._buffer[:HEADER_BYTES]))
        if self.header is None:
            self._damage(0)
            return True
        if self.header.mesh_id != self.mesh_id:
            raise PeerError("the file is of another mesh")
        if self.header.kind != self.kind:
            is_summary = self.header.kind is FileKind.SUMMARY
            raise PeerError(
                "the file is a summary and holds no mail"
                if is_summary
                else "the file holds mail and is no summary"
            )
        del self._buffer[:HEADER_BYTES]
        return True

    def _take_blocks(self) -> list[Block]:
        blocks: list[Block] = []
        at = 0
        while self.end is None:
            start = self._buffer.find(MARKER, at)
            if start < 0:
                # A marker may begin in the last three bytes.
                start = max(at, len(self._buffer) - len(MARKER) + 1)
                self._skip(start - at)
                at = start
                break
            self._skip(start - at)
            at = start
            length = self._block_bytes(at)
            if length is None:
                break
            if length == 0:
                self._skip(1)
                at += 1
                continue
            self._take_block(bytes(self._buffer[at : at + length]), blocks)
            at += length
        del self._buffer[:at]
        return blocks

    def _block_bytes(self, at: int) -> int | None:
        """The length of the block at a marker: None if it is not all here, 0 if it is none."""
        head = bytes(self._buffer[at : at + BLOCK_HEAD_BYTES])
        if len(head) < BLOCK_HEAD_BYTES:
            return None
        payload_bytes = int.from_bytes(head[9:13], "big")
        is_whole = zlib.crc32(head[:13]) == int.from_bytes(head[13:], "big")
        if not is_whole or payload_bytes > CARRY_BLOCK_BYTES_MAX:
            return 0
        length = BLOCK_OVERHEAD_BYTES + payload_bytes
        return length if len(self._buffer) >= at + length else None

    def _take_block(self, data: bytes, blocks: list[Block]) -> None:
        if not is_block_whole(self.mesh_id, data):
            # Its head is whole and says where it ends: nothing inside is looked at again, or a
            # file of overlapping heads would be hashed over and over.
            self._skip(len(data))
            return
        kind, number = data[4], int.from_bytes(data[5:9], "big")
        payload = data[BLOCK_HEAD_BYTES:-BLOCK_CHECK_BYTES]
        if number != self._blocks_count and not self._is_in_damage:
            self._damage(0)
        self._is_in_damage = False
        self._blocks_count = number + 1
        if kind == BlockKind.END:
            self.end = EndMark.decode(payload)
        else:
            blocks.append(Block(kind, number, payload))

    def _skip(self, count: int) -> None:
        if count > 0:
            self._damage(count)

    def _damage(self, count: int) -> None:
        if not self._is_in_damage:
            self._is_in_damage = True
            self.damaged_count += 1
        self._damage_bytes += count
        if self._damage_bytes > CARRY_DAMAGE_BYTES_MAX:
            raise PeerError("too much of the file is unreadable")
