"""The words of two nodes about a file that is not whole.

Implements `docs/protocol/files.md`, section "Wanted and posted". A file is named by the entry in
which it stands and its place among the files there.
"""

from dataclasses import dataclass
from typing import Final

from mesh.errors import PeerError
from mesh.limits.content import FILES_MAX
from mesh.limits.files import CARRIED_BLOCKS_MAX

POSTING_BYTES: Final = 16
_ENTRY_BYTES: Final = 32
_BITS_BYTES: Final = 2
_WANTED_BYTES: Final = _ENTRY_BYTES + 1 + _BITS_BYTES


@dataclass(frozen=True, slots=True)
class FileWanted:
    """Blocks that are missed: bit i of `blocks` is block i."""

    entry: bytes
    place: int
    blocks: int

    def encode(self) -> bytes:
        """The bytes of the control."""
        bits = self.blocks.to_bytes(_BITS_BYTES, "big")
        return self.entry + bytes((self.place,)) + bits


@dataclass(frozen=True, slots=True)
class FilePosted:
    """Blocks that stand on the mesh under another posting."""

    wanted: FileWanted
    posting: bytes

    def encode(self) -> bytes:
        """The bytes of the control."""
        return self.wanted.encode() + self.posting


@dataclass(frozen=True, slots=True)
class FileWhole:
    """Files that somebody has all of: bit i of `places` is the one at place i of an entry."""

    entry: bytes
    places: int

    def encode(self) -> bytes:
        """The bytes of the control."""
        return self.entry + self.places.to_bytes(_BITS_BYTES, "big")


def decode_wanted(data: bytes) -> FileWanted:
    """The blocks that are missed; PeerError on anything else. Bytes behind it are passed over."""
    if len(data) < _WANTED_BYTES:
        raise PeerError("a word about a file is too short")
    place = data[_ENTRY_BYTES]
    blocks = int.from_bytes(data[_ENTRY_BYTES + 1 : _WANTED_BYTES], "big")
    if place >= FILES_MAX or not 0 < blocks < 1 << CARRIED_BLOCKS_MAX:
        raise PeerError("a word about blocks that no file has")
    return FileWanted(data[:_ENTRY_BYTES], place, blocks)


def decode_posted(data: bytes) -> FilePosted:
    """The blocks that were posted again; PeerError on anything else."""
    posting = data[_WANTED_BYTES : _WANTED_BYTES + POSTING_BYTES]
    if len(posting) < POSTING_BYTES:
        raise PeerError("a word about a file is too short")
    return FilePosted(decode_wanted(data), posting)


def decode_whole(data: bytes) -> FileWhole:
    """The files that somebody has; PeerError on anything else."""
    bits = data[_ENTRY_BYTES : _ENTRY_BYTES + _BITS_BYTES]
    if len(bits) < _BITS_BYTES or not any(bits):
        raise PeerError("a word about a file is too short")
    return FileWhole(data[:_ENTRY_BYTES], int.from_bytes(bits, "big"))
