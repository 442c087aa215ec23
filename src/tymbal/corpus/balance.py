"""Whole groups into folds, labels balanced as well as the groups allow."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

PASSES = 20  # of single-group moves after the greedy assignment; each pass is linear in the number of groups

Counts = NDArray[np.float64]


def imbalance(totals: Counts, shares: Counts) -> float:
    """Sum over labels and folds of (share of the label in the fold - wanted share)².

    `totals` (folds, labels) are example counts, `shares` (folds,) sum to 1. Labels without examples count nothing.
    """
    sums = totals.sum(axis=0)
    kept = sums > 0
    deviation = totals[:, kept] / sums[kept] - shares[:, None]
    return float((deviation**2).sum())


def random_imbalance(counts: Counts, shares: Counts) -> float:
    """Expected `imbalance` when every group draws its fold at random with chances `shares`.

    `counts` (groups, labels). Groups are independent, so variances add: sum of (count / total)² f (1 - f).
    """
    sums = counts.sum(axis=0)
    kept = sums > 0
    return float(((counts[:, kept] / sums[kept]) ** 2).sum() * (shares * (1 - shares)).sum())


def assign(counts: Counts, shares: Counts, *, seed: int) -> NDArray[np.int64]:
    """Fold of every group, shape (groups,).

    Greedy, largest groups first (ties in an order drawn from `seed`), then single-group moves while they help.
    Each greedy step takes the fold with the least expected final imbalance if all groups still to come were drawn
    at random: with what is assigned so far as A, that is the least sum of (n - f A)². By the method of conditional
    expectations (Erdős & Selfridge 1973) the result is never worse than `random_imbalance`, and the moves only
    improve on it. One exception: where a fold would stay empty although there are groups enough, the smallest
    group of the fold with most groups is moved there.
    """
    groups, folds = len(counts), len(shares)
    sums = counts.sum(axis=0)
    weighted = counts[:, sums > 0] / sums[sums > 0]
    shuffled = np.random.default_rng(seed).permutation(groups)
    order = shuffled[np.argsort(-np.square(weighted[shuffled]).sum(axis=1), kind="stable")]
    held = np.zeros((folds, weighted.shape[1]))
    so_far = np.zeros(weighted.shape[1])
    fold_of = np.zeros(groups, dtype=np.int64)
    for group in order:
        so_far += weighted[group]
        # Only the chosen fold's term changes with the choice: (d + w)² - d² = 2 d w + w², w² common to all.
        gain = (held - shares[:, None] * so_far) @ weighted[group]
        fold_of[group] = int(np.argmin(gain))
        held[fold_of[group]] += weighted[group]
    _move(weighted, shares, order, fold_of, held)
    _fill_empty(counts, fold_of, folds)
    return fold_of


def _move(weighted: Counts, shares: Counts, order: NDArray[np.int64], fold_of: NDArray[np.int64], held: Counts) -> None:
    target = shares[:, None] * weighted.sum(axis=0)
    for _ in range(PASSES):
        moved = False
        for group in order:
            own, mine = int(fold_of[group]), weighted[group]
            deviation = held - target
            deviation[own] -= mine
            cost = deviation @ mine
            best = int(np.argmin(cost))
            if cost[best] < cost[own] - 1e-12:
                held[own] -= mine
                held[best] += mine
                fold_of[group] = best
                moved = True
        if not moved:
            return


def _fill_empty(counts: Counts, fold_of: NDArray[np.int64], folds: int) -> None:
    sizes = counts.sum(axis=1)
    for fold in range(folds):
        if (fold_of == fold).any():
            continue
        members = np.bincount(fold_of, minlength=folds)
        if members.max() < 2:
            return
        giver = np.flatnonzero(fold_of == int(np.argmax(members)))
        fold_of[giver[np.argmin(sizes[giver])]] = fold
