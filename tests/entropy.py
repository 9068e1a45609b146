"""Sources of chance for tests: one that follows a list, one that grows from a seed."""

import hashlib
from collections.abc import Sequence


class ListedEntropy:
    """Hands out the given draws in order, and insists on their lengths."""

    def __init__(self, draws: Sequence[bytes]) -> None:
        self._draws = list(draws)

    def draw(self, length: int) -> bytes:
        """The next of the list."""
        drawn = self._draws.pop(0)
        assert len(drawn) == length
        return drawn

    @property
    def is_used_up(self) -> bool:
        """Say whether all draws were asked for."""
        return not self._draws


class SeededEntropy:
    """A stream of bytes that is the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._draws_count = 0

    def draw(self, length: int) -> bytes:
        """The next bytes of the stream."""
        self._draws_count += 1
        return hashlib.shake_128(f"{self._seed}/{self._draws_count}".encode()).digest(length)
