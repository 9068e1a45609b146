"""Registers: whatever can change has one, and all replicas show the same value of it.

Implements `docs/protocol/entries.md`, section "Registers". All three rules are functions of the set
of values, so any order of arrival shows the same. Something is always shown where there is a
value: an id is a hash over `over`, so no author's own values name each other in a circle.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from mesh.content.entry import EntryId
from mesh.ids import VerifyKey
from mesh.limits.content import OVER_MAX

ValueT = TypeVar("ValueT")


@dataclass(frozen=True, slots=True)
class Value(Generic[ValueT]):
    """One change of a register that counts."""

    id: EntryId
    author: VerifyKey
    clock: int
    over: tuple[EntryId, ...]
    value: ValueT

    @property
    def rank(self) -> tuple[int, EntryId]:
        """The order of values: the greater is the later one."""
        return self.clock, self.id


@dataclass(frozen=True, slots=True)
class Folded(Generic[ValueT]):
    """The value that a register shows, and those that stand beside it: the greatest first."""

    shown: Value[ValueT]
    others: tuple[Value[ValueT], ...]


def last_words(values: Iterable[Value[ValueT]]) -> dict[VerifyKey, Value[ValueT]]:
    """Return the value of each author that counts: the greatest that none of his own names."""
    of: dict[VerifyKey, list[Value[ValueT]]] = {}
    for value in values:
        of.setdefault(value.author, []).append(value)
    return {
        author: max(_not_named(mine, mine), key=lambda value: value.rank)
        for author, mine in of.items()
    }


def fold(values: Iterable[Value[ValueT]]) -> Folded[ValueT] | None:
    """Return what is shown of all values that count, and what else stands; None without any."""
    everything = list(values)
    words = list(last_words(everything).values())
    if not words:
        return None
    standing = _not_named(words, everything) or [max(words, key=lambda value: value.rank)]
    first, *others = sorted(standing, key=lambda value: value.rank, reverse=True)
    return Folded(first, tuple(others))


def overs_to_write(
    values: Iterable[Value[ValueT]],
    author: VerifyKey,
    write: Callable[[tuple[EntryId, ...]], EntryId],
) -> list[EntryId]:
    """Write the entries that set a register with one press; return their ids in order.

    `write` makes the entry that replaces these. First of one's own, then of what stands: whoever
    has seen all of it sets it, whatever clocks lie in it. Each further entry names the one before.
    """
    everything = list(values)
    mine = _not_named(own, own) if (own := [v for v in everything if v.author == author]) else []
    folded = fold(everything)
    standing = () if folded is None else (folded.shown, *folded.others)
    mine = sorted(mine, key=lambda value: value.rank, reverse=True)
    wanted = list(dict.fromkeys(value.id for value in (*mine, *standing)))
    written = [write(tuple(wanted[:OVER_MAX]))]
    for start in range(OVER_MAX, len(wanted), OVER_MAX - 1):
        written.append(write((written[-1], *wanted[start : start + OVER_MAX - 1])))
    return written


def _not_named(values: Sequence[Value[ValueT]], by: Iterable[Value[ValueT]]) -> list[Value[ValueT]]:
    named = {id_: None for value in by for id_ in value.over}
    return [value for value in values if value.id not in named]
