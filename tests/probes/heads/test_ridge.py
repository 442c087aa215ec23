from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import probes as slow

from tymbal.errors import UsageError
from tymbal.probes.heads.base import Problem
from tymbal.probes.heads.ridge import RidgeOptions, left_out_errors, solve


def make(
    seed: int, *, n: int, p: int, classes: int, groups: int, weighted: bool = False, multilabel: bool = False
) -> Problem:
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % classes
    values = rng.normal(size=(n, p)) + rng.normal(size=(classes, p))[truth]
    targets = np.eye(classes)[truth]
    if multilabel:
        targets = (rng.random((n, classes)) < 0.4).astype(float)
    weights = rng.uniform(0.3, 2.0, n) if weighted else np.ones(n)
    names = np.array([f"g{number}" for number in (np.arange(n) if groups >= n else rng.integers(0, groups, n))])
    return Problem(values, targets, weights / weights.mean(), names, multilabel, False, 0)


def decompose(problem: Problem):
    signed = 2 * problem.targets - 1
    weights = problem.weights
    roots = np.sqrt(weights)
    centred = roots[:, None] * (problem.values - weights @ problem.values / weights.sum())
    targets = roots[:, None] * (signed - weights @ signed / weights.sum())
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    kept = singular > 1e-9 * singular[0]
    return left[:, kept], singular[kept] ** 2, targets, roots, signed


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000), st.integers(6, 25), st.integers(1, 30), st.floats(-2, 3), st.booleans(), st.integers(3, 30)
)
def test_left_out_errors_equal_refitting_without_the_group(
    seed: int, n: int, p: int, exponent: float, weighted: bool, groups: int
) -> None:
    problem = make(seed, n=n, p=p, classes=2, groups=groups, weighted=weighted)
    if len(set(problem.groups)) < 2:
        return
    left, squares, targets, roots, signed = decompose(problem)
    penalty = 10.0**exponent
    found = left_out_errors(left, squares, targets, roots, problem.groups, penalty)
    expected = slow.left_out_errors(problem.values, signed, problem.weights, problem.groups.tolist(), penalty)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("p", [3, 40], ids=["tall", "wide"])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_solution_is_that_of_the_normal_equations_up_to_its_factor(p: int, weighted: bool) -> None:
    problem = make(1, n=30, p=p, classes=3, groups=10, weighted=weighted)
    solution = solve(problem, RidgeOptions())
    weight, bias = slow.ridge(problem.values, 2 * problem.targets - 1, problem.weights, solution.notes["penalty"])
    factor = solution.tensors["bias"][0] / bias[0]
    assert factor > 0
    np.testing.assert_allclose(solution.tensors["weight"], factor * weight, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(solution.tensors["bias"], factor * bias, rtol=1e-6)


def test_the_penalty_has_the_least_left_out_error() -> None:
    problem = make(2, n=40, p=60, classes=2, groups=8)
    solution = solve(problem, RidgeOptions(low=-2, high=2, steps=5))
    errors = {}
    for penalty in 40 * np.logspace(-2, 2, 5):
        left_out = slow.left_out_errors(
            problem.values, 2 * problem.targets - 1, problem.weights, problem.groups.tolist(), penalty
        )
        errors[penalty] = (left_out**2).sum() / 40
    assert solution.notes["penalty"] == pytest.approx(min(errors, key=lambda penalty: errors[penalty]))
    assert solution.notes["left_out_error"] == pytest.approx(min(errors.values()), rel=1e-6)


def test_groups_matter() -> None:
    """Copies of an example in one group: leaving out one at a time would choose a far weaker penalty."""
    rng = np.random.default_rng(0)
    values, targets = rng.normal(size=(12, 30)), np.eye(2)[np.arange(12) % 2]
    values, targets = np.repeat(values, 5, axis=0), np.repeat(targets, 5, axis=0)
    together = np.repeat(np.arange(12).astype(str), 5)
    apart = np.arange(60).astype(str)
    penalties = [
        solve(Problem(values, targets, np.ones(60), groups, False, False, 0), RidgeOptions()).notes["penalty"]
        for groups in (together, apart)
    ]
    assert penalties[0] > 100 * penalties[1]


def test_a_labels_only_group_has_no_say_in_the_penalty() -> None:
    problem = make(4, n=40, p=30, classes=2, groups=8)
    lone = make(5, n=6, p=30, classes=1, groups=6)
    values = np.concatenate([problem.values, 5 + lone.values])
    targets = np.zeros((46, 3))
    targets[:40, :2], targets[40:, 2] = problem.targets, 1.0
    groups = np.concatenate([problem.groups, np.full(6, "only")])
    solution = solve(Problem(values, targets, np.ones(46), groups, False, False, 0), RidgeOptions())
    penalties = 46 * np.logspace(-4, 3, 15)
    errors = []
    for penalty in penalties:
        left_out = slow.left_out_errors(values, 2 * targets - 1, np.ones(46), groups.tolist(), penalty)
        errors.append((left_out[:40] ** 2).sum() / 40)
    assert solution.notes["penalty"] == pytest.approx(penalties[int(np.argmin(errors))])
    assert solution.notes["left_out_error"] == pytest.approx(min(errors), rel=1e-5)


def test_a_group_per_label_falls_back_to_single_examples() -> None:
    problem = make(6, n=20, p=5, classes=2, groups=20)
    labels = problem.targets.argmax(axis=1).astype(str)
    alone = Problem(problem.values, problem.targets, problem.weights, labels, False, False, 0)
    assert solve(alone, RidgeOptions()).notes["groups"] == 20


def test_several_labels_and_what_it_cannot_do() -> None:
    problem = make(3, n=40, p=10, classes=3, groups=40, multilabel=True)
    assert solve(problem, RidgeOptions()).tensors["weight"].shape == (10, 3)
    unfair = Problem(problem.values, problem.targets, problem.weights, problem.groups, True, True, 0)
    with pytest.raises(UsageError, match="cannot balance"):
        solve(unfair, RidgeOptions())


def test_one_group_with_several_labels_falls_back_to_single_examples() -> None:
    problem = make(3, n=30, p=10, classes=2, groups=30, multilabel=True)
    assert not problem.targets.any(axis=1).all()  # some carry none: these count whatever the groups
    whole = solve(dataclasses.replace(problem, groups=np.full(30, "site")), RidgeOptions())
    alone = solve(problem, RidgeOptions())
    assert whole.notes == {**alone.notes, "groups": 30}
    np.testing.assert_array_equal(whole.tensors["weight"], alone.tensors["weight"])
