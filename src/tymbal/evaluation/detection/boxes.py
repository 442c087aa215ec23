"""Boxes in time, or in time and frequency: which of two sets overlap by how much, in near-linear time.

A box is a row (onset_s, offset_s) or (onset_s, offset_s, low_hz, high_hz); IoU = length (area) of the intersection over
that of the union. An IoU above t > 0 bounds both the ratio of two durations and the distance of their onsets. So
predictions are sorted by onset in classes of duration, and every reference looks only where its partners can begin:
one very long prediction widens its own class and no other. What is found is tested exactly, in bounded blocks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError, UsageError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]

TIE = 1e-9  # an IoU this near to the threshold equals it, so that a shift in time cannot decide
_RATIO = 8.0  # of the longest to the shortest duration of a class
_BLOCK = 1 << 20  # candidates tested at once


class Pairs(NamedTuple):
    """Pairs of boxes: rows of the references, rows of the predictions, their IoU; each (pairs,)."""

    reference: Integers
    prediction: Integers
    iou: Floats

    def take(self, rows: Integers | Booleans) -> Pairs:
        """The pairs of those numbers, or where a mask is true."""
        return Pairs(self.reference[rows], self.prediction[rows], self.iou[rows])


def no_pairs() -> Pairs:
    """Not a single pair."""
    return Pairs(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))


def as_boxes(values: Any, name: str) -> Floats:
    """Boxes as float64 (n, 2) or (n, 4); DataError for another shape, NaN, or a box that ends before it begins."""
    boxes = np.asarray(values, dtype=np.float64)
    if boxes.size == 0 and boxes.ndim < 2:
        boxes = boxes.reshape(0, 2)
    if boxes.ndim != 2 or boxes.shape[1] not in (2, 4):
        raise DataError(
            f"an array of shape {boxes.shape}", where=name, allowed="(n, 2) onset, offset or (n, 4) with low, high"
        )
    wrong = ~np.isfinite(boxes).all(axis=1) | (boxes[:, 1::2] < boxes[:, ::2]).any(axis=1)
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"{int(wrong.sum())} of {len(boxes)} boxes are not finite or end before they begin; the first is row {row}",
            where=name,
            allowed="finite numbers, onset <= offset and low <= high",
        )
    return boxes


def pairwise_iou(references: Floats, predictions: Floats) -> Floats:
    """IoU row by row: (n, 2 | 4) and (n, 2 | 4) -> (n,); 0 where both are empty."""
    return _iou(list(references.T), list(predictions.T))


def _iou(one: list[Floats], two: list[Floats]) -> Floats:
    """The same of columns, each (n,)."""
    shared = _shared(one, two, 0)
    first, second = one[1] - one[0], two[1] - two[0]
    for low in range(2, len(one), 2):
        shared *= _shared(one, two, low)
        first *= one[low + 1] - one[low]
        second *= two[low + 1] - two[low]
    union = first + second - shared
    return np.asarray(np.divide(shared, union, out=np.zeros(len(union)), where=union > 0))


def _shared(one: list[Floats], two: list[Floats], low: int) -> Floats:
    """Length that each pair shares along one axis."""
    return np.asarray(np.maximum(np.minimum(one[low + 1], two[low + 1]) - np.maximum(one[low], two[low]), 0.0))


def overlapping_pairs(
    references: Any,
    predictions: Any,
    *,
    minimum_iou: float,
    reference_group: Any = None,
    prediction_group: Any = None,
) -> Pairs:
    """Every pair with IoU > `minimum_iou`.

    references (n, 2 | 4), predictions (m, 2 | 4) : boxes; only boxes of two sides alike can be compared.
    minimum_iou : 0 to below 1, strict; an IoU within 1e-9 of it is equal to it.
    reference_group (n,), prediction_group (m,) : integers of 0 or more; only boxes of one group overlap (a recording,
        a class in a recording). None = all are of one group.
    Time O((n + m) log m + candidates); memory that of the pairs found. Raises DataError and UsageError.
    """
    first, second = as_boxes(references, "references"), as_boxes(predictions, "predictions")
    if not 0 <= minimum_iou < 1:
        raise UsageError(f"a minimum IoU of {minimum_iou}", parameter="minimum_iou", allowed="0 to below 1")
    if len(first) and len(second) and first.shape[1] != second.shape[1]:
        raise DataError(
            f"references of {first.shape[1]} and predictions of {second.shape[1]} numbers",
            where="overlapping_pairs",
            allowed="both (n, 2) or both (n, 4)",
            mend="Leave the frequency bounds out of both, or give them to both.",
        )
    groups = (
        _groups(reference_group, len(first), "reference_group"),
        _groups(prediction_group, len(second), "prediction_group"),
    )
    if (groups[0] is None) != (groups[1] is None):
        raise UsageError("groups for one side only", where="overlapping_pairs", allowed="both or neither")
    return _find(first, second, minimum_iou, groups[0], groups[1])


def _groups(values: Any, count: int, name: str) -> Integers | None:
    if values is None:
        return None
    groups = np.asarray(values)
    if groups.shape != (count,) or (count and groups.dtype.kind not in "iu") or (count and groups.min() < 0):
        raise DataError(
            f"groups of shape {groups.shape} and type {groups.dtype} for {count} boxes",
            where=name,
            allowed="one integer of 0 or more for each box",
        )
    return groups.astype(np.int64)


class _Side(NamedTuple):
    """Boxes with an extent, sorted by place on the common axis; `edges` are their columns, each (n,)."""

    row: Integers
    key: Floats
    duration_s: Floats
    edges: tuple[Floats, ...]
    group: Integers | None


def _find(
    first: Floats, second: Floats, minimum_iou: float, first_group: Integers | None, second_group: Integers | None
) -> Pairs:
    base = common_axis(first, second, first_group, second_group)
    one, two = _side(first, first_group, base), _side(second, second_group, base)
    parts: list[tuple[Integers, Integers, Floats]] = []
    if len(one.row) and len(two.row):
        # Places on the common axis are rounded; the window is wider by more than that, the test itself is exact.
        slack = 8 * float(np.spacing(max(np.abs(one.key).max(), np.abs(two.key).max()) + two.duration_s.max()))
        for chosen in _duration_classes(two.duration_s):
            for left, right in _candidates(one, two, chosen, minimum_iou, slack):
                parts.append(_tested(one, two, left, right, minimum_iou))
    if not parts:
        return no_pairs()
    rows, columns, ious = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Pairs(one.row[rows], two.row[columns], ious)


def common_axis(
    first: Floats, second: Floats, first_group: Integers | None, second_group: Integers | None
) -> Floats | None:
    """What to add to the times of each group so that the groups lie one after another; None without groups."""
    if first_group is None or second_group is None or not (len(first) and len(second)):
        return None
    groups = np.concatenate([first_group, second_group])
    begins = np.full(int(groups.max()) + 1, np.inf)
    ends = np.full(len(begins), -np.inf)
    np.minimum.at(begins, groups, np.concatenate([first[:, 0], second[:, 0]]))
    np.maximum.at(ends, groups, np.concatenate([first[:, 1], second[:, 1]]))
    lengths = np.where(ends >= begins, ends - begins, 0.0)
    return np.cumsum(lengths) - lengths - np.where(np.isfinite(begins), begins, 0.0)


def _side(boxes: Floats, group: Integers | None, base: Floats | None) -> _Side:
    key = boxes[:, 0] if group is None or base is None else boxes[:, 0] + base[group]
    row = np.argsort(key, kind="stable")
    extended = np.asarray((boxes[:, 1::2] > boxes[:, ::2]).all(axis=1))
    if not extended.all():
        row = row[extended[row]]
    edges = tuple(boxes[:, column][row] for column in range(boxes.shape[1]))
    return _Side(row, key[row], edges[1] - edges[0], edges, None if group is None else group[row])


def _duration_classes(duration_s: Floats) -> Iterator[Integers]:
    """Rows of each class of durations, in the order they have."""
    octave = np.floor(np.log(duration_s / duration_s.min()) / np.log(_RATIO) + 1e-12).astype(np.int64)
    if octave.max() == 0:
        yield np.arange(len(duration_s))
        return
    for number in np.unique(octave):
        yield np.flatnonzero(octave == number)


def _candidates(
    one: _Side, two: _Side, chosen: Integers, minimum_iou: float, slack: float
) -> Iterator[tuple[Integers, Integers]]:
    """Blocks of (sorted row of references, sorted row of predictions) that alone can reach the IoU.

    The intersection exceeds t max(d_r, d_p): a prediction begins less than d_p - t max(d_r, d_p) before its reference
    and less than d_r - t max(d_r, d_p) after it; both are taken at the extreme duration of the class.
    """
    durations = two.duration_s[chosen]
    shortest, longest = float(durations.min()), float(durations.max())
    fits = (one.duration_s * minimum_iou <= longest) & (one.duration_s >= minimum_iou * shortest)
    rows = np.flatnonzero(fits)
    length, begin = one.duration_s[rows], one.key[rows]
    before = longest - minimum_iou * np.maximum(length, longest)
    after = length - minimum_iou * np.maximum(length, shortest)
    keys = two.key[chosen]
    start = np.searchsorted(keys, begin - before - slack, side="left")
    count = np.searchsorted(keys, begin + after + slack, side="right") - start
    for left, right in expanded(start, count):
        yield rows[left], chosen[right]


def expanded(start: Integers, count: Integers) -> Iterator[tuple[Integers, Integers]]:
    """Blocks of (i, start[i] + k) for k below count[i], in order."""
    rows = np.flatnonzero(count > 0)
    start, count = start[rows], count[rows]
    ends = np.cumsum(count)
    at = 0
    while at < len(rows):
        past = ends[at - 1] if at else 0
        stop = max(int(np.searchsorted(ends, past + _BLOCK, side="right")), at + 1)
        part = slice(at, stop)
        total = int(ends[stop - 1] - past)
        shift = np.repeat(start[part] - (ends[part] - count[part] - past), count[part])
        yield np.repeat(rows[part], count[part]), shift + np.arange(total)
        at = stop


def _tested(
    one: _Side, two: _Side, left: Integers, right: Integers, minimum_iou: float
) -> tuple[Integers, Integers, Floats]:
    if one.group is not None and two.group is not None:
        same = one.group[left] == two.group[right]
        left, right = left[same], right[same]
    iou = _iou([edge[left] for edge in one.edges], [edge[right] for edge in two.edges])
    kept = iou > minimum_iou + TIE
    return left[kept], right[kept], iou[kept]
