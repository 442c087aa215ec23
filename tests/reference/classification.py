"""Slow twins of the classification metrics: plain loops in float64, every definition written out."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np


def accuracy(reference: Sequence[int], predicted: Sequence[int], weights: Sequence[float]) -> float:
    """Weighted share of equal labels."""
    right = sum(w for r, p, w in zip(reference, predicted, weights, strict=True) if r == p)
    return right / sum(weights)


def balanced_accuracy(reference: Sequence[int], predicted: Sequence[int], weights: Sequence[float]) -> float:
    """Mean recall over the classes with any weight."""
    recalls = []
    for label in sorted(set(reference)):
        rows = [i for i, r in enumerate(reference) if r == label]
        whole = sum(weights[i] for i in rows)
        if whole:
            recalls.append(sum(weights[i] for i in rows if predicted[i] == label) / whole)
    return sum(recalls) / len(recalls)


def average_precision(member: Sequence[bool], scores: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted mean over positives of the precision among all that score at least as high; NaN without positives."""
    found, whole = 0.0, 0.0
    for i, positive in enumerate(member):
        if not positive or not weights[i]:
            continue
        above = [j for j in range(len(member)) if scores[j] >= scores[i]]
        precision = sum(weights[j] for j in above if member[j]) / sum(weights[j] for j in above)
        found += weights[i] * precision
        whole += weights[i]
    return found / whole if whole else math.nan


def auroc(member: Sequence[bool], scores: Sequence[float], weights: Sequence[float]) -> float:
    """Weighted share of (positive, negative) pairs in the right order, ties counting half; NaN without pairs."""
    won, pairs = 0.0, 0.0
    for i, positive in enumerate(member):
        for j, other in enumerate(member):
            if positive and not other:
                weight = weights[i] * weights[j]
                pairs += weight
                won += weight * (1.0 if scores[i] > scores[j] else 0.5 if scores[i] == scores[j] else 0.0)
    return won / pairs if pairs else math.nan


def macro(kind: str, member: np.ndarray, scores: np.ndarray, weights: Sequence[float]) -> float:
    """Mean over classes of "map" (absent from all examples = 0), "cmap" or "auroc" (absent left out)."""
    whole = np.ones(len(member))
    one = auroc if kind == "auroc" else average_precision
    kept = [c for c in range(member.shape[1]) if not math.isnan(one(member[:, c], scores[:, c], whole))]
    values = [one(member[:, c], scores[:, c], weights) for c in kept]
    values = [value for value in values if not math.isnan(value)]
    if not values:
        return math.nan
    mean = sum(values) / len(values)
    return mean * len(kept) / member.shape[1] if kind == "map" else mean


def top1(member: np.ndarray, scores: np.ndarray, weights: Sequence[float]) -> float:
    """Weighted share of labelled examples whose top class is one of theirs; a tie gives the share that is."""
    found, whole = 0.0, 0.0
    for labels, row, weight in zip(member, scores, weights, strict=True):
        if not labels.any():
            continue
        top = [c for c in range(len(row)) if row[c] == max(row)]
        found += weight * sum(bool(labels[c]) for c in top) / len(top)
        whole += weight
    return found / whole
