"""Files as blocks under a hash tree.

Implements `docs/protocol/files.md`, section "Blocks". Whoever has the root can check each block by
itself: a block brings its path, the hashes beside it on the way up. A node without a sibling goes
up as it is, so a path has no hash for it.
"""

from collections.abc import Sequence

from mesh.crypto.hashing import blake2b
from mesh.errors import PeerError
from mesh.limits.files import CARRIED_BYTES_MAX, FILE_BLOCK_BYTES

HASH_BYTES = 32


def blocks_count(size: int) -> int:
    """Return the number of blocks of a file; an empty one has one, which is empty."""
    return max(1, -(-size // FILE_BLOCK_BYTES))


def block_bytes(size: int, index: int) -> int:
    """Return the length of a block: all are full but the last."""
    return min(FILE_BLOCK_BYTES, size - index * FILE_BLOCK_BYTES)


def is_carried(size: int) -> bool:
    """Say whether a file may travel as envelopes."""
    return size <= CARRIED_BYTES_MAX


def split_blocks(data: bytes) -> list[bytes]:
    """Return the blocks of a file."""
    return [
        data[index * FILE_BLOCK_BYTES : (index + 1) * FILE_BLOCK_BYTES]
        for index in range(blocks_count(len(data)))
    ]


def leaf_of(index: int, block: bytes) -> bytes:
    """Return the hash of a block at its place."""
    return blake2b(b"", index.to_bytes(4, "big") + block, b"mesh/file/leaf", HASH_BYTES)


def root_of(size: int, leaves: Sequence[bytes]) -> bytes:
    """Return the hash that names a file of this size and these leaves."""
    assert len(leaves) == blocks_count(size)
    level = list(leaves)
    while len(level) > 1:
        level = _above(level)
    return _root(size, level[0])


def path_of(leaves: Sequence[bytes], index: int) -> bytes:
    """Return the hashes beside a leaf on the way to the top, the lowest first."""
    level, path = list(leaves), b""
    while len(level) > 1:
        if index ^ 1 < len(level):
            path += level[index ^ 1]
        level, index = _above(level), index // 2
    return path


class HashTree:
    """All hashes of one file, for who gives many blocks of it: 2 MiB for 2 GiB."""

    def __init__(self, size: int, leaves: bytes) -> None:
        """`leaves`: the hashes of all blocks, one behind the other."""
        assert len(leaves) == blocks_count(size) * HASH_BYTES
        level = [leaves[at : at + HASH_BYTES] for at in range(0, len(leaves), HASH_BYTES)]
        self._levels = [level]
        while len(level) > 1:
            level = _above(level)
            self._levels.append(level)
        self.root = _root(size, level[0])

    def is_block(self, index: int, block: bytes) -> bool:
        """Say whether this is the block at its place, as it was when the tree was made."""
        return leaf_of(index, block) == self._levels[0][index]

    def path(self, index: int) -> bytes:
        """Return the hashes beside a leaf on the way to the top, the lowest first."""
        beside = []
        for level in self._levels[:-1]:
            if index ^ 1 < len(level):
                beside.append(level[index ^ 1])
            index //= 2
        return b"".join(beside)


def path_bytes(size: int, index: int) -> int:
    """Return the length of the path of a block."""
    return HASH_BYTES * sum(index >> at ^ 1 < count for at, count in enumerate(_counts(size)))


class Proofs:
    """Checks the blocks of one file. The way to the top that one block has proved is not hashed
    again for the next: of 16 levels two neighbours share all but two on average.
    """

    def __init__(self, root: bytes, size: int) -> None:
        self._root = root
        self._size = size
        self._counts = _counts(size)
        # Of the last true block: its place, and for each level its hash there and what its path
        # said from there on. Who comes to a place with the same two comes to the same root.
        self._index = 0
        self._proved: list[tuple[bytes, bytes]] = []

    def check(self, index: int, path: bytes, block: bytes) -> None:
        """Raise PeerError unless this is that block of the file."""
        if not 0 <= index < blocks_count(self._size):
            raise PeerError("a block that the file does not have")
        siblings = [index >> level ^ 1 < count for level, count in enumerate(self._counts)]
        if len(block) != block_bytes(self._size, index) or len(path) != HASH_BYTES * sum(siblings):
            raise PeerError("a block of a wrong length")
        meets_at = (index ^ self._index).bit_length()
        here, at = leaf_of(index, block), 0
        proved: list[tuple[bytes, bytes]] = []
        for level, has_sibling in enumerate(siblings):
            if level == meets_at and self._proved[level : level + 1] == [(here, path[at:])]:
                self._index, self._proved[:level] = index, proved
                return
            proved.append((here, path[at:]))
            if has_sibling:
                beside, at = path[at : at + HASH_BYTES], at + HASH_BYTES
                here = _node(beside, here) if index >> level & 1 else _node(here, beside)
        if _root(self._size, here) != self._root:
            raise PeerError("a block that is not of the file")
        self._index, self._proved = index, proved


def check_block(root: bytes, size: int, index: int, path: bytes, block: bytes) -> None:
    """Raise PeerError unless a block is that one of the file with this root and size."""
    Proofs(root, size).check(index, path, block)


def _counts(size: int) -> list[int]:
    """Return how many hashes each level below the top has, the lowest first."""
    counts = []
    count = blocks_count(size)
    while count > 1:
        counts.append(count)
        count = (count + 1) // 2
    return counts


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = [_node(level[at], level[at + 1]) for at in range(0, len(level) - 1, 2)]
    return [*pairs, level[-1]] if len(level) % 2 else pairs


def _node(left: bytes, right: bytes) -> bytes:
    return blake2b(b"", left + right, b"mesh/file/node", HASH_BYTES)


def _root(size: int, top: bytes) -> bytes:
    return blake2b(b"", size.to_bytes(8, "big") + top, b"mesh/file/root", HASH_BYTES)
