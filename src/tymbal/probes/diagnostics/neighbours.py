"""Do nearest neighbours of one label share their session, or stand near in the order of recording, more than chance?

Both tests condition on the label, exchange whole recordings within labels, and take no fitted model: what they find
is in the features, whatever head is put on them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.corpus.auditing.leaks import exchanged, nearest_others, standardised

Codes = NDArray[np.intp]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Trace:
    """How much of a column (session, say) nearest neighbours share.

    observed, expected : (rows,) share of a row's nearest neighbours of its label that have its group, and the share
        among all rows of its label in other blocks; only rows for which these could differ.
    rows : which rows these are. p : how often groups exchanged within labels share as much.
    """

    observed: Floats
    expected: Floats
    rows: NDArray[np.int64]
    p: float

    @property
    def ratio(self) -> float:
        """Observed over expected; 1 = no trace."""
        return float(self.observed.sum() / self.expected.sum())


@dataclass(frozen=True)
class Order:
    """Kolmogorov-Smirnov distance between how far apart in order neighbours stand and how far any pair does, and p."""

    distance: float
    p: float


def label_neighbours(features: Floats, labels: NDArray[np.int64], block: Codes, count: int) -> NDArray[np.int64]:
    """The `count` nearest rows of the same label and another block, nearest first, (rows, count); -1 where fewer."""
    found = np.full((len(labels), count), -1, dtype=np.int64)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        own = block[rows]
        largest = int(np.unique(own, return_counts=True)[1].max())
        asked = min(len(rows) - 1, count + largest - 1)
        if asked < 1:
            continue
        near = nearest_others(features[rows], asked)
        other = own[near] != own[:, None]
        rank = np.where(other, np.cumsum(other, axis=1) - 1, count)
        row, column = np.nonzero(rank < count)
        found[rows[row], rank[row, column]] = rows[near[row, column]]
    return found


def trace(
    features: Floats,
    labels: NDArray[np.int64],
    group: Codes,
    block: Codes,
    *,
    neighbours: int,
    permutations: int,
    seed: int,
) -> Trace | None:
    """Share of the nearest neighbours of the same label that have the same group, against chance.

    features (rows, dim); label, group and block codes (rows,). Rows of one block (recording) lie in one group and are
    never each other's neighbours. The p-value is one-sided: groups of whole blocks are exchanged within labels, and
    the mean of (observed - expected) is compared, which is 0 on average whatever the sizes are. None where no row
    has neighbours of its label both in its group and in others.
    """
    nearest = label_neighbours(standardised(features), labels, block, neighbours)
    pair = np.unique(np.stack([block, labels]), axis=1, return_inverse=True)[1].ravel()
    own = np.bincount(pair)[pair]  # rows of its block with its label: always of its group, never a neighbour
    total = np.bincount(labels)[labels] - own
    observed, expected = _shares(nearest, labels, group, own, total)
    rows = np.flatnonzero((expected > 0) & (expected < 1))
    if not len(rows):
        return None
    gap = float((observed - expected)[rows].sum())
    drawn = np.array(
        [
            np.subtract(*_shares(nearest, labels, each, own, total)).sum()
            for each in exchanged(group, labels, block, permutations, seed)
        ]
    )
    p = (1 + int((drawn >= gap - 1e-9).sum())) / (1 + permutations)
    return Trace(observed[rows], expected[rows], rows, float(p))


def _shares(
    nearest: NDArray[np.int64], labels: NDArray[np.int64], group: Codes, own: NDArray[np.int64], total: NDArray[np.intp]
) -> tuple[Floats, Floats]:
    """(observed, expected) shares (rows,); both 0 where a row has no neighbour."""
    real = nearest >= 0
    same = (group[nearest] == group[:, None]) & real
    observed = same.sum(axis=1) / np.maximum(real.sum(axis=1), 1)
    width = int(group.max()) + 1
    cells = labels * width + group
    expected = (np.bincount(cells)[cells] - own) / np.maximum(total, 1)
    return np.asarray(observed, dtype=np.float64), np.where(total > 0, expected, 0.0)


def order(
    features: Floats,
    labels: NDArray[np.int64],
    block: Codes,
    place: NDArray[Any],
    *,
    neighbours: int,
    permutations: int,
    seed: int,
) -> Order | None:
    """Do nearest neighbours of one label stand nearer to each other in an order than pairs of that label do?

    place : (rows,) where the row's block stands in the order (of recording, or of file names). The largest excess of
    the distribution of neighbours' distances over that of all pairs (a one-sided Kolmogorov-Smirnov statistic), and
    p from exchanging places within labels: Cummings, Snorrason & Mueller 2023 (arXiv 2305.15696), here within labels,
    which are often recorded one after the other. None where nothing can be compared.
    """
    nearest = label_neighbours(standardised(features), labels, block, neighbours)
    real = nearest >= 0
    if not real.any():
        return None
    codes = np.unique(place, return_inverse=True)[1].ravel()
    background = _background(labels, codes, block, real.sum(axis=1))
    if len(background) < 3:
        return None

    def excess(where: Codes) -> float:
        apart = np.abs(where[nearest] - where[:, None])[real]
        share = np.cumsum(np.bincount(apart, minlength=len(background))) / len(apart)
        return float((share - background).max())

    observed = excess(codes)
    drawn = np.array([excess(each) for each in exchanged(codes, labels, block, permutations, seed)])
    p = (1 + int((drawn >= observed - 1e-12).sum())) / (1 + permutations)
    return Order(observed, float(p))


def _background(
    labels: NDArray[np.int64], codes: Codes, block: Codes, weights: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Cumulative distribution of the distances of all pairs of one label and two blocks, a row's weight shared out."""
    counts = np.zeros(int(codes.max()) + 1)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        for row in rows:
            others = rows[block[rows] != block[row]]
            if len(others):
                apart = np.abs(codes[others] - codes[row])
                counts += np.bincount(apart, minlength=len(counts)) * (weights[row] / len(others))
    total = counts.sum()
    return np.cumsum(counts) / total if total else np.zeros(0)
