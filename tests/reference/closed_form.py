"""Slow twins of the heads in closed form: distances, votes and rankings in plain float64 loops."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def within_covariance(x: Array, classes: NDArray[np.int64], weights: Array, shrinkage: float) -> Array:
    """(1 - s) W + s I, W the weighted mean of (x - own mean)(x - own mean)^T."""
    total = np.zeros((x.shape[1], x.shape[1]))
    for label in sorted(set(classes.tolist())):
        rows = classes == label
        mean = np.average(x[rows], axis=0, weights=weights[rows])
        for row, weight in zip(x[rows], weights[rows], strict=True):
            total += weight * np.outer(row - mean, row - mean)
    return (1 - shrinkage) * total / weights.sum() + shrinkage * np.eye(x.shape[1])


def squared_distances(x: Array, classes: NDArray[np.int64], weights: Array, shrinkage: float, asked: Array) -> Array:
    """Squared Mahalanobis distance (asked, labels) of every row of `asked` to the mean of every label."""
    inverse = np.linalg.inv(within_covariance(x, classes, weights, shrinkage))
    labels = sorted(set(classes.tolist()))
    means = [np.average(x[classes == label], axis=0, weights=weights[classes == label]) for label in labels]
    return np.array([[(row - mean) @ inverse @ (row - mean) for mean in means] for row in asked])


def knn_shares(
    x: Array, targets: Array, votes: Array, prior: Array, asked: Array, k: int, sharpness: float = 0.07
) -> Array:
    """Shares (asked, classes) of the votes of the k nearest by cosine and of one more neighbour, the prior."""
    rows = []
    for each in asked:
        cosines = []
        for other in x:
            lengths = math.sqrt(each @ each) * math.sqrt(other @ other)
            cosines.append(each @ other / lengths if lengths else 0.0)
        nearest = sorted(range(len(x)), key=lambda index: -cosines[index])[:k]
        cast = [votes[index] * math.exp((cosines[index] - 1) / sharpness) for index in nearest]
        mean = sum(cast) / len(cast)
        carried = sum(vote * targets[index] for vote, index in zip(cast, nearest, strict=True))
        rows.append((carried / mean + prior) / (len(nearest) + 1))
    return np.array(rows)


def eta_squared(x: Array, classes: NDArray[np.int64], groups: NDArray[np.str_]) -> Array:
    """1 - SS within / SS total of the means of (group, class) cells, value by value."""
    cells = sorted(set(zip(groups.tolist(), classes.tolist(), strict=True)))
    means = np.array([x[(groups == group) & (classes == label)].mean(axis=0) for group, label in cells])
    labels = np.array([label for _, label in cells])
    if len(cells) < 2 * len(set(labels.tolist())):
        means, labels = x, classes
    found = []
    for value in means.T:
        within = sum(((value[labels == label] - value[labels == label].mean()) ** 2).sum() for label in set(labels))
        found.append(1 - within / ((value - value.mean()) ** 2).sum())
    return np.array(found)


def smoothed_log_loss(logits: Array, targets: Array, weights: Array, multilabel: bool) -> float:
    """Weighted mean negative log likelihood of targets that give 1 / (n + 2) to the other side."""
    n, classes = targets.shape
    doubt, total = 1 / (n + 2), 0.0
    for row, truth, weight in zip(logits, targets, weights, strict=True):
        for index in range(classes):
            if multilabel:
                share = 1 / (1 + math.exp(-row[index]))
                hope = 1 - doubt if truth[index] else doubt
                total -= weight * (hope * math.log(share) + (1 - hope) * math.log(1 / (1 + math.exp(row[index]))))
            else:
                share = math.exp(row[index]) / sum(math.exp(other) for other in row)
                total -= weight * (1 - doubt if truth[index] else doubt / (classes - 1)) * math.log(share)
    return total / weights.sum()


def temperature_loss(t: float, logits: Array, targets: Array, weight: Array, multilabel: bool) -> float:
    """Weighted mean negative log likelihood of logits / t, and (log t)^2 / (2 * 0.5^2) shared by the n examples."""
    total = whole = 0.0
    for row, truth in zip(logits / t, targets, strict=True):
        if multilabel:
            for value, held, heavy in zip(row, truth, weight, strict=True):
                total += heavy * math.log1p(math.exp(-value)) if held else math.log1p(math.exp(value))
            whole += 1
        else:
            own = int(np.argmax(truth))
            total -= weight[own] * (row[own] - math.log(sum(math.exp(value) for value in row)))
            whole += weight[own]
    return float(total / whole + math.log(t) ** 2 / 0.5 / len(logits))
