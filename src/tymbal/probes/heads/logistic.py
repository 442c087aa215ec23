"""The logistic head: multinomial logistic regression, its penalty by cross-validation over groups."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.probes.heads.base import Float, Problem, Solution, SolvedHead
from tymbal.probes.heads.inner import Choice, choose, inner_folds, out_of_fold, rotate

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
    rotated, axes = rotate(problem.values)
    inverse = np.logspace(options.low, options.high, options.steps)

    def decide(train: NDArray[np.bool_], held: NDArray[np.bool_]) -> Float:
        fits = [_fit(rotated, problem, train, float(c), options.iterations) for c in inverse]
        return np.stack([rotated[held] @ weight + bias for weight, bias in fits])

    inner = inner_folds(problem, options.folds)
    found: Choice | None = None
    if inner is not None:
        found = choose(problem, inner, out_of_fold(inner, problem.targets.shape[1], len(inverse), decide))
    best = options.steps // 2 if found is None else found.best
    everything = np.ones(len(rotated), dtype=bool)
    weight, bias = _fit(rotated, problem, everything, float(inverse[best]), options.iterations)
    notes: dict[str, Any] = {"inverse_penalty": float(inverse[best])}
    if inner is None or found is None:
        return Solution({"weight": axes @ weight, "bias": bias}, notes)
    notes |= {"inner_log_loss": found.losses[best], "inner_folds": int(inner.fold_of.max()) + 1, "left_out": inner.by}
    return Solution({"weight": axes @ weight, "bias": bias}, notes, found.left_out)


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
