"""Whether recordings of one group sound alike beyond their label: then a random split leaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PERMUTATIONS = 499
MOST = 4000  # recordings compared; of more, a fixed sample of whole groups
WIDEST = 256  # neighbours looked through for one of another group
_BLOCK = 512  # rows whose distances are held at once


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
    blocks: Sequence[str] | None = None,
    least_groups: int = 4,
    permutations: int = PERMUTATIONS,
    seed: int = 0,
) -> Leak | None:
    """Test a grouping on features (recordings, dim), label codes and group names of the same recordings.

    Under the null hypothesis that, within a label, it does not matter which group a recording is in, groups may be
    exchanged within labels; the p-value is exact for the permutations drawn. None where nothing can be compared.

    Where the rows are events, `blocks` names the recording of each (which lies in one group): rows of one block are
    never each other's neighbours, and whole blocks are exchanged, among those with the same most frequent label.
    """
    keep = labels >= 0
    names = [f"g{group}" if group is not None else f"u{row}" for row, group in enumerate(groups)]
    group = np.unique(names, return_inverse=True)[1]
    block = np.arange(len(group)) if blocks is None else np.unique(blocks, return_inverse=True)[1]
    keep &= sample_groups(group, keep, seed)
    features, labels, group, block = standardised(features[keep]), labels[keep], group[keep], block[keep]
    if len(labels) < 8 or len(np.unique(labels)) < 2 or not features.shape[1] or len(np.unique(group)) < least_groups:
        return None
    largest = int(np.bincount(group).max())
    nearest = nearest_others(features, min(len(labels) - 1, largest, WIDEST))
    told = labels[nearest] == labels[:, None]
    random_accuracy = _grouped(nearest, told, block)
    grouped = _grouped(nearest, told, group)
    drawn = np.array([_grouped(nearest, told, each) for each in exchanged(group, labels, block, permutations, seed)])
    p = (1 + int((drawn <= grouped + 1e-12).sum())) / (1 + permutations)
    return Leak(random_accuracy, grouped, float(drawn.mean()), float(p), len(labels))


def exchanged(
    group: NDArray[np.intp], labels: NDArray[np.int64], block: NDArray[np.intp], permutations: int, seed: int
) -> Iterator[NDArray[np.intp]]:
    """`permutations` arrays like `group` (rows,): groups of whole blocks exchanged at random within labels.

    A block of several labels counts as of its most frequent one; a block lies in one group.
    """
    rng = np.random.default_rng(seed)
    _, first, block = np.unique(block, return_index=True, return_inverse=True)
    table = np.zeros((len(first), int(labels.max()) + 1), dtype=np.int64)
    np.add.at(table, (block, labels), 1)
    label, of_block = table.argmax(axis=1), group[first]
    members = [np.flatnonzero(label == each) for each in np.unique(label)]
    for _ in range(permutations):
        shuffled = of_block.copy()
        for blocks in members:
            shuffled[blocks] = of_block[rng.permutation(blocks)]
        yield shuffled[block]


def sample_groups(group: NDArray[np.intp], keep: NDArray[np.bool_], seed: int) -> NDArray[np.bool_]:
    """Rows to keep (rows,), at most MOST of those in `keep`: a fixed sample of whole groups."""
    if int(keep.sum()) <= MOST:
        return np.ones(len(group), dtype=bool)
    order = np.random.default_rng(seed).permutation(int(group.max()) + 1)
    sizes = np.bincount(group[keep], minlength=len(order))
    chosen = order[np.cumsum(sizes[order]) <= MOST]
    return np.isin(group, chosen)


def standardised(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Features (rows, dim) with mean 0 and deviation 1, those that do not vary left out."""
    spread = features.std(axis=0) if len(features) else np.zeros(features.shape[1])
    varied = spread > 1e-9
    return np.asarray((features[:, varied] - features[:, varied].mean(axis=0)) / spread[varied])


def nearest_others(features: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """The nearest other rows (Euclidean) of each, nearest first, shape (rows, count)."""
    squares = np.square(features).sum(axis=1)
    found = np.empty((len(features), count), dtype=np.int64)
    for start in range(0, len(features), _BLOCK):  # a tree is slower than these products past some 100 dimensions
        rows = np.arange(start, min(start + _BLOCK, len(features)))
        distance = squares - 2 * features[rows] @ features.T
        distance[np.arange(len(rows)), rows] = np.inf
        first = np.sort(np.argpartition(distance, count - 1, axis=1)[:, :count], axis=1)  # equal ones by number
        order = np.argsort(np.take_along_axis(distance, first, axis=1), axis=1, kind="stable")
        found[rows] = np.take_along_axis(first, order, axis=1)
    return found


def _grouped(nearest: NDArray[np.int64], told: NDArray[np.bool_], group: NDArray[np.intp]) -> float:
    """Accuracy by the nearest neighbour of another group; a recording whose list has none counts as wrong."""
    other = group[nearest] != group[:, None]
    first = other.argmax(axis=1)
    rows = np.arange(len(group))
    return float((told[rows, first] & other[rows, first]).mean())
