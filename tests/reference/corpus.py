"""Slow and plain twins of what the corpus room computes fast."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def components(keys: Sequence[Sequence[str | None]]) -> list[frozenset[int]]:
    """Connected components of rows that share a non-null key in any column, by exhaustive search."""
    rows = len(keys[0])
    left, found = set(range(rows)), []
    while left:
        reached, fresh = set(), {min(left)}
        while fresh:
            reached |= fresh
            fresh = {
                other
                for row in fresh
                for other in left - reached
                if any(column[row] is not None and column[row] == column[other] for column in keys)
            }
        found.append(frozenset(reached))
        left -= reached
    return found


def imbalance(counts: NDArray[np.float64], fold_of: Sequence[int], shares: Sequence[float]) -> float:
    """Sum over folds and labels of (share of the label in the fold - wanted share) squared, loop by loop."""
    total = 0.0
    for label in range(counts.shape[1]):
        whole = sum(counts[group, label] for group in range(len(counts)))
        if whole == 0:
            continue
        for fold, share in enumerate(shares):
            inside = sum(counts[group, label] for group in range(len(counts)) if fold_of[group] == fold)
            total += (inside / whole - share) ** 2
    return total


def cramer(labels: Sequence[int], values: Sequence[int]) -> float:
    """Bias-corrected Cramér's V (Bergsma 2013) from the contingency table, cell by cell; -1 = unknown."""
    pairs = [(a, b) for a, b in zip(labels, values, strict=True) if a >= 0 and b >= 0]
    rows, columns = sorted({a for a, _ in pairs}), sorted({b for _, b in pairs})
    n, r, c = len(pairs), len(rows), len(columns)
    if n < 3 or r < 2 or c < 2:
        return 0.0
    chi2 = 0.0
    for a in rows:
        for b in columns:
            expected = sum(p[0] == a for p in pairs) * sum(p[1] == b for p in pairs) / n
            chi2 += (pairs.count((a, b)) - expected) ** 2 / expected
    phi2 = max(0.0, chi2 / n - (r - 1) * (c - 1) / (n - 1))
    least = min(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    return min(1.0, (phi2 / least) ** 0.5) if least > 1e-9 else 0.0


def epsilon(labels: Sequence[int], values: Sequence[float]) -> float:
    """Root of epsilon squared of a one-way analysis of variance on ranks (midranks for ties)."""
    pairs = [(a, b) for a, b in zip(labels, values, strict=True) if a >= 0 and np.isfinite(b)]
    known = [b for b in values if np.isfinite(b)]
    ranks = [sum(other < b for other in known) + (sum(other == b for other in known) + 1) / 2 for _, b in pairs]
    classes = sorted({a for a, _ in pairs})
    n, k = len(pairs), len(classes)
    mean = sum(ranks) / n if n else 0.0
    total = sum((rank - mean) ** 2 for rank in ranks)
    if n < 3 or k < 2 or n <= k or total == 0:
        return 0.0
    within = 0.0
    for label in classes:
        own = [rank for rank, (a, _) in zip(ranks, pairs, strict=True) if a == label]
        within += sum((rank - sum(own) / len(own)) ** 2 for rank in own)
    return max(0.0, 1 - within / total * (n - 1) / (n - k)) ** 0.5


def grouped_accuracy(features: NDArray[np.float64], labels: Sequence[int], groups: Sequence[str]) -> float:
    """Share of rows whose nearest row of another group has the same label (features taken as they are)."""
    right = 0
    for row in range(len(features)):
        others = [other for other in range(len(features)) if groups[other] != groups[row]]
        nearest = min(others, key=lambda other: float(((features[row] - features[other]) ** 2).sum()))
        right += labels[nearest] == labels[row]
    return right / len(features)


def votes(one: tuple[list[int], list[int]], other: tuple[list[int], list[int]]) -> dict[int, int]:
    """How many landmark pairs (value, frame) of two recordings agree in value, by difference of frames."""
    counts: dict[int, int] = {}
    for value, frame in zip(*one, strict=True):
        for value2, frame2 in zip(*other, strict=True):
            if value == value2:
                counts[frame - frame2] = counts.get(frame - frame2, 0) + 1
    return counts
