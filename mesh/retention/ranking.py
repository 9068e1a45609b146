"""The first of many things by a rank that changes all the time, without sorting them again.

It is told of what may have come nearer to the front (`touch`), and finds out by itself what went
back or is gone: an entry whose rank is no longer true is put right when it reaches the front. So
what happens to the many that are never looked at costs nothing.
"""

from collections.abc import Callable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Final, Generic, TypeVar

_SPARE_ENTRIES: Final = 1_024

T = TypeVar("T")

Rank = tuple[int, bytes]
"""The lowest is first. The bytes settle ties, so that the order never depends on history."""


class Ranking(Generic[T]):
    """Things that have a rank; one without a rank (None) is not in it."""

    def __init__(self, find_rank: Callable[[T], Rank | None]) -> None:
        self._find_rank = find_rank
        self._touched: dict[T, None] = {}
        # The number keeps two entries of one thing from being compared by it.
        self._heap: list[tuple[Rank, int, T]] = []
        self._number = 0
        self._entries_max = _SPARE_ENTRIES

    def touch(self, thing: T) -> None:
        """Something is new, or may have come nearer to the front."""
        self._touched[thing] = None

    def find_first(self) -> T | None:
        """Return what has the lowest rank; None if nothing has any."""
        self._take_touched()
        while self._heap:
            rank, _, thing = self._heap[0]
            true = self._find_rank(thing)
            if true == rank:
                return thing
            if true is None or true < rank:
                # It is gone; or another entry of it stands where it belongs.
                heappop(self._heap)
            else:
                heapreplace(self._heap, self._entry(true, thing))
        return None

    def _take_touched(self) -> None:
        touched, self._touched = self._touched, {}
        for thing in touched:
            rank = self._find_rank(thing)
            if rank is not None:
                heappush(self._heap, self._entry(rank, thing))
        if len(self._heap) > self._entries_max:
            things = dict.fromkeys(thing for _, _, thing in self._heap)
            ranked = [(thing, self._find_rank(thing)) for thing in things]
            self._heap = [self._entry(rank, thing) for thing, rank in ranked if rank is not None]
            heapify(self._heap)
            self._entries_max = 2 * len(self._heap) + _SPARE_ENTRIES

    def _entry(self, rank: Rank, thing: T) -> tuple[Rank, int, T]:
        self._number += 1
        return rank, self._number, thing
