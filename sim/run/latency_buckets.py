"""Latencies by buckets, so that the record of a run says how they are spread and stays small."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from typing import Final

PER_DOUBLING: Final = 4
"""Buckets between a latency and twice as much: a bound is 19 % above the one before."""

_COUNT: Final = 34 * PER_DOUBLING
"""Up to half a year; what takes longer is in the last one."""

BOUNDS_US: Final = tuple(round(1_000 * 2 ** (n / PER_DOUBLING)) for n in range(_COUNT))
"""The longest latency of each bucket, in microseconds; the first one ends at a millisecond."""


def counts_of(latencies_us: Iterable[int]) -> dict[int, int]:
    """Return how many of these latencies, in microseconds, are in each bucket that has any."""
    last = _COUNT - 1
    counts = Counter(min(last, bisect_left(BOUNDS_US, latency)) for latency in latencies_us)
    return dict(sorted(counts.items()))
