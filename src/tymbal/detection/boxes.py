"""Boxes: what a detector says, as columns of arrays, and which of them overlap in time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.evaluation.detection import overlapping_pairs

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
UNKNOWN = -1  # the label of a box that is an event of no known class


@dataclass(frozen=True)
class Boxes:
    """n boxes on one clock.

    Attributes
    ----------
    onset_s, offset_s : float64 (n,), seconds.
    score : float64 (n,), 0–1.
    label : int64 (n,), number of the class; `UNKNOWN` where it is none of them.
    low_hz, high_hz : float64 (n,); NaN where a box has no bounds in frequency.
    """

    onset_s: Floats
    offset_s: Floats
    score: Floats
    label: Ints
    low_hz: Floats
    high_hz: Floats

    def __post_init__(self) -> None:
        lengths = {each.name: getattr(self, each.name).shape for each in fields(self)}
        if len(set(lengths.values())) != 1 or self.onset_s.ndim != 1:
            raise DataError(f"columns of shapes {lengths}", where="Boxes", allowed="one dimension, equal lengths")

    @classmethod
    def make(
        cls,
        onset_s: object,
        offset_s: object,
        *,
        score: object = None,
        label: object = None,
        low_hz: object = None,
        high_hz: object = None,
    ) -> Boxes:
        """Boxes of anything array-like; scores of 1, class 0 and no bounds in frequency where nothing is given."""
        onsets = np.asarray(onset_s, dtype=np.float64).reshape(-1)

        def column(given: object, otherwise: float) -> Floats:
            return np.full(len(onsets), otherwise) if given is None else np.asarray(given, dtype=np.float64).reshape(-1)

        labels = np.zeros(len(onsets), dtype=np.int64) if label is None else np.asarray(label, dtype=np.int64)
        return cls(
            onsets,
            column(offset_s, 0.0),
            column(score, 1.0),
            labels.reshape(-1),
            column(low_hz, np.nan),
            column(high_hz, np.nan),
        )

    @classmethod
    def none(cls) -> Boxes:
        """No boxes."""
        return cls.make([], [])

    @classmethod
    def join(cls, parts: Sequence[Boxes]) -> Boxes:
        """The boxes of all parts, one part after the other."""
        if not parts:
            return cls.none()
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))

    def __len__(self) -> int:
        return len(self.onset_s)

    @property
    def edges_s(self) -> Floats:
        """Onsets and offsets, (n, 2)."""
        return np.stack([self.onset_s, self.offset_s], axis=1)

    def take(self, rows: NDArray[np.generic]) -> Boxes:
        """The boxes at `rows`: numbers in any order, or a mask."""
        return Boxes(*(getattr(self, each.name)[rows] for each in fields(self)))

    def sorted(self) -> Boxes:
        """In order of onset, then offset, then class, then falling score: one order whatever it was before."""
        return self.take(np.lexsort((-self.score, self.label, self.offset_s, self.onset_s)))

    def between(self, start_s: float, end_s: float) -> Boxes:
        """Of boxes in order of onset those that begin in [start_s, end_s)."""
        first, last = np.searchsorted(self.onset_s, [start_s, end_s])
        return self.take(np.arange(first, last))

    def rescored(self, score: Floats) -> Boxes:
        """The same boxes with other scores."""
        return Boxes(self.onset_s, self.offset_s, score, self.label, self.low_hz, self.high_hz)


def corners(*sides: Boxes) -> list[Floats]:
    """Each side as (n, 4) onset, offset, low, high where every box of all sides has bounds, else as (n, 2) of time."""
    bounded = all(np.isfinite(side.low_hz).all() and np.isfinite(side.high_hz).all() for side in sides)
    if not bounded:
        return [side.edges_s for side in sides]
    return [np.stack([side.onset_s, side.offset_s, side.low_hz, side.high_hz], axis=1) for side in sides]


def overlapping(a: Boxes, b: Boxes, *, above: float = 0.0) -> tuple[Ints, Ints, Floats]:
    """All pairs (row of a, row of b, IoU) whose intersection over union is above `above`, by a, then b.

    In time; where all boxes have bounds, the square root of the IoU of areas. That is the IoU per axis, so that a bound
    means the same with frequency and without, and calls one above the other at one time are apart.
    """
    first, second = corners(a, b)
    areas = first.shape[1] == 4
    pairs = overlapping_pairs(first, second, minimum_iou=above**2 if areas else above)
    order = np.lexsort((pairs.prediction, pairs.reference))
    iou = pairs.iou[order]
    return pairs.reference[order], pairs.prediction[order], np.sqrt(iou) if areas else iou


def components(count: int, first: Ints, second: Ints) -> Iterator[Ints]:
    """Rows of every connected component of two or more among `count` nodes with edges (first, second)."""
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    _, named = connected_components(coo_matrix((np.ones(len(first)), (first, second)), shape=(count, count)), False)
    order = np.argsort(named, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(named[order])) + 1):
        if len(members) > 1:
            yield members
