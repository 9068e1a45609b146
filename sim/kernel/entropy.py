"""All chance of a simulation, from one seed.

Each consumer has a stream of its own, named by words: topology, workload, faults, every node.
So one more node, or one fault less, does not shift what the others draw. Nothing here depends on
the version of Python: bytes come from SHAKE-128, numbers from `random.Random.random`, whose
stream is promised to stay.
"""

import hashlib
import math
import random
from collections.abc import Sequence
from typing import Final, TypeVar

BLOCK_BYTES: Final = 4_096
"""Bytes made at once: a node draws 12 to 64 at a time, and a hash call costs as much as 1 KiB."""

Item = TypeVar("Item")


def _key(seed: int, names: Sequence[str | int]) -> bytes:
    return "/".join(("sim", str(seed), *map(str, names))).encode()


class SeededEntropy:
    """The entropy of one simulated node: a stream of bytes that its seed and name decide."""

    def __init__(self, seed: int, *names: str | int) -> None:
        self._key = _key(seed, names)
        self._blocks_count = 0
        self._block = b""
        self._used = 0

    def draw(self, length: int) -> bytes:
        """Return the next `length` bytes."""
        end = self._used + length
        if end > len(self._block):
            self._block = self._block[self._used :] + self._next_bytes(length)
            self._used, end = 0, length
        drawn = self._block[self._used : end]
        self._used = end
        return drawn

    def _next_bytes(self, length: int) -> bytes:
        self._blocks_count += 1
        block = hashlib.shake_128(self._key + b"#%d" % self._blocks_count)
        return block.digest(max(BLOCK_BYTES, length))


class Chance:
    """Numbers drawn from a named stream."""

    def __init__(self, seed: int, *names: str | int) -> None:
        digest = hashlib.blake2b(_key(seed, names), digest_size=16).digest()
        self._random = random.Random(int.from_bytes(digest, "big"))

    def fraction(self) -> float:
        """A number in [0, 1)."""
        return self._random.random()

    def is_true(self, share: float) -> bool:
        """True in `share` of the cases; draws even where the answer is plain."""
        return self._random.random() < share

    def below(self, bound: int) -> int:
        """An integer in [0, bound), for bounds far below 2^53."""
        return int(self._random.random() * bound)

    def between(self, lowest: int, highest: int) -> int:
        """An integer in [lowest, highest]."""
        return lowest + self.below(highest - lowest + 1)

    def exponential(self, mean: float) -> int:
        """An integer near a draw of the exponential distribution, never negative."""
        return round(-mean * math.log(1 - self._random.random()))

    def pick(self, items: Sequence[Item]) -> Item:
        """One of them."""
        return items[self.below(len(items))]

    def shuffle(self, items: list[Item]) -> None:
        """Put them into a drawn order (Fisher and Yates)."""
        for last in range(len(items) - 1, 0, -1):
            other = self.below(last + 1)
            items[last], items[other] = items[other], items[last]


class Draws:
    """Numbers that hang on what they are for and not on what was drawn before.

    Where many things draw and one of them may be left out (a fault that was taken away), no
    stream in order would leave the others as they were.
    """

    def __init__(self, seed: int, *names: str | int) -> None:
        digest = hashlib.blake2b(_key(seed, names), digest_size=8).digest()
        self._start = int.from_bytes(digest, "big")

    def fraction(self, *about: int) -> float:
        """A number in [0, 1), the same whenever it is asked about the same."""
        mixed = self._start
        for number in about:
            mixed = mix(mixed + (number + 1) * _ODD)
        return (mixed >> 11) * 2.0**-53

    def below(self, bound: int, *about: int) -> int:
        """An integer in [0, bound)."""
        return int(self.fraction(*about) * bound)

    def between(self, lowest: int, highest: int, *about: int) -> int:
        """An integer in [lowest, highest]."""
        return lowest + self.below(highest - lowest + 1, *about)


_MASK: Final = (1 << 64) - 1
_ODD: Final = 0x9E3779B97F4A7C15


def mix(number: int) -> int:
    """64 bits in which each bit of the number counts (the finish of SplitMix64)."""
    number &= _MASK
    number = ((number ^ (number >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    number = ((number ^ (number >> 27)) * 0x94D049BB133111EB) & _MASK
    return number ^ (number >> 31)
