"""Laws of delay: each gives the mean and the spread that its name says."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.kernel.entropy import Chance
from sim.schema.delay_laws import (
    DELAY_US_MAX,
    Constant,
    DelayLaw,
    Empirical,
    Exponential,
    LogNormal,
    Uniform,
    delay_us,
)

DELAY_LAWS: list[DelayLaw] = [
    Constant(ms=7),
    Uniform(ms=(5, 25)),
    Exponential(mean_ms=40, least_ms=5),
    LogNormal(median_ms=40, sigma=0.5),
    Empirical(ms=(30, 10, 20, 100)),
]


def drawn(law: DelayLaw) -> list[int]:
    chance = Chance(1, "laws")
    return sorted(delay_us(law, chance.fraction()) for _ in range(20_000))


@pytest.mark.parametrize(
    "law,median_ms,mean_ms",
    [
        (DELAY_LAWS[0], 7, 7),
        (DELAY_LAWS[1], 15, 15),
        (DELAY_LAWS[2], 5 + 40 * 0.693, 45),
        (DELAY_LAWS[3], 40, 40 * 1.133),
        (DELAY_LAWS[4], 25, (15 + 25 + 65) / 3),
    ],
    ids=lambda each: type(each).__name__,
)
def test_a_law_has_its_median_and_its_mean(law: DelayLaw, median_ms: float, mean_ms: float) -> None:
    found = drawn(law)
    assert found[len(found) // 2] / 1_000 == pytest.approx(median_ms, rel=0.05)
    assert sum(found) / len(found) / 1_000 == pytest.approx(mean_ms, rel=0.05)


@given(
    st.sampled_from(DELAY_LAWS),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
)
def test_a_higher_quantile_is_no_shorter_delay(law: DelayLaw, one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert 0 <= delay_us(law, low) <= delay_us(law, high) <= DELAY_US_MAX
