"""The comparison of two sets of runs: differences of means with confidence intervals.

Runs of the same scenario, settings and seed are pairs, and what differs within the pairs is what
the change did: the spread among seeds falls out. The interval is a percentile bootstrap over pairs
(Efron and Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 13 and 16), drawn from a
fixed seed, so that the same logs give the same verdict.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from sim.kernel.entropy import Chance
from sim.run.report import Report
from sim.sweeps.records import Record

RESAMPLES_COUNT: Final = 2_000
CONFIDENCE: Final = 0.95

PairKey = tuple[str, int, str | None, bool]


@dataclass(frozen=True, slots=True)
class Metric:
    """Something that is told of a run. `lower_is_better` says which way is a regression."""

    name: str
    of: Callable[[Record], float | None]
    lower_is_better: bool = True
    tolerance: float = 0.0
    """A share of the base's mean below which a difference is none."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The result for one metric. `low` and `high` bound the mean difference, head less base."""

    metric: Metric
    pairs_count: int
    base: float
    head: float
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """The difference as a share of the base; None where the base is nothing."""
        return (self.head - self.base) / self.base if self.base else None

    @property
    def is_regression(self) -> bool:
        """Say whether the whole interval lies on the bad side, beyond the tolerance."""
        margin = abs(self.base) * self.metric.tolerance
        if self.metric.lower_is_better:
            return self.low > margin
        return self.high < -margin


def _of_report(value: Callable[[Report], float]) -> Callable[[Record], float | None]:
    return lambda record: None if record.report is None else value(record.report)


def _delivered(report: Report) -> float:
    written = report.messages_written
    return report.messages_delivered / written if written else 1.0


def _p99(report: Report) -> float:
    return max((latency.p99_ms for latency in report.latency.values()), default=0.0)


METRICS: Final = (
    Metric("verdict: share that passed", lambda r: float(r.verdict == "pass"), False),
    Metric("delivered share", _of_report(_delivered), False),
    Metric("latency p99, ms", _of_report(_p99), tolerance=0.02),
    Metric("copies per delivery", _of_report(lambda r: r.copies_per_delivery), tolerance=0.01),
    Metric("bytes sent", _of_report(lambda r: float(r.bytes_sent)), tolerance=0.01),
    Metric("frames sent", _of_report(lambda r: float(r.frames_sent)), tolerance=0.01),
    Metric("events", _of_report(lambda r: float(r.events)), tolerance=0.05),
)


def compare(
    base: Sequence[Record], head: Sequence[Record], metrics: Sequence[Metric] = METRICS
) -> list[Difference]:
    """The difference of each metric over the runs that both have."""
    left = {_pair_key(record): record for record in base}
    right = {_pair_key(record): record for record in head}
    both = [key for key in left if key in right]
    found: list[Difference] = []
    for metric in metrics:
        pairs: list[tuple[float, float]] = []
        for key in both:
            one, other = metric.of(left[key]), metric.of(right[key])
            if one is not None and other is not None:
                pairs.append((one, other))
        if pairs:
            found.append(_difference(metric, pairs))
    return found


def _difference(metric: Metric, pairs: Sequence[tuple[float, float]]) -> Difference:
    count = len(pairs)
    differences = [other - one for one, other in pairs]
    chance = Chance(0, "bootstrap", metric.name)
    means = sorted(
        sum(differences[chance.below(count)] for _ in range(count)) / count
        for _ in range(RESAMPLES_COUNT)
    )
    tail = round(RESAMPLES_COUNT * (1 - CONFIDENCE) / 2)
    return Difference(
        metric=metric,
        pairs_count=count,
        base=sum(one for one, _ in pairs) / count,
        head=sum(other for _, other in pairs) / count,
        low=means[tail],
        high=means[-1 - tail],
    )


def _pair_key(record: Record) -> PairKey:
    """Return what a run of the one and a run of the other have alike: all but the commit."""
    return (record.scenario_hash, record.seed, record.bug, record.is_crypto_real)
