"""The statistics against what is computed by hand or in another way."""

import numpy as np
import pytest

from sim.eavesdropping.fitting import accuracy, auc, fit_binary, fit_choice, pooled_auc


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    draws = np.random.default_rng(1)
    scores = np.round(draws.normal(size=60), 1)
    truth = draws.random(60) < 0.3
    pairs = [(a > b) + (a == b) / 2 for a in scores[truth] for b in scores[~truth]]
    assert auc(scores, truth) == pytest.approx(np.mean(pairs))


def test_auc_of_one_kind_only_is_no_number() -> None:
    assert np.isnan(auc(np.array([1.0, 2.0]), np.array([True, True])))


def test_choices_are_learned() -> None:
    draws = np.random.default_rng(2)
    features = draws.normal(size=(2_000, 5, 3))
    scores = features @ np.array([2.0, -1.0, 0.0]) + draws.gumbel(size=(2_000, 5))
    model = fit_choice(features, scores.argmax(axis=1), 0.1)
    weights = model.weights / model.scale
    assert weights == pytest.approx([2.0, -1.0, 0.0], abs=0.2)


def test_whether_is_learned() -> None:
    draws = np.random.default_rng(3)
    features = draws.normal(size=(4_000, 2))
    truth = draws.logistic(size=4_000) < features @ np.array([1.5, 0.0]) - 1
    model = fit_binary(features, truth, 0.1)
    assert model.weights / model.scale == pytest.approx([1.5, 0.0], abs=0.2)


def test_what_is_told_apart_wholly_has_weights_all_the_same() -> None:
    features = np.array([[[1.0], [0.0]]] * 50)
    model = fit_choice(features, np.zeros(50, dtype=np.int64))
    assert np.isfinite(model.weights).all()
    assert model.scores(features)[0].argmax() == 0


def test_intervals_are_by_world() -> None:
    # Two worlds that agree within themselves: the interval spans both, however many events.
    both = accuracy([np.ones(1_000, dtype=bool), np.zeros(1_000, dtype=bool)])
    assert (both.value, both.low, both.high) == (0.5, 0.0, 1.0)
    assert (both.count, both.worlds) == (2_000, 2)


def test_a_pooled_auc_of_nothing_is_no_number() -> None:
    assert np.isnan(pooled_auc([], []).value)
