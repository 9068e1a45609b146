"""Laws of delay: how long things take, each as the inverse of its distribution.

A law maps a fraction, drawn evenly from [0, 1), to a time: so one draw makes one delay, whatever
the law, and another law for the same draw keeps all other draws as they were.
"""

from math import exp, log
from statistics import NormalDist
from typing import Annotated, Final, assert_never

import msgspec

from sim.schema.fault_tables import Positive, Seconds, Strict

DELAY_US_MAX: Final = 600_000_000
"""Laws have tails; beyond ten minutes a delay is a cut, and there are tables for those."""

FRACTION_LEAST: Final = 1e-12
"""The quantile of nought is without end for some laws."""

_NORMAL: Final = NormalDist()


class Constant(Strict, frozen=True, kw_only=True, tag_field="law", tag="constant"):
    """Always the same."""

    ms: Seconds


class Uniform(Strict, frozen=True, kw_only=True, tag_field="law", tag="uniform"):
    """Anything between two bounds."""

    ms: tuple[Seconds, Seconds]


class Exponential(Strict, frozen=True, kw_only=True, tag_field="law", tag="exponential"):
    """At least so long, and then as waiting for something that may come at any time."""

    mean_ms: Positive
    least_ms: Seconds = 0


class LogNormal(Strict, frozen=True, kw_only=True, tag_field="law", tag="log-normal"):
    """Half of them are below the median; `sigma` says how long the tail is."""

    median_ms: Positive
    sigma: Positive


class Empirical(Strict, frozen=True, kw_only=True, tag_field="law", tag="empirical"):
    """As measured: delays in order, each standing for an equal share, and what lies between."""

    ms: Annotated[tuple[Seconds, ...], msgspec.Meta(min_length=2)]


DelayLaw = Constant | Uniform | Exponential | LogNormal | Empirical


def delay_us(law: DelayLaw, fraction: float) -> int:
    """The delay at this quantile, in microseconds."""
    return min(DELAY_US_MAX, round(_ms(law, fraction) * 1_000))


def _ms(law: DelayLaw, fraction: float) -> float:
    match law:
        case Constant(ms=ms):
            return ms
        case Uniform(ms=(least, most)):
            return least + fraction * (most - least)
        case Exponential(mean_ms=mean_ms, least_ms=least_ms):
            return least_ms - mean_ms * log(1 - fraction)
        case LogNormal(median_ms=median_ms, sigma=sigma):
            quantile = _NORMAL.inv_cdf(max(FRACTION_LEAST, fraction))
            return median_ms * exp(min(50, sigma * quantile))
        case Empirical(ms=measured):
            ordered = sorted(measured)
            place = fraction * (len(ordered) - 1)
            below = int(place)
            above = min(below + 1, len(ordered) - 1)
            return ordered[below] + (place - below) * (ordered[above] - ordered[below])
        case _:
            assert_never(law)
