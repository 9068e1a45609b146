"""A file with its tree, for the machines that give and fetch it."""

import hashlib
from dataclasses import dataclass

from mesh.commands.file_places import BlobPlace, DiskPlace
from mesh.content.file_tree import HashTree, leaf_of, split_blocks
from mesh.ids import Instant, LinkId, Monotonic
from mesh.limits.files import FILE_BLOCK_BYTES
from mesh.transfer.fetching import Wanted
from mesh.transfer.giving import Source
from mesh.wire.frames import FileBlock

LINK, OTHER = LinkId(1), LinkId(2)
HANDLE = b"h" * 16


def at(ms: int) -> Instant:
    return Instant(Monotonic(ms * 1_000), 1_790_000_000_000_000 + ms * 1_000)


@dataclass(frozen=True)
class Made:
    """The bytes of one file."""

    data: bytes
    tree: HashTree

    @property
    def blocks(self) -> list[bytes]:
        return split_blocks(self.data)

    @property
    def place(self) -> DiskPlace:
        return DiskPlace(b"/big", len(self.data), 1)

    @property
    def source(self) -> Source:
        return Source(self.place, self.tree)

    def wanted(
        self, number: int = 1, *, blocks: int = 0, handle: bytes = HANDLE, name: bytes = b"n" * 16
    ) -> Wanted:
        place = BlobPlace(name, b"k" * 32, len(self.data))
        return Wanted(number, handle, self.tree.root, len(self.data), place, blocks)

    def frame(self, index: int, handle: bytes = HANDLE) -> FileBlock:
        return FileBlock(handle, index, self.tree.path(index), self.blocks[index])


def made(blocks: int, seed: bytes = b"file") -> Made:
    data = hashlib.shake_128(seed).digest(FILE_BLOCK_BYTES * (blocks - 1) + 100)
    leaves = b"".join(leaf_of(index, block) for index, block in enumerate(split_blocks(data)))
    return Made(data, HashTree(len(data), leaves))
