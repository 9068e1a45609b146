"""Delta debugging: from things that are enough together to those of them that matter.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def ddmin(
    items: Sequence[Item], is_enough: Callable[[list[Item]], bool], *, parts_max: int | None = None
) -> list[Item]:
    """A part of `items` that is enough, of which no single item can be left out.

    `is_enough(list(items))` must hold. The complement of each part is tried, with parts that grow
    finer; so of n items of which k matter, about k log n are tried. Where most of many matter that
    is all of them, twice; with `parts_max` no more parts are made than that, and what is left may
    hold some that do not matter.
    """
    rest = list(items)
    parts_count = 2
    if rest and is_enough([]):
        return []
    while len(rest) >= 2:
        size = -(-len(rest) // parts_count)
        for start in range(0, len(rest), size):
            without = rest[:start] + rest[start + size :]
            if without and is_enough(without):
                rest = without
                parts_count = max(2, parts_count - 1)
                break
        else:
            finest = len(rest) if parts_max is None else min(len(rest), parts_max)
            if parts_count >= finest:
                return rest
            parts_count = min(finest, 2 * parts_count)
    return rest


def trim(items: Sequence[Item], is_enough: Callable[[list[Item]], bool]) -> list[Item]:
    """Return what is left when the end, then the beginning is cut off as far as halving finds.

    `is_enough(list(items))` must hold. About 2 log n are tried, also where most of them matter.
    """
    rest = list(items)
    rest = rest[: _smallest(len(rest), lambda count: is_enough(rest[:count]))]
    return rest[len(rest) - _smallest(len(rest), lambda count: is_enough(rest[-count:])) :]


def _smallest(count: int, is_enough: Callable[[int], bool]) -> int:
    """A count that is enough, one less than which is not, if more is never worse."""
    too_few = 0
    while count - too_few > 1:
        middle = (too_few + count) // 2
        if is_enough(middle):
            count = middle
        else:
            too_few = middle
    return count
