from __future__ import annotations

import numpy as np
import pytest
from tests.reference import closed_form as slow

from tymbal.probes.heads.base import sigmoid, softmax
from tymbal.probes.heads.scaling import fit_scale


@pytest.mark.parametrize("multilabel", [False, True])
def test_it_has_the_least_smoothed_loss_of_a_fine_grid(multilabel: bool) -> None:
    rng = np.random.default_rng(0)
    decisions, offset = 3 * rng.normal(size=(40, 3)), 0.2 * rng.normal(size=3)
    targets = np.eye(3)[(decisions + 2 * rng.normal(size=(40, 3))).argmax(axis=1)]
    if multilabel:
        targets = (decisions + 2 * rng.normal(size=(40, 3)) > 0).astype(float)
    weights = rng.uniform(0.5, 2, 40)
    found = fit_scale(decisions, targets, weights, multilabel, offset)
    losses = {
        factor: slow.smoothed_log_loss(factor * decisions + offset, targets, weights, multilabel)
        for factor in np.exp(np.linspace(-3, 2, 101))
    }
    assert found == pytest.approx(min(losses, key=lambda factor: losses[factor]), rel=0.05)
    assert slow.smoothed_log_loss(found * decisions + offset, targets, weights, multilabel) <= min(losses.values())


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("factor", [0.02, 1.0, 30.0])
def test_a_known_temperature_is_found_again(multilabel: bool, factor: float) -> None:
    rng = np.random.default_rng(1)
    logits = 2 * rng.normal(size=(20_000, 3))
    if multilabel:
        targets = (rng.random(logits.shape) < sigmoid(logits)).astype(float)
    else:
        targets = np.eye(3)[(softmax(logits).cumsum(axis=1) < rng.random((len(logits), 1))).sum(axis=1).clip(0, 2)]
    assert fit_scale(logits / factor, targets, np.ones(len(logits)), multilabel) == pytest.approx(factor, rel=0.04)


def test_a_few_examples_all_right_do_not_make_it_certain() -> None:
    decisions = np.array([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    targets = (decisions > 1).astype(float)
    scores = softmax(fit_scale(decisions, targets, np.ones(4), False) * decisions)
    assert scores.max() == pytest.approx(1 - 1 / 6, abs=1e-3)


def test_decisions_that_are_mostly_wrong_are_not_turned_round() -> None:
    decisions = np.array([[2.0, 0.0]] * 5)
    targets = np.array([[0.0, 1.0]] * 4 + [[1.0, 0.0]])
    factor = fit_scale(decisions, targets, np.ones(5), False)
    assert 0 < factor < 1e-3
