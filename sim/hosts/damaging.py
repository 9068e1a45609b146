"""Damage to the files of a database whose node is stopped: what disks do to what they keep.

Each damage is drawn from a seed. Two versions of a file are given: a write that was torn, or that
went elsewhere, leaves pages of the former one.
"""

from collections.abc import Callable, Mapping
from typing import Final

from sim.kernel.entropy import Chance

PAGE_BYTES: Final = 4096
SECTOR_BYTES: Final = 512


def _decayed(former: bytes, latter: bytes, chance: Chance) -> bytes:
    """A few bits have flipped."""
    damaged = bytearray(latter)
    for _ in range(1 + chance.below(8)):
        damaged[chance.below(len(damaged))] ^= 1 << chance.below(8)
    return bytes(damaged)


def _torn(former: bytes, latter: bytes, chance: Chance) -> bytes:
    """The power failed while a page was written: some of its sectors are those of before."""
    page = chance.pick(_changed_pages(former, latter))
    start, end = page * PAGE_BYTES, (page + 1) * PAGE_BYTES
    cut = start + SECTOR_BYTES * (1 + chance.below(PAGE_BYTES // SECTOR_BYTES - 1))
    if former[cut:end] == latter[cut:end] or former[start:cut] == latter[start:cut]:
        return _decayed(former, latter, chance)
    return latter[:cut] + former[cut:end] + latter[end:]


def _misdirected(former: bytes, latter: bytes, chance: Chance) -> bytes:
    """A page was written over another one."""
    page = chance.pick(_changed_pages(former, latter))
    others = [number for number in range(len(latter) // PAGE_BYTES) if number != page]
    damaged = bytearray(latter)
    _put(damaged, chance.pick(others), _page(latter, page))
    return bytes(damaged)


def _emptied(former: bytes, latter: bytes, chance: Chance) -> bytes:
    """A block reads as zeros."""
    damaged = bytearray(latter)
    _put(damaged, chance.below(len(latter) // PAGE_BYTES), bytes(PAGE_BYTES))
    return bytes(damaged)


def _cut_short(former: bytes, latter: bytes, chance: Chance) -> bytes:
    """The end of the file is gone, by pages or anywhere; an empty one is for the profile."""
    if chance.is_true(0.5):
        return latter[: chance.between(16, len(latter) - 1)]
    return latter[: PAGE_BYTES * chance.between(1, len(latter) // PAGE_BYTES - 1)]


DAMAGES: Final[Mapping[str, Callable[[bytes, bytes, Chance], bytes]]] = {
    "decayed": _decayed,
    "torn": _torn,
    "misdirected": _misdirected,
    "emptied": _emptied,
    "cut-short": _cut_short,
}


def lost_write(former: bytes, latter: bytes, chance: Chance) -> bytes:
    """A page was never written: it is whole, and that of before."""
    page = chance.pick(_changed_pages(former, latter))
    damaged = bytearray(latter)
    _put(damaged, page, _page(former, page))
    return bytes(damaged)


def _changed_pages(former: bytes, latter: bytes) -> list[int]:
    """The pages that both have, and that are not the same in both."""
    count = min(len(former), len(latter)) // PAGE_BYTES
    return [number for number in range(count) if _page(former, number) != _page(latter, number)]


def _page(content: bytes, number: int) -> bytes:
    return content[number * PAGE_BYTES : (number + 1) * PAGE_BYTES]


def _put(content: bytearray, number: int, page: bytes) -> None:
    content[number * PAGE_BYTES : (number + 1) * PAGE_BYTES] = page
