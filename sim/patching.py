"""Another function in the place of one while a world runs: for watching, and for planted bugs."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Swap:
    """Another function in the place of one of a module or class."""

    owner: object
    name: str
    other: object


@contextlib.contextmanager
def swapped(*swaps: Swap) -> Iterator[None]:
    """While inside, these functions stand in the places of others."""
    former = [getattr(swap.owner, swap.name) for swap in swaps]
    for swap in swaps:
        setattr(swap.owner, swap.name, swap.other)
    try:
        yield
    finally:
        for swap, one in zip(swaps, former, strict=True):
            setattr(swap.owner, swap.name, one)
