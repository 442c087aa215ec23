from __future__ import annotations

import numpy as np
import pytest

from tymbal.probes.heads.base import Problem, sigmoid, softmax
from tymbal.probes.heads.logistic import LogisticOptions, solve


def make(n: int = 60, p: int = 8, classes: int = 3, multilabel: bool = False, balanced: bool = False) -> Problem:
    rng = np.random.default_rng(0)
    truth = np.arange(n) % classes
    values = rng.normal(size=(n, p)) + rng.normal(size=(classes, p))[truth]
    targets = (rng.random((n, classes)) < 0.3).astype(float) if multilabel else np.eye(classes)[truth]
    weights = rng.uniform(0.5, 1.5, n)
    groups = np.array([f"g{index // 4}" for index in range(n)])
    return Problem(values, targets, weights / weights.mean(), groups, multilabel, balanced, 0)


@pytest.mark.parametrize("p", [8, 100], ids=["tall", "wide"])
@pytest.mark.parametrize("classes", [2, 3])
def test_the_gradient_of_the_penalised_loss_vanishes(p: int, classes: int) -> None:
    problem = make(p=p, classes=classes)
    solution = solve(problem, LogisticOptions(low=-2, high=0, steps=3, iterations=2000))
    scores = softmax(problem.values @ solution.tensors["weight"] + solution.tensors["bias"])
    error = problem.weights[:, None] * (scores - problem.targets)
    c = solution.notes["inverse_penalty"]
    # For two classes the columns are +-half of one binary solution, whose penalty is |w|^2 / 2 on the whole of it.
    factor = 2.0 if classes == 2 else 1.0
    gradient = c * problem.values.T @ error + factor * solution.tensors["weight"]
    assert np.abs(gradient).max() < 1e-2
    assert np.abs(error.sum(axis=0)).max() < 1e-2


@pytest.mark.parametrize("balanced", [False, True])
def test_several_labels_are_binary_problems(balanced: bool) -> None:
    problem = make(multilabel=True, balanced=balanced)
    solution = solve(problem, LogisticOptions(low=-1, high=-1, steps=1, iterations=2000))
    scores = sigmoid(problem.values @ solution.tensors["weight"] + solution.tensors["bias"])
    for column in range(3):
        own = problem.targets[:, column]
        balance = np.where(own > 0, 0.5 / own.mean(), 0.5 / (1 - own.mean())) if balanced else 1.0
        error = problem.weights * balance * (scores[:, column] - own)
        assert np.abs(0.1 * problem.values.T @ error + solution.tensors["weight"][:, column]).max() < 5e-3


def test_a_label_that_all_or_none_carry_scores_one_or_zero() -> None:
    problem = make(multilabel=True)
    problem.targets[:, 0], problem.targets[:, 1] = 1.0, 0.0
    solution = solve(problem, LogisticOptions(steps=2))
    scores = sigmoid(problem.values @ solution.tensors["weight"] + solution.tensors["bias"])
    assert (scores[:, 0] > 0.999).all()
    assert (scores[:, 1] < 0.001).all()


def test_the_penalty_is_chosen_over_groups() -> None:
    """Pure noise, every example five times in one group: only strong penalties predict other groups well."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(16, 30)), 5, axis=0)
    targets = np.eye(2)[np.repeat(np.arange(16) % 2, 5)]
    together, apart = np.repeat(np.arange(16).astype(str), 5), np.arange(80).astype(str)
    found = [
        solve(Problem(values, targets, np.ones(80), groups, False, False, 0), LogisticOptions()).notes[
            "inverse_penalty"
        ]
        for groups in (together, apart)
    ]
    assert found[0] < found[1] / 50
