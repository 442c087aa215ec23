from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.probes.heads.problems import make_problem

from tymbal.probes.heads.base import Float, log_loss
from tymbal.probes.heads.inner import Rows, choose, inner_folds, out_of_fold, part_of, rotate


def test_groups_stay_together_and_labels_without_a_teacher_do_not_count() -> None:
    problem = make_problem(n=60, groups=12)
    problem.targets[5] = 0.0
    problem.targets[5, 0] = 1.0
    lone = np.concatenate([problem.targets, np.zeros((60, 1))], axis=1)
    lone[7] = [0, 0, 0, 1]
    inner = inner_folds(dataclasses.replace(problem, targets=lone), 4)
    assert inner is not None
    assert inner.by == "groups"
    for group in set(problem.groups.tolist()):
        assert len(set(inner.fold_of[problem.groups == group].tolist())) == 1
    assert np.flatnonzero(~inner.counted).tolist() == [7]


def test_a_group_per_label_or_one_group_falls_back_to_single_examples() -> None:
    problem = make_problem(n=30)
    for groups in (problem.targets.argmax(axis=1).astype(str), np.full(30, "only")):
        inner = inner_folds(dataclasses.replace(problem, groups=groups), 5)
        assert inner is not None
        assert inner.by == "examples"
    once = dataclasses.replace(problem, targets=np.eye(30))
    assert inner_folds(once, 5) is None


def test_out_of_fold_logits_come_from_the_other_folds_and_the_best_candidate_is_taken() -> None:
    problem = make_problem(n=40, weighted=True)
    inner = inner_folds(problem, 3)
    assert inner is not None

    def decide(train: Rows, held: Rows) -> Float:
        assert not (train & held).any()
        assert (train | held).all()
        base = 2 * problem.targets[held] - 1
        return np.stack([-base, 0 * base, base])

    logits = out_of_fold(inner, 3, 3, decide)
    found = choose(problem, inner, logits)
    assert found.best == 2
    np.testing.assert_array_equal(found.left_out.logits, 2 * problem.targets - 1)
    assert found.losses[1] == log_loss(logits[1], problem.targets, problem.weights, False)


def test_parts_and_rotations() -> None:
    problem = make_problem(n=10, p=30, weighted=True)
    rows = np.arange(10) % 2 == 0
    part = part_of(problem, rows, np.array([4, 2]))
    np.testing.assert_array_equal(part.values, problem.values[rows][:, [4, 2]])
    assert part.weights.mean() == pytest.approx(1.0)
    rotated, axes = rotate(problem.values)
    assert rotated.shape == (10, 10)
    np.testing.assert_allclose(rotated @ rotated.T, problem.values @ problem.values.T, atol=1e-9)
    np.testing.assert_allclose(rotated @ axes.T, problem.values, atol=1e-9)
