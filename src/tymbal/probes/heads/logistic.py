"""The logistic head: multinomial logistic regression, its penalty by cross-validation over groups."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tymbal.probes.grouping import grouped_folds
from tymbal.probes.heads.base import Float, Problem, Solution, SolvedHead, log_loss

_ABSENT = -30.0  # logit of a class without examples in a training part


@dataclass(frozen=True)
class LogisticOptions:
    """Inverse penalties C tried: `steps` from 10^low to 10^high; inner grouped folds that choose among them."""

    low: float = -3.0
    high: float = 1.0
    steps: int = 7
    folds: int = 3
    iterations: int = 300


def solve(problem: Problem, options: LogisticOptions) -> Solution:
    """Multinomial logistic regression (one binary one per label where there are several) with an L2 penalty.

    The penalty with the least log loss over inner folds of whole groups is refitted on all. Values are first
    rotated onto their principal axes: the penalty does not see rotations, and n examples span at most n axes, so
    the solution is the same and wide problems are small.
    """
    rotated, axes = _rotate(problem.values)
    inverse = np.logspace(options.low, options.high, options.steps)
    groups = np.unique(problem.groups)
    folds = min(options.folds, len(groups))
    best, losses = options.steps // 2, [float("nan")] * options.steps
    if folds >= 2 and options.steps > 1:
        shares = np.full(folds, 1 / folds)
        fold_of = grouped_folds(problem.groups.tolist(), problem.targets.astype(np.float32), shares, seed=problem.seed)
        losses = [_inner_loss(rotated, problem, fold_of, c, options.iterations) for c in inverse]
        best = int(np.argmin(losses))
    everything = np.ones(len(rotated), dtype=bool)
    weight, bias = _fit(rotated, problem, everything, float(inverse[best]), options.iterations)
    notes = {"inverse_penalty": float(inverse[best]), "inner_log_loss": losses[best], "inner_folds": folds}
    return Solution(axes @ weight, bias, {key: value for key, value in notes.items() if value == value})


def _rotate(values: Float) -> tuple[Float, Float]:
    if values.shape[1] <= values.shape[0]:
        return values, np.eye(values.shape[1])
    squares, vectors = np.linalg.eigh(values @ values.T)
    kept = squares > 1e-10 * max(float(squares[-1]), 1e-300)
    axes = values.T @ (vectors[:, kept] / np.sqrt(squares[kept]))
    return values @ axes, axes


def _inner_loss(rotated: Float, problem: Problem, fold_of: NDArray[np.int64], c: float, iterations: int) -> float:
    total = 0.0
    for fold in np.unique(fold_of):
        held = fold_of == fold
        weight, bias = _fit(rotated, problem, ~held, c, iterations)
        if not problem.multilabel:  # a label that the other folds lack says nothing about the penalty
            held &= (problem.targets @ problem.targets[~held].sum(axis=0)) > 0
            if not held.any():
                continue
        logits = rotated[held] @ weight + bias
        weights = problem.weights[held]
        total += weights.sum() * log_loss(logits, problem.targets[held], weights, problem.multilabel)
    return total


def _fit(rotated: Float, problem: Problem, rows: NDArray[np.bool_], c: float, iterations: int) -> tuple[Float, Float]:
    targets, weights = problem.targets[rows], problem.weights[rows]
    weight = np.zeros((rotated.shape[1], targets.shape[1]))
    bias = np.full(targets.shape[1], _ABSENT)
    if not problem.multilabel:
        present = np.flatnonzero(targets.sum(axis=0))
        if len(present) < 2:
            bias[present] = -_ABSENT
            return weight, bias
        found, offset = _sklearn(rotated[rows], targets.argmax(axis=1), weights, c, iterations)
        if len(present) == 2:  # two classes come as one column: the logit of the second
            found, offset = np.column_stack([-found / 2, found / 2]), np.array([-offset[0] / 2, offset[0] / 2])
        weight[:, present], bias[present] = found, offset
        return weight, bias
    for column in range(targets.shape[1]):
        own = targets[:, column]
        if own.min() == own.max():
            bias[column] = -_ABSENT if own.max() else _ABSENT
            continue
        share = own.mean()
        balance = np.where(own > 0, 0.5 / share, 0.5 / (1 - share)) if problem.balanced else 1.0
        found, offset = _sklearn(rotated[rows], own.astype(np.int64), weights * balance, c, iterations)
        weight[:, column], bias[column] = found[:, 0], offset[0]
    return weight, bias


def _sklearn(
    values: Float, classes: NDArray[np.int64], weights: Float, c: float, iterations: int
) -> tuple[Float, Float]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=c, max_iter=iterations)
    with warnings.catch_warnings():
        # A weak penalty on separable classes has no finite optimum to reach; inner folds judge what was reached.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(values, classes, sample_weight=weights)
    return np.asarray(model.coef_.T, dtype=np.float64), np.asarray(model.intercept_, dtype=np.float64)


LOGISTIC = SolvedHead("logistic", LogisticOptions, solve)
