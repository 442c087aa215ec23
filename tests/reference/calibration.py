"""Slow twins of the calibration metrics: decisions sorted into lists, every definition written out."""

from __future__ import annotations

import itertools
import math

import numpy as np


def decisions(reference: np.ndarray, scores: np.ndarray) -> list[tuple[float, bool, int]]:
    """(confidence, right, example) of the top class, or of every label where the reference is a table of booleans."""
    found = []
    for row, truth in enumerate(reference):
        if np.ndim(truth):
            found += [(float(score), bool(held), row) for score, held in zip(scores[row], truth, strict=True)]
        else:
            best = max(range(len(scores[row])), key=lambda index: scores[row][index])
            found.append((float(scores[row][best]), best == truth, row))
    return found


def ece(reference: np.ndarray, scores: np.ndarray, weights: np.ndarray, edges: list[float]) -> float:
    """Sum over bins (low, high] of |sum of confidence - sum of right| over all decisions; the lowest holds its edge."""
    error = whole = 0.0
    said = decisions(reference, scores)
    for number, (low, high) in enumerate(itertools.pairwise(edges)):
        own = [(c, r, i) for c, r, i in said if low < c <= high or (number == 0 and c == low)]
        error += abs(sum(weights[i] * (c - r) for c, r, i in own))
        whole += sum(weights[i] for _, _, i in own)
    return error / whole


def adaptive_edges(reference: np.ndarray, scores: np.ndarray, bins: int) -> list[float]:
    """0, then the confidence at which a b-th of all decisions is reached for b = 1 ... bins - 1, then 1."""
    said = sorted(confidence for confidence, _, _ in decisions(reference, scores))
    inner = {said[max(math.ceil(len(said) * b / bins - 1e-9) - 1, 0)] for b in range(1, bins)}
    return [0.0, *sorted(edge for edge in inner if edge < said[-1]), 1.0]


def brier(reference: np.ndarray, scores: np.ndarray) -> float:
    """Mean over examples of the squared errors, summed over classes, or averaged over labels of several."""
    total = 0.0
    for truth, row in zip(reference, scores, strict=True):
        held = truth if np.ndim(truth) else [index == truth for index in range(len(row))]
        errors = [(score - bool(h)) ** 2 for score, h in zip(row, held, strict=True)]
        total += sum(errors) / (len(errors) if np.ndim(truth) else 1)
    return total / len(reference)


def nll(reference: np.ndarray, scores: np.ndarray) -> float:
    """Mean over examples of -log of the score of what was true, averaged over labels of several."""
    total = 0.0
    for truth, row in zip(reference, scores, strict=True):
        if np.ndim(truth):
            total -= sum(math.log(s if h else 1 - s) for s, h in zip(row, truth, strict=True)) / len(row)
        else:
            total -= math.log(row[truth])
    return total / len(reference)
