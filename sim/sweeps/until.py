"""Runs until a mean is sure enough: each setting gets more seeds until its interval is narrow.

The interval is Student's, of 95 %. It is looked at after the first runs and after each batch that
follows, never within one, and seeds are taken in their order. So what is run depends on what came
of it alone, and not on how many run at once, and a sweep that is started again decides the same.

A rule that stops when the interval is narrow stops a little too often where the spread looks small
by chance: such intervals hold the true mean in somewhat fewer than 95 of 100 sweeps, and a figure
that did not vary at all in the first runs counts as sure (Law, "Simulation Modeling and Analysis",
section 9.4.1, on procedures of relative precision). The first runs are there to keep that small.
"""

import itertools
import math
import re
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from mesh.errors import UserError
from sim.sweeps.comparing import METRICS, Metric
from sim.sweeps.figures import by_setting
from sim.sweeps.points import Point
from sim.sweeps.records import Record

RUNS_FIRST: Final = 10
"""So many runs a setting has before anybody looks; with fewer a spread is hardly known."""

BATCH_RUNS: Final = 10

NORMAL_QUANTILE: Final = statistics.NormalDist().inv_cdf(0.975)


@dataclass(frozen=True, slots=True)
class Goal:
    """A half-width that is wanted of a metric; `is_share`: of the mean, as a share of it."""

    metric: Metric
    half_width: float
    is_share: bool

    def wanted(self, mean: float) -> float:
        """Return the half-width that is narrow enough with this mean."""
        return abs(mean) * self.half_width if self.is_share else self.half_width


class Sureness(msgspec.Struct, frozen=True, kw_only=True):
    """The sureness of a setting's mean. With fewer than `RUNS_FIRST` runs there is no half-width,
    and without any there is no mean.
    """

    setting: str
    metric: str
    runs: int
    mean: float | None
    half_width: float | None
    wanted: float | None
    is_reached: bool


def parse_goal(text: str) -> Goal:
    """Read `bytes-sent=5%` or `latency-p99-ms=20`; UserError says what is wrong."""
    name, is_there, width = text.partition("=")
    metrics = {_slug(metric.name): metric for metric in METRICS}
    if name not in metrics:
        raise UserError(
            "bad-goal", f"There is no metric {name!r}. There are: {', '.join(metrics)}."
        )
    is_share = width.endswith("%")
    try:
        half_width = float(width.removesuffix("%")) / (100 if is_share else 1)
    except ValueError:
        half_width = math.nan
    if not (is_there and 0 < half_width < math.inf):
        raise UserError("bad-goal", f"{text!r} is not a half-width such as {name}=5%.")
    return Goal(metrics[name], half_width, is_share)


def sweep_until(
    points: Sequence[Point],
    goals: Sequence[Goal],
    sweep_some: Callable[[Sequence[Point], Sequence[Record]], list[Record]],
) -> list[Record]:
    """Run the points of each setting in their order until all goals are reached, or all were run.

    `sweep_some` is given points and what was run before; where it returns fewer, the sweep ends.
    """
    waiting = [list(group) for _, group in itertools.groupby(points, lambda point: point.settings)]
    ran: list[list[Record]] = [[] for _ in waiting]
    unsure = [place for place, group in enumerate(waiting) if group]
    while unsure:
        batch: list[Point] = []
        shares: dict[int, int] = {}
        for place in unsure:
            count = BATCH_RUNS if ran[place] else RUNS_FIRST
            taken, waiting[place] = waiting[place][:count], waiting[place][count:]
            shares[place] = len(taken)
            batch += taken
        records = sweep_some(batch, list(itertools.chain(*ran)))
        if len(records) < len(batch):
            return [*itertools.chain(*ran), *records]
        rest = iter(records)
        for place, count in shares.items():
            ran[place] += itertools.islice(rest, count)
        unsure = [
            place
            for place in unsure
            if waiting[place]
            and not all(_sureness("", goal, ran[place]).is_reached for goal in goals)
        ]
    return list(itertools.chain(*ran))


def sureness_of(records: Sequence[Record], goals: Sequence[Goal]) -> list[Sureness]:
    """Return how sure the mean of each goal's metric is, by setting."""
    return [
        _sureness(setting, goal, runs)
        for setting, runs in by_setting(records).items()
        for goal in goals
    ]


def half_width_of(values: Sequence[float]) -> float:
    """Return half of the interval of 95 % of the mean of two or more values."""
    spread = statistics.stdev(values) / math.sqrt(len(values))
    return _student_quantile(len(values) - 1) * spread


def _sureness(setting: str, goal: Goal, runs: Sequence[Record]) -> Sureness:
    told = [goal.metric.of(run) for run in runs if run.verdict != "dead"]
    values = [value for value in told if value is not None]
    mean = half_width = wanted = None
    is_reached = False
    if values:
        mean = statistics.fmean(values)
        wanted = goal.wanted(mean)
    if wanted is not None and len(values) >= RUNS_FIRST:
        half_width = half_width_of(values)
        is_reached = half_width <= wanted
    return Sureness(
        setting=setting,
        metric=goal.metric.name,
        runs=len(values),
        mean=mean,
        half_width=half_width,
        wanted=wanted,
        is_reached=is_reached,
    )


def _student_quantile(freedom: int) -> float:
    """Return the quantile 0.975 of Student's distribution (Abramowitz and Stegun, 26.7.5)."""
    z = NORMAL_QUANTILE
    return (
        z
        + (z**3 + z) / (4 * freedom)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * freedom**3)
    )


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
