from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.probes.heads.problems import make_problem
from tests.reference import closed_form as slow

from tymbal.errors import UsageError
from tymbal.probes.heads.k_sparse import KSparseOptions, k_sparse_logits, ranking, separation, solve


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 12), st.integers(2, 5))
def test_separation_is_that_of_the_loops(seed: int, groups: int, classes: int) -> None:
    problem = make_problem(seed, n=40, groups=groups, classes=classes)
    expected = slow.eta_squared(problem.values, problem.targets.argmax(axis=1), problem.groups)
    np.testing.assert_allclose(separation(problem), expected, rtol=1e-9, atol=1e-12)


def test_separation_of_several_labels_is_the_mean_over_them() -> None:
    problem = make_problem(n=40, multilabel=True)
    each = [slow.eta_squared(problem.values, label.astype(np.int64), problem.groups) for label in problem.targets.T]
    np.testing.assert_allclose(separation(problem), np.mean(each, axis=0))
    problem.targets[:] = 1.0
    assert separation(problem).tolist() == [0.0] * 8


def test_a_value_that_tells_groups_apart_ranks_below_one_that_tells_labels_apart() -> None:
    """Group by group: one large group of one label must not make its own mark look like the label's."""
    rng = np.random.default_rng(0)
    sizes = [60, 4, 4, 4, 4, 4, 4, 4]
    groups = np.repeat(np.arange(8), sizes)
    label = groups % 2
    mark, honest = (groups == 0).astype(float), label + 0.7 * rng.normal(size=len(groups))
    values = np.stack([mark + 0.01 * rng.normal(size=len(groups)), honest], axis=1)
    base = make_problem(n=len(groups), p=2, classes=2)
    problem = dataclasses.replace(base, values=values, targets=np.eye(2)[label], groups=groups.astype(str))
    assert ranking(problem).tolist() == [1, 0]
    alone = dataclasses.replace(problem, groups=np.arange(len(groups)).astype(str))
    assert ranking(alone).tolist() == [0, 1]


@pytest.mark.parametrize("then", ["ridge", "logistic"])
@pytest.mark.parametrize("multilabel", [False, True])
def test_planted_values_are_found_and_no_others_used(then: str, multilabel: bool) -> None:
    problem = make_problem(n=90, p=4, strength=2.0, multilabel=multilabel)
    noise = np.random.default_rng(5).normal(size=(90, 40))
    wide = dataclasses.replace(problem, values=np.concatenate([noise, problem.values], axis=1))
    solution = solve(wide, KSparseOptions(values=(2, 4, 32), then=then, folds=3))  # type: ignore[arg-type]
    assert solution.notes["k"] == 4
    assert sorted(solution.notes["columns"]) == [40, 41, 42, 43]
    assert set(solution.notes["log_loss_by_k"]) == {"2", "4", "32"}
    logits = k_sparse_logits(solution.tensors, wide.values)
    spoiled = wide.values.copy()
    spoiled[:, :40] = 1e9
    np.testing.assert_array_equal(k_sparse_logits(solution.tensors, spoiled), logits)
    right = (logits > 0) == (wide.targets > 0) if multilabel else logits.argmax(1) == wide.targets.argmax(1)
    assert right.mean() > 0.85


def test_ranking_inside_the_folds_does_not_see_the_held_out_groups() -> None:
    """Pure noise, many values: ranked on all examples, the best of them would seem to predict."""
    rng = np.random.default_rng(0)
    problem = dataclasses.replace(
        make_problem(n=40, p=8, classes=2), values=rng.normal(size=(40, 2000)), groups=np.arange(40).astype(str)
    )
    losses = solve(problem, KSparseOptions(values=(4, 32))).notes["log_loss_by_k"]
    assert min(losses.values()) > 0.65  # log 2 is 0.693


def test_numbers_that_do_not_fit() -> None:
    assert solve(make_problem(p=3), KSparseOptions(values=(500,))).notes["k"] == 3
    with pytest.raises(UsageError, match="k_sparse"):
        solve(make_problem(), KSparseOptions(values=(0,)))
