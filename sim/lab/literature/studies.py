"""The form of a study: experiments that make figures of a seed, beside what was published of them.

A bound is what the figure may be, whatever was published; a figure without one is printed beside
the others and judged by nobody.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import msgspec

from mesh.errors import UserError

SEEDS: Final = (1, 2, 3)

Verdict = Literal["holds", "broken", "beside"]
Published = float | tuple[float, float] | None
"""A figure, the least and the most of several, or nothing."""


@dataclass(frozen=True, slots=True)
class Bound:
    """The bound of a figure: both ends are included, `below` is not."""

    least: float = -math.inf
    most: float = math.inf
    below: float = math.inf
    said: str = ""
    """How a user would say it, where that is shorter than both ends."""

    def is_kept(self, value: float) -> bool:
        """Say whether a figure may be this."""
        return self.least <= value <= self.most and value < self.below

    def words(self, form: str) -> str:
        """For users, with numbers of this form."""
        if self.said:
            return self.said
        if self.below < math.inf:
            return f"< {form.format(self.below)}"
        if self.most == math.inf:
            return f"≥ {form.format(self.least)}"
        if self.least == -math.inf:
            return f"≤ {form.format(self.most)}"
        return span(self.least, self.most, form)


def span(least: float, most: float, form: str) -> str:
    """Both ends in this form, the unit once; one number where they are the same."""
    last = form.format(most)
    return last if least == most else f"{form.partition(' ')[0].format(least)} to {last}"


def exactly(value: float) -> Bound:
    """That, and nothing else."""
    return Bound(value, value)


def near(value: float, *, share: float = 0, margin: float = 0) -> Bound:
    """So much, more or less by a share of it, or else by a margin."""
    off = value * share + margin
    said = f"± {share * 100:g} %" if share else f"± {margin:g}"
    return Bound(value - off, value + off, said=said)


@dataclass(frozen=True, slots=True)
class Golden:
    """A figure: what was published of it, and what ours may be."""

    figure: str
    form: str = "{:,.2f}"
    published: Published = None
    bound: Bound | None = None
    is_of_mean: bool = False
    """Whether the mean of all seeds is held to the bound, and not the figure of each."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """One world of a study, which makes every figure of a seed."""

    name: str
    goldens: tuple[Golden, ...]
    run: Callable[[int], Mapping[str, float]]
    seeds: tuple[int, ...] = SEEDS
    """Where nobody names others. One where nothing is drawn, or where a run takes minutes."""

    is_drawn: bool = True


@dataclass(frozen=True, slots=True)
class Scope:
    """The request for a study; what is not said is as it was published."""

    nodes: tuple[int, ...] = ()
    floors: tuple[int, ...] = ()


Heeded = Literal["nodes", "floors"]


@dataclass(frozen=True, slots=True)
class Study:
    """A published experiment, and how it is repeated."""

    title: str
    cpu: str
    """About how long it takes with the seeds of its own."""

    experiments: Callable[[Scope], list[Experiment]]
    heeds: tuple[Heeded, ...] = ()
    """What it takes of a scope."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One figure of one experiment, of all its seeds."""

    study: str
    experiment: str
    figure: str
    published: Published
    ours: float
    """The median; the mean where that is what the bound is for."""

    least: float
    most: float
    seeds: int
    difference: float | None
    """From the published figure, as a share of it."""

    bound: str
    verdict: Verdict


def rows_of(study: str, experiment: Experiment, found: Sequence[Mapping[str, float]]) -> list[Row]:
    """Return what was found with each seed, held to what is expected; a row for each golden
    figure.
    """
    return [
        _row(study, experiment.name, golden, [one[golden.figure] for one in found])
        for golden in experiment.goldens
    ]


def broken(experiment: Experiment, seeds: Sequence[int] = SEEDS[:1]) -> list[Row]:
    """The figures that an experiment made with these seeds, and that may not be so."""
    found = rows_of("", experiment, [experiment.run(seed) for seed in seeds])
    return [row for row in found if row.verdict == "broken"]


def refuse_sizes(nodes: Sequence[int], published: Sequence[int]) -> None:
    """UserError if sizes are asked for of which nothing was published."""
    others = [size for size in nodes if size not in published]
    if others:
        known = ", ".join(f"{size:,}" for size in published)
        raise UserError("no-figures", f"Published are figures of {known} nodes, not {others[0]:,}.")


def _row(study: str, experiment: str, golden: Golden, values: Sequence[float]) -> Row:
    mean = statistics.fmean(values)
    ours = mean if golden.is_of_mean else statistics.median(values)
    held = [mean] if golden.is_of_mean else values
    verdict: Verdict = "beside"
    if golden.bound is not None:
        verdict = "holds" if all(map(golden.bound.is_kept, held)) else "broken"
    return Row(
        study=study,
        experiment=experiment,
        figure=golden.figure,
        published=golden.published,
        ours=ours,
        least=min(values),
        most=max(values),
        seeds=len(values),
        difference=_difference(ours, golden.published),
        bound="" if golden.bound is None else golden.bound.words(golden.form),
        verdict=verdict,
    )


def _difference(ours: float, published: Published) -> float | None:
    match published:
        case int() | float() if published:
            # Without the sign of a zero.
            return round(ours / published - 1, 4) + 0.0
        case _:
            return None
