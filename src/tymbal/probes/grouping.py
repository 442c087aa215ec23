"""Folds inside the training examples: whole groups, labels balanced."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tymbal.corpus.balance import assign
from tymbal.errors import DataError


def grouped_folds(
    groups: Sequence[str], targets: NDArray[np.float32], shares: NDArray[np.float64], *, seed: int
) -> NDArray[np.int64]:
    """Fold of every example, shape (n,); no group straddles folds, labels follow `shares` as well as groups allow.

    targets (n, classes) membership. Raises DataError where groups are fewer than folds.
    """
    names, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    if len(names) < len(shares):
        raise DataError(
            f"{len(names)} groups cannot fill {len(shares)} folds",
            where="groups",
            mend="Ask for fewer inner folds, or group by a finer column.",
        )
    counts = np.zeros((len(names), targets.shape[1] + 1))
    np.add.at(counts, members, np.column_stack([targets, np.ones(len(targets))]))
    return np.asarray(assign(counts, shares, seed=seed)[members], dtype=np.int64)


def validation_rows(
    groups: Sequence[str], targets: NDArray[np.float32], fraction: float, *, seed: int
) -> NDArray[np.bool_]:
    """True for the examples held out to watch training, shape (n,): whole groups, about `fraction` of the examples.

    Groups are taken one by one, each time the one that brings the held-out labels nearest to `fraction` of every
    label. A label is never held out whole; where that leaves no group to hold out, nothing is held out.
    """
    names, members = np.unique(np.asarray(groups, dtype=str), return_inverse=True)
    counts = np.zeros((len(names), targets.shape[1]))
    np.add.at(counts, members, targets)
    sizes = np.bincount(members)
    shuffled = np.random.default_rng(seed).permutation(len(names))  # breaks ties
    counts, sizes = counts[shuffled], sizes[shuffled]
    wanted = fraction * len(targets)
    left, aim = counts.sum(axis=0), fraction * counts.sum(axis=0)
    held, taken = np.zeros(len(names), dtype=bool), np.zeros(targets.shape[1])
    while sizes[held].sum() < wanted:
        emptied = ((left - counts <= 0) & (left > 0)).any(axis=1)
        too_large = sizes[held].sum() + sizes > 2 * wanted
        cost = (np.square(taken + counts - aim) / np.maximum(aim, 1e-9)).sum(axis=1)
        cost[held | emptied | too_large] = np.inf
        best = int(np.argmin(cost))
        if not np.isfinite(cost[best]):
            break
        held[best] = True
        left, taken = left - counts[best], taken + counts[best]
    of_group = np.zeros(len(names), dtype=np.bool_)
    of_group[shuffled] = held
    return np.asarray(of_group[members], dtype=np.bool_)
