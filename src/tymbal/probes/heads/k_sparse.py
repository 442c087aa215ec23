"""The k-sparse head: a linear head on the k values that tell labels apart best, group by group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import UsageError
from tymbal.probes.heads.base import Float, Problem, Solution, SolvedHead, linear_logits
from tymbal.probes.heads.inner import Rows, choose, inner_folds, out_of_fold, part_of
from tymbal.probes.heads.logistic import LOGISTIC
from tymbal.probes.heads.ridge import RIDGE


@dataclass(frozen=True)
class KSparseOptions:
    """values : numbers k tried. then : the head on the chosen values. folds : inner grouped folds that choose k."""

    values: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    then: Literal["ridge", "logistic"] = "ridge"
    folds: int = 5


def solve(problem: Problem, options: KSparseOptions) -> Solution:
    """Rank values by `separation`, solve on the best k (Gurnee et al. 2023, arXiv 2305.01610, section 3).

    k has the least log loss over inner folds of whole groups; inside every fold values are ranked anew, without the
    held-out groups. Notes hold the loss of every k, and the chosen values as numbers of the columns (layers one after
    the other, in each the statistics one after the other) from best to worst. Raises UsageError for a k below 1.
    """
    if not options.values or min(options.values) < 1:
        raise UsageError(f"values {options.values}", where="k_sparse", allowed="one number or more, each above 0")
    tried = sorted({min(k, problem.values.shape[1]) for k in options.values})
    head, settings = (RIDGE, RIDGE.options()) if options.then == "ridge" else (LOGISTIC, LOGISTIC.options())

    def decide(train: Rows, held: Rows) -> Float:
        order = ranking(part_of(problem, train))
        found = []
        for k in tried:
            solution = head.solve(part_of(problem, train, order[:k]), settings)
            found.append(linear_logits(solution.tensors, problem.values[np.ix_(held, order[:k])]))
        return np.stack(found)

    inner = inner_folds(problem, options.folds)
    best, notes = len(tried) // 2, {}
    left_out = None
    if inner is not None:
        choice = choose(problem, inner, out_of_fold(inner, problem.targets.shape[1], len(tried), decide))
        best, left_out = choice.best, choice.left_out
        notes = {
            "inner_log_loss": choice.losses[best],
            "inner_folds": int(inner.fold_of.max()) + 1,
            "left_out": inner.by,
            "log_loss_by_k": {str(k): loss for k, loss in zip(tried, choice.losses, strict=True)},
        }
    kept = ranking(problem)[: tried[best]]
    solution = head.solve(part_of(problem, np.ones(len(problem.values), dtype=np.bool_), kept), settings)
    chosen: dict[str, Any] = {"k": tried[best], "columns": kept.tolist(), options.then: dict(solution.notes)}
    return Solution({**solution.tensors, "columns": kept}, chosen | notes, left_out)


def ranking(problem: Problem) -> NDArray[np.int64]:
    """Numbers of all values, the one that separates labels best first; equal ones in their order."""
    return np.argsort(-separation(problem), kind="stable").astype(np.int64)


def separation(problem: Problem) -> Float:
    """How well each value alone tells labels apart, (p,), 0 to 1: the share of variance between labels (eta squared).

    It is that of the means of cells, a cell being the examples of one group with one label, so that a large group
    counts no more than a small one and what differs between groups counts against a value. Where cells are fewer than
    two per label, each example is a cell. Of several labels each is told from its absence, and the shares averaged.
    """
    if not problem.multilabel:
        return _eta_squared(problem, problem.targets.argmax(axis=1))
    members = problem.targets > 0
    told = [label for label in members.T if 0 < label.sum() < len(label)]
    if not told:
        return np.zeros(problem.values.shape[1])
    return np.asarray(np.mean([_eta_squared(problem, label.astype(np.int64)) for label in told], axis=0))


def _eta_squared(problem: Problem, classes: NDArray[np.int64]) -> Float:
    _, group = np.unique(problem.groups, return_inverse=True)
    cells, cell = np.unique(np.stack([group.ravel(), classes]), axis=1, return_inverse=True)
    means, of_cell = _means(problem.values, cell.ravel()), cells[1]
    if len(of_cell) < 2 * len(np.unique(classes)):
        means, of_cell = problem.values, classes
    _, own = np.unique(of_cell, return_inverse=True)
    within = np.square(means - _means(means, own)[own]).sum(axis=0)
    total = np.square(means - means.mean(axis=0)).sum(axis=0)
    return np.asarray(np.where(total > 1e-12, 1.0 - within / np.maximum(total, 1e-12), 0.0))


def _means(values: Float, member: NDArray[np.int64]) -> Float:
    """Means (parts, p) of values (n, p), member (n,) numbering the parts from 0."""
    order = np.argsort(member, kind="stable")
    starts = np.searchsorted(member[order], np.arange(member.max() + 1))
    return np.asarray(np.add.reduceat(values[order], starts, axis=0) / np.bincount(member)[:, None])


def k_sparse_logits(tensors: Mapping[str, NDArray[Any]], values: Float) -> Float:
    """Linear logits (n, classes) of the chosen columns of values (n, p)."""
    return linear_logits(tensors, values[:, tensors["columns"]])


K_SPARSE = SolvedHead("k_sparse", KSparseOptions, solve, k_sparse_logits)
