"""Whether recordings of one group sound alike beyond their label: then a random split leaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

PERMUTATIONS = 499
MOST = 4000  # recordings compared; of more, a fixed sample of whole groups
WIDEST = 256  # neighbours looked through for one of another group


@dataclass(frozen=True)
class Leak:
    """Nearest-neighbour accuracy of the label by sound alone, three ways.

    `random`: the nearest other recording tells the label (what a random split allows). `grouped`: only recordings of
    other groups may tell. `expected`: the same for groups of these sizes drawn at random within each label, on
    average, and `p`: how often such groups cost as much as the real ones or more.
    """

    random: float
    grouped: float
    expected: float
    p: float
    recordings: int


def leak(
    features: NDArray[np.float64],
    labels: NDArray[np.int64],
    groups: Sequence[str | None],
    *,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Leak | None:
    """Test a grouping on features (recordings, dim), label codes and group names of the same recordings.

    Under the null hypothesis that, within a label, it does not matter which group a recording is in, groups may be
    exchanged within labels; the p-value is exact for the permutations drawn. None where nothing can be compared.
    """
    keep = labels >= 0
    names = [f"g{group}" if group is not None else f"u{row}" for row, group in enumerate(groups)]
    group = np.unique(names, return_inverse=True)[1]
    keep &= _sample(group, keep, seed)
    features, labels, group = _standard(features[keep]), labels[keep], group[keep]
    if len(labels) < 8 or len(np.unique(labels)) < 2 or not features.shape[1] or len(np.unique(group)) < 4:
        return None
    largest = int(np.bincount(group).max())
    nearest = _neighbours(features, min(len(labels) - 1, largest, WIDEST))
    told = labels[nearest] == labels[:, None]
    random_accuracy = float(told[:, 0].mean())
    grouped = _grouped(nearest, told, group)
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    drawn = np.empty(permutations)
    for turn in range(permutations):
        shuffled = group.copy()
        for rows in members:
            shuffled[rows] = group[rng.permutation(rows)]
        drawn[turn] = _grouped(nearest, told, shuffled)
    p = (1 + int((drawn <= grouped + 1e-12).sum())) / (1 + permutations)
    return Leak(random_accuracy, grouped, float(drawn.mean()), float(p), len(labels))


def _sample(group: NDArray[np.intp], keep: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    if int(keep.sum()) <= MOST:
        return np.ones(len(group), dtype=bool)
    order = np.random.default_rng(seed).permutation(int(group.max()) + 1)
    sizes = np.bincount(group[keep], minlength=len(order))
    chosen = order[np.cumsum(sizes[order]) <= MOST]
    return np.isin(group, chosen)


def _standard(features: NDArray[np.float64]) -> NDArray[np.float64]:
    spread = features.std(axis=0) if len(features) else np.zeros(features.shape[1])
    varied = spread > 1e-9
    return np.asarray((features[:, varied] - features[:, varied].mean(axis=0)) / spread[varied])


def _neighbours(features: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The nearest other recordings of each, nearest first, shape (recordings, count)."""
    found = cKDTree(features).query(features, k=count + 1)[1]
    own = found == np.arange(len(features))[:, None]
    missing = ~own.any(axis=1)  # copies at distance 0 may have pushed a recording off its own list
    own[missing, -1] = True
    return np.asarray(found[~own].reshape(len(features), count), dtype=np.int64)


def _grouped(nearest: NDArray[np.int64], told: NDArray[np.bool_], group: NDArray[np.intp]) -> float:
    """Accuracy by the nearest neighbour of another group; a recording whose list has none counts as wrong."""
    other = group[nearest] != group[:, None]
    first = other.argmax(axis=1)
    rows = np.arange(len(group))
    return float((told[rows, first] & other[rows, first]).mean())
