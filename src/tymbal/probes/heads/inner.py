"""Cross-validation inside the training examples, over whole groups: how solved heads choose what they must choose."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.probes.grouping import grouped_folds
from tymbal.probes.heads.base import Float, LeftOut, Problem, log_loss

Rows = NDArray[np.bool_]


@dataclass(frozen=True)
class Inner:
    """Folds of the training examples.

    fold_of (n,), counted (n,) as in `LeftOut`. by : what was kept together, "groups" or, where groups leave no label
    to judge by (a group per label, a single group), single "examples".
    """

    fold_of: NDArray[np.int64]
    counted: Rows
    by: Literal["groups", "examples"]


@dataclass(frozen=True)
class Choice:
    """The candidate of least log loss, the losses of all, and what its fits said of the examples they had not seen."""

    best: int
    losses: tuple[float, ...]
    left_out: LeftOut


def inner_folds(problem: Problem, folds: int) -> Inner | None:
    """At most `folds` folds; None where no label is found twice."""
    alone = np.arange(len(problem.targets)).astype(str)
    choices: tuple[tuple[NDArray[np.str_], Literal["groups", "examples"]], ...] = (
        (problem.groups, "groups"),
        (alone, "examples"),
    )
    for groups, by in choices:
        count = min(folds, len(np.unique(groups)))
        if count < 2:
            continue
        shares = np.full(count, 1 / count)
        fold_of = grouped_folds(groups.tolist(), problem.targets.astype(np.float32), shares, seed=problem.seed)
        counted = _counted(problem.targets, fold_of)
        if counted.any():
            return Inner(fold_of, counted, by)
    return None


def _counted(targets: Float, fold_of: NDArray[np.int64]) -> Rows:
    counted = np.ones(len(targets), dtype=np.bool_)
    for fold in np.unique(fold_of):
        held = fold_of == fold
        unknown = targets[~held].sum(axis=0) == 0
        counted[held] = ~(targets[held][:, unknown] > 0).any(axis=1)
    return counted


def out_of_fold(inner: Inner, classes: int, candidates: int, decide: Callable[[Rows, Rows], Float]) -> Float:
    """(candidates, n, classes): decide(training rows, held rows) -> (candidates, held, classes), fold by fold."""
    found = np.zeros((candidates, len(inner.fold_of), classes))
    for fold in np.unique(inner.fold_of):
        held = inner.fold_of == fold
        found[:, held] = decide(~held, held)
    return found


def choose(problem: Problem, inner: Inner, logits: Float) -> Choice:
    """The candidate whose out-of-fold logits (candidates, n, classes) have the least weighted log loss; ties: first."""
    counted = inner.counted
    targets, weights = problem.targets[counted], problem.weights[counted]
    losses = tuple(log_loss(each[counted], targets, weights, problem.multilabel) for each in logits)
    best = int(np.argmin(losses))
    return Choice(best, losses, LeftOut(logits[best], counted))


def part_of(problem: Problem, rows: Rows, columns: NDArray[np.int64] | None = None) -> Problem:
    """The problem of some examples and, where given, some values."""
    values = problem.values[rows] if columns is None else problem.values[np.ix_(rows, columns)]
    weights = problem.weights[rows]
    return dataclasses.replace(
        problem,
        values=values,
        targets=problem.targets[rows],
        weights=weights / weights.mean(),
        groups=problem.groups[rows],
    )


def rotate(values: Float) -> tuple[Float, Float]:
    """Values (n, p) on as few axes (p, rank) as span them: n examples span at most n. (rotated, axes).

    What depends on products of examples alone is the same there, and wide problems become small.
    """
    if values.shape[1] <= values.shape[0]:
        return values, np.eye(values.shape[1])
    squares, vectors = np.linalg.eigh(values @ values.T)
    kept = squares > 1e-10 * max(float(squares[-1]), 1e-300)
    axes = values.T @ (vectors[:, kept] / np.sqrt(squares[kept]))
    return values @ axes, axes
