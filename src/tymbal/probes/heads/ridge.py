"""The ridge head: least squares on one-vs-rest targets, its penalty by exact leave-one-group-out, in closed form."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import UsageError
from tymbal.probes.heads.base import Float, LeftOut, Problem, Solution, SolvedHead
from tymbal.probes.heads.scaling import fit_scale


@dataclass(frozen=True)
class RidgeOptions:
    """Penalties tried: `steps` from 10^low to 10^high times the number of examples, evenly in the exponent."""

    low: float = -4.0
    high: float = 3.0
    steps: int = 15


@dataclass(frozen=True)
class _Spectrum:
    """Weighted, centred values as U diag(s) V^T, and the targets in the same weighted space."""

    left: Float  # U (n, rank)
    squares: Float  # s^2 (rank,)
    targets: Float  # sqrt(w) (y - mean) (n, classes)
    roots: Float  # sqrt(w) (n,)


def solve(problem: Problem, options: RidgeOptions) -> Solution:
    """min over W, b of sum_i w_i |y_i - W x_i - b|^2 + penalty |W|^2 with targets y of -1 and 1, b not penalised.

    The penalty is the one with the least squared error on groups left out one at a time, counted where the label
    is known from another group (a label's only group, left out, tells nothing of the penalty). It needs no
    refitting: with hat matrix H and residuals r, the errors of a left-out group G are (I - H_GG)^-1 r_G (Cook and
    Weisberg 1982, chapter 2; for single examples r_i / (1 - h_ii), Allen's PRESS). Standardisation is held fixed.
    Scores are made probabilities by one factor on the logits, chosen on the left-out decisions.
    """
    if problem.multilabel and problem.balanced:
        raise UsageError(
            "ridge cannot balance classes where examples carry several labels",
            where="class_weight",
            allowed="none",
            mend="Use logistic, linear or attention for that.",
        )
    signed = 2.0 * problem.targets - 1.0
    weights = problem.weights
    mean_x = weights @ problem.values / weights.sum()
    mean_y = weights @ signed / weights.sum()
    roots = np.sqrt(weights)
    centred = roots[:, None] * (problem.values - mean_x)
    spectrum = _decompose(centred, roots[:, None] * (signed - mean_y), roots)
    groups, counted = _countable(problem)
    judged = weights * counted
    penalties = len(signed) * np.logspace(options.low, options.high, options.steps)
    errors, decisions = [], []
    for penalty in penalties:
        left_out = left_out_errors(spectrum.left, spectrum.squares, spectrum.targets, roots, groups, penalty)
        errors.append(float((judged[:, None] * left_out**2).sum() / judged.sum()))
        decisions.append(signed - left_out)
    best = int(np.argmin(errors))
    penalty = float(penalties[best])
    projected = spectrum.left.T @ spectrum.targets
    weight = centred.T @ (spectrum.left @ (projected / (spectrum.squares + penalty)[:, None]))
    factor = fit_scale(decisions[best][counted], problem.targets[counted], weights[counted], problem.multilabel)
    notes = {"penalty": penalty, "left_out_error": errors[best], "groups": len(np.unique(groups))}
    tensors = {"weight": factor * weight, "bias": factor * (mean_y - mean_x @ weight)}
    return Solution(tensors, notes, LeftOut(factor * decisions[best], counted))


def _decompose(centred: Float, targets: Float, roots: Float) -> _Spectrum:
    n, p = centred.shape
    # The smaller Gram matrix; directions below 1e-12 of the largest carry no signal that a penalty would let through.
    gram = centred @ centred.T if n <= p else centred.T @ centred
    squares, vectors = np.linalg.eigh(gram)
    kept = squares > 1e-12 * max(float(squares[-1]), 1e-300)
    squares, vectors = squares[kept], vectors[:, kept]
    left = vectors if n <= p else centred @ vectors / np.sqrt(squares)
    return _Spectrum(left, squares, targets, roots)


def left_out_errors(
    left: Float, squares: Float, targets: Float, roots: Float, groups: NDArray[np.str_], penalty: float
) -> Float:
    """y - prediction of the model fitted without the example's group, shape (n, classes), exact.

    left (n, rank) and squares (rank,) decompose sqrt(w) (x - mean); targets are sqrt(w) (y - mean); roots sqrt(w).
    """
    shrink = squares / (squares + penalty)
    residuals = targets - left @ (shrink[:, None] * (left.T @ targets))
    total = float(roots @ roots)
    names, members = np.unique(groups, return_inverse=True)
    if len(names) == len(groups):
        leverage = roots**2 / total + np.square(left) @ shrink
        return np.asarray(residuals / (1.0 - leverage)[:, None] / roots[:, None])
    errors = np.empty_like(residuals)
    for group in range(len(names)):
        rows = np.flatnonzero(members == group)
        own = left[rows]
        hat = np.outer(roots[rows], roots[rows]) / total + (own * shrink) @ own.T
        errors[rows] = np.linalg.solve(np.eye(len(rows)) - hat, residuals[rows])
    return np.asarray(errors / roots[:, None])


def _countable(problem: Problem) -> tuple[NDArray[np.str_], NDArray[np.bool_]]:
    """Groups to leave out, and which examples count: those whose labels all occur in another group too.

    Where none does (a group per label), and where there is one group alone, whose absence would leave nothing to learn
    from, single examples are left out and all count.
    """
    names, members = np.unique(problem.groups, return_inverse=True)
    holds = np.zeros((len(names), problem.targets.shape[1]))
    np.add.at(holds, members, problem.targets)
    lonely = (holds > 0).sum(axis=0) < 2
    counted = np.asarray(~(problem.targets[:, lonely] > 0).any(axis=1), dtype=np.bool_)
    if counted.any() and len(names) > 1:  # examples without any label count in every group
        return problem.groups, counted
    return np.arange(len(members)).astype(str), np.ones(len(members), dtype=np.bool_)


RIDGE = SolvedHead("ridge", RidgeOptions, solve)
