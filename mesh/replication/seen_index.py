"""A sorted set of ids with sums over any range: what range-based reconciliation stands on.

Keys are `created (8 bytes, big-endian) ‖ id (32 bytes)`. They lie in blocks of at most 128; each
block knows the sum of its ids modulo 2^256, and the sums and counts before each block are kept up
to the first block that changed. New mail is created now, so an insertion changes the last blocks
and the rest stays summed: an id costs a few microseconds and about 90 bytes, the sum of a range two
parts of a block.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

CREATED_BYTES: Final = 8
ID_BYTES: Final = 32
KEY_BYTES: Final = CREATED_BYTES + ID_BYTES
BLOCK_KEYS_MAX: Final = 128
_MODULUS_MASK: Final = (1 << 256) - 1


class SeenIndex:
    """Keys in order, each once."""

    def __init__(self, keys: Iterable[bytes] = ()) -> None:
        ordered = sorted(dict.fromkeys(keys))
        half = BLOCK_KEYS_MAX // 2
        self._blocks = [ordered[i : i + half] for i in range(0, len(ordered), half)] or [[]]
        self._firsts = [block[0] if block else b"" for block in self._blocks]
        self._firsts[0] = b""
        self._sums = [_sum_of(block) for block in self._blocks]
        self._counts_before = [0]
        self._sums_before = [0]
        self._count = len(ordered)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, key: bytes) -> bool:
        block = self._blocks[bisect_right(self._firsts, key) - 1]
        place = bisect_left(block, key)
        return place < len(block) and block[place] == key

    def add(self, key: bytes) -> bool:
        """Take a key; False if it is here already."""
        assert len(key) == KEY_BYTES
        number = bisect_right(self._firsts, key) - 1
        block = self._blocks[number]
        place = bisect_left(block, key)
        if place < len(block) and block[place] == key:
            return False
        block.insert(place, key)
        self._count += 1
        self._changed(number, _value_of(key))
        if len(block) > BLOCK_KEYS_MAX:
            self._split(number)
        return True

    def remove(self, key: bytes) -> bool:
        """Forget a key; False if it is not here."""
        number = bisect_right(self._firsts, key) - 1
        block = self._blocks[number]
        place = bisect_left(block, key)
        if place == len(block) or block[place] != key:
            return False
        del block[place]
        self._count -= 1
        self._changed(number, -_value_of(key))
        if not block and number:
            del self._blocks[number], self._firsts[number], self._sums[number]
        return True

    def rank(self, bound: bytes) -> int:
        """Return how many keys stand before a bound: any beginning of a key."""
        number = max(bisect_left(self._firsts, bound) - 1, 0)
        self._sum_up_to(number)
        return self._counts_before[number] + bisect_left(self._blocks[number], bound)

    def key(self, rank: int) -> bytes:
        """The key at a place."""
        assert 0 <= rank < self._count
        number, offset = self._place(rank)
        return self._blocks[number][offset]

    def keys(self, lower: int, upper: int) -> Iterator[bytes]:
        """The keys from a place to before another; the set must not change meanwhile."""
        if lower >= upper:
            return iter(())
        return islice(self._from(lower), upper - lower)

    def sum(self, lower: int, upper: int) -> int:
        """The sum of the ids from a place to before another, as little-endian numbers."""
        return (self.sum_before(upper) - self.sum_before(lower)) & _MODULUS_MASK

    def sum_before(self, rank: int) -> int:
        """The sum of the ids before a place, not yet reduced modulo 2^256."""
        number, offset = self._place(rank)
        block = self._blocks[number]
        before = self._sums_before[number]
        if offset * 2 <= len(block):
            return before + _sum_of(block[:offset])
        return before + self._sums[number] - _sum_of(block[offset:])

    def _from(self, rank: int) -> Iterator[bytes]:
        number, offset = self._place(rank)
        yield from self._blocks[number][offset:]
        for block in self._blocks[number + 1 :]:
            yield from block

    def _place(self, rank: int) -> tuple[int, int]:
        """The block of a place, and where in it; the end is in the last block."""
        self._sum_up_to(len(self._blocks) - 1)
        number = bisect_right(self._counts_before, rank) - 1
        return number, rank - self._counts_before[number]

    def _sum_up_to(self, number: int) -> None:
        """Bring the counts and sums before the blocks up to one of them up to date."""
        counts, sums = self._counts_before, self._sums_before
        for block in range(len(counts) - 1, number):
            counts.append(counts[block] + len(self._blocks[block]))
            sums.append(sums[block] + self._sums[block])

    def _changed(self, number: int, more: int) -> None:
        self._sums[number] += more
        del self._counts_before[number + 1 :]
        del self._sums_before[number + 1 :]

    def _split(self, number: int) -> None:
        block = self._blocks[number]
        half = len(block) // 2
        upper = block[half:]
        del block[half:]
        upper_sum = _sum_of(upper)
        self._sums[number] -= upper_sum
        self._blocks.insert(number + 1, upper)
        self._firsts.insert(number + 1, upper[0])
        self._sums.insert(number + 1, upper_sum)


def _value_of(key: bytes) -> int:
    return int.from_bytes(key[CREATED_BYTES:], "little")


def _sum_of(keys: Iterable[bytes]) -> int:
    return sum(map(_value_of, keys))
