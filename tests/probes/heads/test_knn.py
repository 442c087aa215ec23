from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.probes.heads.problems import make_problem
from tests.reference import closed_form as slow

from tymbal.errors import UsageError
from tymbal.probes.heads.base import sigmoid, softmax
from tymbal.probes.heads.knn import KnnOptions, knn_logits, solve


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.booleans())
def test_scores_are_those_of_the_loops(seed: int, k: int, weighted: bool) -> None:
    problem = make_problem(seed, n=30, weighted=weighted)
    solution = solve(problem, KnnOptions(neighbours=(k,)))
    asked = np.random.default_rng(seed).normal(size=(9, 8))
    counts = problem.weights @ problem.targets
    prior = (counts + 1 / 3) / (counts.sum() + 1)
    found = softmax(knn_logits(solution.tensors, asked))
    k = min(k, 30)
    expected = slow.knn_shares(problem.values, problem.targets, problem.weights, prior, asked, k)
    np.testing.assert_allclose(found, expected, rtol=1e-4)  # examples are kept in float32
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize("balanced", [False, True])
def test_several_labels(balanced: bool) -> None:
    problem = make_problem(n=50, multilabel=True, balanced=balanced)
    solution = solve(problem, KnnOptions(neighbours=(7,)))
    asked = np.random.default_rng(1).normal(size=(9, 8))
    prior = (problem.targets.sum(axis=0) + 0.5) / 51
    shares = slow.knn_shares(problem.values, problem.targets, problem.weights, prior, asked, 7)
    odds = shares / (1 - shares)
    odds = odds * (1 - prior) / prior if balanced else odds
    np.testing.assert_allclose(sigmoid(knn_logits(solution.tensors, asked)), odds / (1 + odds), rtol=1e-4)


def test_k_is_judged_over_groups() -> None:
    """Copies of an example in one group: a copy's twin answers for it unless the whole group is left out."""
    rng = np.random.default_rng(0)
    values = np.repeat(rng.normal(size=(40, 30)), 5, axis=0) + 1e-3 * rng.normal(size=(200, 30))
    targets = np.eye(2)[np.repeat(np.arange(40) % 2, 5)]
    together, apart = np.repeat(np.arange(40).astype(str), 5), np.arange(200).astype(str)
    problem = dataclasses.replace(make_problem(n=200, p=30, classes=2), values=values, targets=targets)
    losses = [
        solve(dataclasses.replace(problem, groups=groups), KnnOptions()).notes["inner_log_loss"]
        for groups in (together, apart)
    ]
    assert losses[0] > np.log(2)
    assert losses[1] < 0.1


def test_k_follows_the_noise_in_the_labels() -> None:
    """Two far classes, a fifth of the labels wrong: one neighbour repeats an error, many outvote it."""
    rng = np.random.default_rng(0)
    problem = make_problem(n=300, p=6, classes=2, strength=4.0, groups=100)
    assert solve(problem, KnnOptions()).notes["inner_log_loss"] < 0.1
    wrong = np.where(rng.random(300) < 0.2, 1 - problem.targets[:, 0], problem.targets[:, 0])
    noisy = dataclasses.replace(problem, targets=np.stack([wrong, 1 - wrong], axis=1))
    assert solve(noisy, KnnOptions()).notes["neighbours"] >= 9


def test_more_neighbours_than_examples_and_none_to_learn_from() -> None:
    problem = make_problem(n=6, classes=2)
    solution = solve(problem, KnnOptions(neighbours=(50,)))
    assert np.isfinite(knn_logits(solution.tensors, problem.values)).all()
    once = make_problem(n=3, classes=3)
    solution = solve(once, KnnOptions())
    assert solution.left_out is None
    assert knn_logits(solution.tensors, once.values).argmax(axis=1).tolist() == [0, 1, 2]
    with pytest.raises(UsageError, match="neighbours"):
        solve(problem, KnnOptions(neighbours=(0,)))
