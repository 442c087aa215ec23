from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.probes.heads.problems import make_problem
from tests.reference import closed_form as slow

from tymbal.errors import UsageError
from tymbal.probes.heads.base import linear_logits
from tymbal.probes.heads.nearest_mean import NearestMeanOptions, solve


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.floats(0.01, 1.0), st.booleans())
def test_differences_of_logits_are_those_of_squared_distances(
    seed: int, p: int, shrinkage: float, weighted: bool
) -> None:
    problem = make_problem(seed, n=24, p=p, weighted=weighted)
    solution = solve(problem, NearestMeanOptions(shrinkages=(shrinkage,)))
    classes = problem.targets.argmax(axis=1)
    asked = np.random.default_rng(seed).normal(size=(7, p))
    distances = slow.squared_distances(problem.values, classes, problem.weights, shrinkage, asked)
    prior = np.log(problem.weights @ problem.targets / problem.weights.sum())
    found = linear_logits(solution.tensors, asked) - prior
    found, expected = found - found[:, :1], -0.5 * (distances - distances[:, :1])
    factor = (found * expected).sum() / np.square(expected).sum()
    assert factor > 0
    np.testing.assert_allclose(found, factor * expected, rtol=1e-6, atol=1e-7 * np.abs(found).max())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 30), st.floats(0.01, 1.0), st.booleans())
def test_every_label_of_several_is_told_from_its_absence(seed: int, p: int, shrinkage: float, balanced: bool) -> None:
    problem = make_problem(seed, n=24, p=p, multilabel=True, balanced=balanced)
    told = (problem.targets.min(axis=0) < 1) & (problem.targets.max(axis=0) > 0)
    solution = solve(problem, NearestMeanOptions(shrinkages=(shrinkage,)))
    asked = np.random.default_rng(seed).normal(size=(7, p))
    logits = linear_logits(solution.tensors, asked)
    share = problem.targets.mean(axis=0)
    factors = []
    for label in np.flatnonzero(told):
        carries = problem.targets[:, label].astype(np.int64)
        distances = slow.squared_distances(problem.values, carries, problem.weights, shrinkage, asked)
        odds = 0.0 if balanced else np.log(share[label] / (1 - share[label]))
        factors.append((logits[:, label] - odds) / (0.5 * (distances[:, 0] - distances[:, 1])))
    np.testing.assert_allclose(factors, factors[0][0], rtol=1e-5)
    assert factors[0][0] > 0


def test_without_shrinkage_and_priors_it_is_the_nearest_mean() -> None:
    problem = make_problem(n=60, classes=4, strength=0.5)
    kept = np.flatnonzero((problem.targets[:, 0] == 0) | (np.arange(60) < 12))  # class 0 is rare
    targets = problem.targets[kept]
    weights = targets @ (len(kept) / (4 * targets.sum(axis=0)))
    rare = dataclasses.replace(
        problem, values=problem.values[kept], targets=targets, weights=weights, groups=problem.groups[kept]
    )
    solution = solve(rare, NearestMeanOptions(shrinkages=(1.0,)))
    means = np.array([rare.values[targets[:, label] > 0].mean(axis=0) for label in range(4)])
    nearest = np.linalg.norm(rare.values[:, None] - means, axis=2).argmin(axis=1)
    np.testing.assert_array_equal(linear_logits(solution.tensors, rare.values).argmax(axis=1), nearest)


def test_shrinkage_follows_the_covariance() -> None:
    """Classes differ along an axis of little variance: only a covariance can see it. Round clouds need none."""
    rng = np.random.default_rng(0)
    targets = np.eye(2)[np.arange(200) % 2]
    mixing = np.linalg.qr(rng.normal(size=(10, 10)))[0] * np.array([0.05] + [2.0] * 9)
    long = rng.normal(size=(200, 10)) @ mixing.T + 0.1 * targets @ np.array([mixing[:, 0], -mixing[:, 0]]) / 0.05
    problem = dataclasses.replace(make_problem(n=200, p=10, classes=2), values=long, targets=targets)
    assert solve(problem, NearestMeanOptions()).notes["shrinkage"] == 0.01
    few = make_problem(n=40, p=100, classes=4, strength=0.3)
    assert solve(few, NearestMeanOptions()).notes["shrinkage"] > 0.1


def test_left_out_logits_are_honest() -> None:
    problem = make_problem(n=300, groups=60, strength=0.5)
    solution = solve(problem, NearestMeanOptions())
    assert solution.left_out is not None
    scores = np.exp(solution.left_out.logits)
    best = (scores / scores.sum(axis=1, keepdims=True)).max(axis=1)
    right = solution.left_out.logits.argmax(axis=1) == problem.targets.argmax(axis=1)
    assert best.mean() == pytest.approx(right.mean(), abs=0.05)


def test_one_example_per_class_and_labels_that_all_or_none_carry() -> None:
    problem = make_problem(n=4, classes=4, p=6)
    solution = solve(problem, NearestMeanOptions())
    assert solution.left_out is None
    assert linear_logits(solution.tensors, problem.values).argmax(axis=1).tolist() == [0, 1, 2, 3]
    several = make_problem(multilabel=True)
    several.targets[:, 0], several.targets[:, 1] = 1.0, 0.0
    logits = linear_logits(solve(several, NearestMeanOptions()).tensors, several.values)
    assert (logits[:, 0] > 20).all()
    assert (logits[:, 1] < -20).all()
    assert np.isfinite(logits).all()


@pytest.mark.parametrize("shrinkages", [(), (0.0,), (1.5,), (float("nan"),)])
def test_what_is_no_shrinkage_is_refused(shrinkages: tuple[float, ...]) -> None:
    with pytest.raises(UsageError, match="above 0 to 1"):
        solve(make_problem(), NearestMeanOptions(shrinkages=shrinkages))
