"""The only source of chance below the shell.

The daemon gives the operating system's generator, the simulator a seeded stream: so the same
seed makes the same keys, nonces and delays.
"""

from typing import Protocol


class Entropy(Protocol):
    """A stream of random bytes, given to the engine at construction."""

    def draw(self, length: int) -> bytes:
        """Return `length` fresh random bytes."""
        ...


def uniform_below(entropy: Entropy, bound: int) -> int:
    """Return an unbiased integer in [0, bound)."""
    assert bound > 0
    width = (bound - 1).bit_length()
    length = (width + 7) // 8
    while True:
        value = int.from_bytes(entropy.draw(length), "big") >> (8 * length - width)
        if value < bound:
            return value
