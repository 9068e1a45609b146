"""Delta debugging: from things that are enough together to those of them that matter.

Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", IEEE TSE 28(2), 2002.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

Item = TypeVar("Item")


def ddmin(items: Sequence[Item], is_enough: Callable[[list[Item]], bool]) -> list[Item]:
    """A part of `items` that is enough, of which no single item can be left out.

    `is_enough(list(items))` must hold. The complement of each part is tried, with parts that grow
    finer; so of n items of which k matter, about k log n are tried.
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
            if parts_count >= len(rest):
                return rest
            parts_count = min(len(rest), 2 * parts_count)
    return rest
