"""The nearest-mean head: the class whose mean lies nearest, distances through a covariance shrunk to the identity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tymbal.errors import UsageError
from tymbal.probes.heads.base import Float, Problem, Solution, SolvedHead
from tymbal.probes.heads.inner import Rows, choose, inner_folds, out_of_fold, rotate
from tymbal.probes.heads.scaling import fit_scale

_CERTAIN = 30.0  # logit of a label that all training examples carry


@dataclass(frozen=True)
class NearestMeanOptions:
    """shrinkages : tried, each above 0 and up to 1; 1 is the plain nearest class mean. folds : inner grouped folds."""

    shrinkages: tuple[float, ...] = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
    folds: int = 5


@dataclass(frozen=True)
class _Maps:
    """For each shrinkage a linear discriminant: weights (shrinkages, p, classes), biases (shrinkages, classes).

    prior (classes,) : log prior, or log odds where there are several labels. present (classes,) : False for a class
    without examples, whose discriminants mean nothing.
    """

    weights: Float
    biases: Float
    prior: Float
    present: Rows

    def __call__(self, values: Float) -> Float:
        """Discriminants (shrinkages, n, classes); an absent class gets that of the least likely present one."""
        found = values @ self.weights + self.biases[:, None]
        if not self.present.all():
            found[..., ~self.present] = found[..., self.present].min(axis=-1, keepdims=True)
        return np.asarray(found)


def solve(problem: Problem, options: NearestMeanOptions) -> Solution:
    """Logits f (x - m_c / 2) . S^-1 m_c + log prior_c with S = (1 - s) W + s I, W the covariance within classes.

    With s = 1 and equal priors (`class_weight="balanced"`) that is argmin_c |x - m_c|; smaller s is discriminant
    analysis with a regularised pooled covariance (Friedman 1989, equation 16, alpha = 0; values are standardised, so
    that the identity is the matrix of their mean variance). Of several labels each is told from its absence, from
    means and covariance within carriers and others. s has the least log loss over inner folds of whole groups; f
    makes the left-out decisions honest (`fit_scale`).
    """
    shrinkages = np.asarray(options.shrinkages, dtype=np.float64)
    if not len(shrinkages) or not ((shrinkages > 0) & (shrinkages <= 1)).all():
        raise UsageError(f"shrinkages {options.shrinkages}", where="nearest_mean", allowed="one or more, above 0 to 1")
    rotated, axes = rotate(problem.values)
    everything = np.ones(len(rotated), dtype=np.bool_)
    maps = _maps(rotated, problem, everything, shrinkages)
    inner = inner_folds(problem, options.folds)
    if inner is None:  # every label once: nothing to judge a covariance or a factor by
        best, factor = int(np.argmax(shrinkages)), 1.0 / problem.values.shape[1]
        return _solution(axes, maps, best, factor, {"shrinkage": float(shrinkages[best])})
    priors = np.zeros_like(problem.targets)

    def decide(train: Rows, held: Rows) -> Float:
        found = _maps(rotated, problem, train, shrinkages)
        priors[held] = found.prior
        return found(rotated[held])

    decisions = out_of_fold(inner, problem.targets.shape[1], len(shrinkages), decide)
    counted = inner.counted
    targets, weights = problem.targets[counted], problem.weights[counted]
    factors = [fit_scale(each[counted], targets, weights, problem.multilabel, priors[counted]) for each in decisions]
    found = choose(problem, inner, np.asarray(factors)[:, None, None] * decisions + priors)
    notes: dict[str, Any] = {
        "shrinkage": float(shrinkages[found.best]),
        "inner_log_loss": found.losses[found.best],
        "inner_folds": int(inner.fold_of.max()) + 1,
        "left_out": inner.by,
    }
    solution = _solution(axes, maps, found.best, factors[found.best], notes)
    return Solution(solution.tensors, notes, found.left_out)


def _solution(axes: Float, maps: _Maps, best: int, factor: float, notes: dict[str, Any]) -> Solution:
    weight, bias = factor * maps.weights[best], factor * maps.biases[best] + maps.prior
    return Solution({"weight": axes @ weight, "bias": bias}, notes)


def _maps(values: Float, problem: Problem, rows: Rows, shrinkages: Float) -> _Maps:
    arguments = values[rows], problem.targets[rows], problem.weights[rows]
    return _each_label(*arguments, problem.balanced, shrinkages) if problem.multilabel else _one(*arguments, shrinkages)


def _one(values: Float, targets: Float, weights: Float, shrinkages: Float) -> _Maps:
    """One label per example."""
    shares = weights @ targets / weights.sum()
    present = shares > 0
    means = (targets * weights[:, None]).T @ values / (weights.sum() * np.where(present, shares, 1.0))[:, None]
    roots, axes = _spectrum(values - targets @ means, weights)
    turned = means @ axes
    inverse = 1.0 / ((1.0 - shrinkages)[:, None] * roots + shrinkages[:, None])  # (shrinkages, p)
    maps = axes @ (inverse[:, :, None] * turned.T)
    prior = np.log(np.where(present, shares, shares[present].min()))
    return _Maps(maps, -0.5 * (inverse @ np.square(turned).T), prior, present)


def _each_label(values: Float, targets: Float, weights: Float, balanced: bool, shrinkages: Float) -> _Maps:
    """Several labels: each against its absence; the covariance within is the total less that between (rank one)."""
    total = weights.sum()
    shares = weights @ targets / total
    told = (targets.min(axis=0) < 1) & (targets.max(axis=0) > 0)  # not carried by all, nor by none
    safe = np.where(told, shares, 0.5)
    whole = weights @ values / total
    carriers = (targets * weights[:, None]).T @ values / (total * safe)[:, None]
    others = (whole - safe[:, None] * carriers) / (1.0 - safe)[:, None]
    roots, axes = _spectrum(values - whole, weights)
    gap, middle = (carriers - others) @ axes, 0.5 * (carriers + others) @ axes  # (classes, p)
    inverse = 1.0 / ((1.0 - shrinkages)[:, None] * roots + shrinkages[:, None])
    turned = inverse[:, :, None] * gap.T  # (shrinkages, p, classes)
    between = (1.0 - shrinkages)[:, None] * (safe * (1.0 - safe))  # (shrinkages, classes)
    turned /= (1.0 - between * (turned * gap.T).sum(axis=1))[:, None]  # Sherman and Morrison
    turned *= told
    biases = -(turned * middle.T).sum(axis=1)
    odds = np.zeros(len(shares)) if balanced else np.log(safe / (1.0 - safe))
    certain = np.where(shares > 0, _CERTAIN, -_CERTAIN)
    return _Maps(axes @ turned, biases, np.where(told, odds, certain), np.ones(len(shares), dtype=np.bool_))


def _spectrum(centred: Float, weights: Float) -> tuple[Float, Float]:
    """Eigenvalues (p,) and axes (p, p) of the weighted covariance of centred values (n, p)."""
    squares, axes = np.linalg.eigh(centred.T @ (weights[:, None] * centred) / weights.sum())
    return np.maximum(squares, 0.0), axes


NEAREST_MEAN = SolvedHead("nearest_mean", NearestMeanOptions, solve)
