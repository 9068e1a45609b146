"""Statistics of a classifier: two kinds of logistic regression, AUC, and intervals by world.

Both regressions are fitted by Newton's method with a Gaussian prior (ridge) on standardised
features. The *conditional* one is McFadden's: of the candidates of one event one is true, and the
probability of each is the softmax of its score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEWTON_STEPS: Final = 40
HALVINGS: Final = 20
ENOUGH: Final = 1e-6
BIAS_RIDGE: Final = 1e-3
RIDGE: Final = 3.0
"""The inverse variance of the prior of weights."""

RESAMPLES: Final = 1_000
INTERVAL: Final = (2.5, 97.5)


@dataclass(frozen=True, slots=True)
class Model:
    """The weights of features, and how these are standardised."""

    mean: Floats
    scale: Floats
    weights: Floats
    bias: float = 0.0

    def scores(self, features: Floats) -> Floats:
        """Scores of rows of features, of any number of leading axes."""
        standard: Floats = ((features - self.mean) / self.scale) @ self.weights + self.bias
        return standard


def log_softmax(scores: Floats) -> Floats:
    """Log-probabilities of candidates, along the last axis."""
    shifted = scores - scores.max(axis=-1, keepdims=True)
    normal: Floats = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return normal


def fit_choice(features: Floats, truth: NDArray[np.int64], ridge: float | Floats = RIDGE) -> Model:
    """Fit the conditional regression: `features` is events × candidates × features, and `truth`
    names the true candidate of each event. `ridge` may differ by feature.
    """
    events, _, count = features.shape
    prior = np.broadcast_to(np.asarray(ridge, dtype=float), (count,))
    flat = features.reshape(-1, count)
    mean, scale = _standard(flat)
    x = (features - mean) / scale
    chosen = x[np.arange(events), truth].sum(axis=0)

    def worth(weights: Floats) -> float:
        likely = log_softmax(x @ weights)[np.arange(events), truth].sum()
        return float(likely - (prior * weights**2).sum() / 2)

    def slope(weights: Floats) -> tuple[Floats, Floats]:
        p = np.exp(log_softmax(x @ weights))
        expected = np.einsum("ec,ecf->ef", p, x)
        weighted = (x * np.sqrt(p)[:, :, None]).reshape(-1, count)
        hessian = weighted.T @ weighted - expected.T @ expected + np.diag(prior)
        return chosen - expected.sum(axis=0) - prior * weights, hessian

    return Model(mean, scale, _climbed(np.zeros(count), worth, slope))


def _climbed(
    weights: Floats,
    worth: Callable[[Floats], float],
    slope: Callable[[Floats], tuple[Floats, Floats]],
) -> Floats:
    """Newton's method up a hill without other tops; a step that leads down is halved."""
    height = worth(weights)
    for _ in range(NEWTON_STEPS):
        gradient, hessian = slope(weights)
        step = np.linalg.solve(hessian, gradient)
        for _ in range(HALVINGS):
            if (there := worth(weights + step)) > height:
                break
            step = step / 2
        else:
            return weights
        weights = weights + step
        if there - height < ENOUGH:
            return weights
        height = there
    return weights


def fit_binary(features: Floats, truth: NDArray[np.bool_], ridge: float = RIDGE) -> Model:
    """Fit the logistic regression of rows that are true or not."""
    mean, scale = _standard(features)
    x = np.hstack([(features - mean) / scale, np.ones((len(features), 1))])
    prior = np.full(x.shape[1], ridge)
    prior[-1] = BIAS_RIDGE

    def worth(weights: Floats) -> float:
        scores = x @ weights
        likely = (truth * scores - np.logaddexp(0, scores)).sum()
        return float(likely - (prior * weights**2).sum() / 2)

    def slope(weights: Floats) -> tuple[Floats, Floats]:
        p = 1 / (1 + np.exp(-(x @ weights)))
        hessian = (x * (p * (1 - p))[:, None]).T @ x + np.diag(prior)
        return x.T @ (truth - p) - prior * weights, hessian

    weights = _climbed(np.zeros(x.shape[1]), worth, slope)
    return Model(mean, scale, weights[:-1], float(weights[-1]))


def auc(scores: Floats, truth: NDArray[np.bool_]) -> float:
    """The probability that a true one has a greater score than a false one; ties count half."""
    positive, negative = int(truth.sum()), int((~truth).sum())
    if not positive or not negative:
        return float("nan")
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    ranks = (ends - (counts - 1) / 2)[inverse]
    above = float(ranks[truth].sum()) - positive * (positive + 1) / 2
    return above / (positive * negative)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval, and of how many events in how many worlds it is."""

    value: float
    low: float
    high: float
    count: int
    worlds: int


NOTHING: Final = Estimate(float("nan"), float("nan"), float("nan"), 0, 0)
"""Of no events there is no figure."""


def accuracy(hits: Sequence[NDArray[np.bool_]]) -> Estimate:
    """The share of hits, an array a world."""
    sums = np.array([[world.sum(), len(world)] for world in hits if len(world)], dtype=float)
    if not len(sums):
        return NOTHING
    return _estimate(
        lambda drawn: float(sums[drawn, 0].sum() / sums[drawn, 1].sum()),
        len(sums),
        int(sums[:, 1].sum()),
    )


def pooled_auc(scores: Sequence[Floats], truths: Sequence[NDArray[np.bool_]]) -> Estimate:
    """The AUC over the pairs of all worlds together, each an array."""
    kept = [world for world, truth in enumerate(truths) if len(truth)]

    def value(drawn: NDArray[np.int64]) -> float:
        worlds = [kept[world] for world in drawn]
        return auc(
            np.concatenate([scores[world] for world in worlds]),
            np.concatenate([truths[world] for world in worlds]),
        )

    if not kept:
        return NOTHING
    return _estimate(value, len(kept), sum(len(truths[world]) for world in kept))


def _estimate(value: Callable[[NDArray[np.int64]], float], worlds: int, count: int) -> Estimate:
    """A figure, and its interval by drawing whole worlds with replacement (percentile bootstrap).

    The draw has a fixed seed: the same captures give the same figures.
    """
    draws = np.random.default_rng(0)
    drawn = [value(draws.integers(0, worlds, worlds)) for _ in range(RESAMPLES)]
    whole = [each for each in drawn if not np.isnan(each)]
    low, high = np.percentile(whole, INTERVAL) if whole else (np.nan, np.nan)
    return Estimate(value(np.arange(worlds)), float(low), float(high), count, worlds)


def _standard(rows: Floats) -> tuple[Floats, Floats]:
    """Means, and deviations where there are any: what never varies counts for nothing."""
    deviation = rows.std(axis=0)
    return rows.mean(axis=0), np.where(deviation > 1e-9, deviation, 1.0)
