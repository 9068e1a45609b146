"""Cuts: which entries of an author somebody had when he removed or lowered him.

Implements `docs/protocol/groups.md`, section "Cuts". An entry is covered if its number is below
that of its run, and in none of the holes. Holes matter: who sees his fall coming would else skip
numbers and fill them afterwards.
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import msgspec

from mesh.content.fields import U32, InvalidContentError
from mesh.limits.groups import HAD_HOLES_MAX, HAD_RUNS_MAX

_NUMBERS_END = 1 << 32


class Hole(msgspec.Struct, frozen=True, array_like=True):
    """Numbers of a run that are not there."""

    start: U32
    count: Annotated[int, msgspec.Meta(ge=1, le=_NUMBERS_END)]

    @property
    def end(self) -> int:
        """The first number behind it."""
        return self.start + self.count


class RunHad(msgspec.Struct, frozen=True, array_like=True):
    """The entries that are had of one run: numbers below, but for those in holes."""

    run: U32
    below: Annotated[int, msgspec.Meta(ge=0, le=_NUMBERS_END)]
    holes: Annotated[tuple[Hole, ...], msgspec.Meta(max_length=HAD_HOLES_MAX)] = ()

    def has(self, number: int) -> bool:
        """Say whether the entry of a number is had."""
        at = bisect_left(self.holes, number + 1, key=lambda hole: hole.start)
        return number < self.below and not (at and number < self.holes[at - 1].end)

    def spans(self) -> list[tuple[int, int]]:
        """Return what is had as ascending spans (first, end)."""
        starts = [0, *(hole.end for hole in self.holes)]
        ends = [*(hole.start for hole in self.holes), self.below]
        return [(start, end) for start, end in zip(starts, ends, strict=True) if start < end]


Had = Annotated[tuple[RunHad, ...], msgspec.Meta(max_length=HAD_RUNS_MAX)]


@dataclass(frozen=True, slots=True)
class KnownEntry:
    """An entry of an author as a cut sees it. Times are in milliseconds since 1970 (UTC)."""

    run: int
    number: int
    claimed_ms: int
    """By the author's clock."""

    received_ms: int
    """By ours."""


def check_had(had: Sequence[RunHad]) -> None:
    """Raise InvalidContentError unless runs differ, and holes ascend, lie apart and below."""
    if len({run.run for run in had}) != len(had):
        raise InvalidContentError("a run stands there twice")
    for run in had:
        at = 0
        for hole in run.holes:
            if hole.start < at or hole.end > run.below:
                raise InvalidContentError("holes out of order")
            at = hole.end


def is_covered(had: Sequence[RunHad], run: int, number: int) -> bool:
    """Say whether a cut covers the entry of a run and number.

    Where two entries bear both, neither is covered, which the caller knows.
    """
    return any(each.run == run and each.has(number) for each in had)


def had_of(runs: Mapping[int, Iterable[int]]) -> tuple[RunHad, ...]:
    """Return the cut of these numbers of each run. Runs stand in the order in which they were
    written in, the last first; numbers ascend.
    """
    return tuple(
        _bounded(run, _spans_of(numbers)) for run, numbers in list(runs.items())[:HAD_RUNS_MAX]
    )


def had_since(entries: Iterable[KnownEntry], since_ms: int) -> tuple[RunHad, ...]:
    """Return the cut of these entries that ends, in each run, with the first one that claims to be
    of `since_ms` or later, or came then or later.
    """
    newest_first = sorted(entries, key=lambda entry: (-entry.received_ms, entry.run, entry.number))
    numbers: dict[int, dict[int, bool]] = {}
    for entry in newest_first:
        is_late = entry.claimed_ms >= since_ms or entry.received_ms >= since_ms
        of_run = numbers.setdefault(entry.run, {})
        of_run[entry.number] = is_late or of_run.get(entry.number, False)
    kept: dict[int, list[int]] = {}
    for run, of_run in numbers.items():
        end = min((each for each, is_late in of_run.items() if is_late), default=_NUMBERS_END)
        kept[run] = sorted(number for number in of_run if number < end)
    return had_of(kept)


def joined(one: Sequence[RunHad], other: Sequence[RunHad]) -> tuple[RunHad, ...]:
    """Return, for each run, the more of two cuts: what either covers."""
    runs = {run.run: run for run in one}
    for run in other:
        beside = runs.get(run.run)
        if beside is not None:
            merged = _merged([*beside.spans(), *run.spans()])
            runs[run.run] = _bounded(run.run, merged)
        else:
            runs[run.run] = run
    return tuple(list(runs.values())[:HAD_RUNS_MAX])


def shared(one: Sequence[RunHad], other: Sequence[RunHad]) -> tuple[RunHad, ...]:
    """Return what both of two cuts cover."""
    runs = {run.run: run.spans() for run in other}
    return tuple(
        _bounded(run.run, spans)
        for run in one
        if (spans := _overlaps(run.spans(), runs.get(run.run, [])))
    )


def lacks(one: Sequence[RunHad], other: Sequence[RunHad]) -> bool:
    """Say whether a cut covers something that another one does not."""
    runs = {run.run: run.spans() for run in other}
    return any(
        _merged([*runs.get(run.run, []), *run.spans()]) != runs.get(run.run, []) for run in one
    )


def _spans_of(numbers: Iterable[int]) -> list[tuple[int, int]]:
    spans = []
    for _, group in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        found = [number for _, number in group]
        spans.append((found[0], found[-1] + 1))
    return spans


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _overlaps(
    one: Sequence[tuple[int, int]], other: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    pairs = [(max(a, c), min(b, d)) for a, b in one for c, d in other]
    return sorted((start, end) for start, end in pairs if start < end)


def _bounded(run: int, spans: list[tuple[int, int]]) -> RunHad:
    """Return a run with as many spans as its holes allow, the lowest first."""
    holes: list[Hole] = []
    at = 0
    for start, end in spans:
        if start > at:
            if len(holes) == HAD_HOLES_MAX:
                break
            holes.append(Hole(at, start - at))
        at = end
    return RunHad(run, at, tuple(holes))
