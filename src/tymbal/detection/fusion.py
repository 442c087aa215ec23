"""Forward and reverse boxes of the same events brought together, by the assignment with the largest sum of IoU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.detection.boxes import Boxes, Floats, Ints, components, overlapping

Origin = Literal["both", "forward", "reverse"]
ORIGINS: tuple[Origin, ...] = ("both", "forward", "reverse")


@dataclass(frozen=True)
class Fused:
    """Boxes of both directions.

    Attributes
    ----------
    boxes : matched ones with the onset of the forward and the offset of the reverse box, each the edge that its
        direction finds; then the unmatched ones of either direction as they were.
    origin : int64 (n,), place in `ORIGINS`.
    """

    boxes: Boxes
    origin: Ints


def assign(forward: Boxes, reverse: Boxes, *, above: float = 0.5) -> tuple[Ints, Ints, Floats]:
    """The pairs (row of forward, row of reverse, IoU) that maximise the sum of their IoU.

    An IoU counts half where labels differ: directions that disagree about the label of one event are still one event,
    unless a box of the same label is there. Only pairs with an IoU above `above` count, and every box is in one pair at
    most. Connected components are solved one by one (Jonker & Volgenant's algorithm in scipy), so that the cost follows
    how crowded a stretch is and not the length of a recording.
    """
    from scipy.optimize import linear_sum_assignment

    first, second, iou = overlapping(forward, reverse, above=above)
    gains = iou * np.where(forward.label[first] == reverse.label[second], 1.0, 0.5)
    chosen = (np.bincount(first, minlength=len(forward))[first] == 1) & (
        np.bincount(second, minlength=len(reverse))[second] == 1
    )  # a pair with no rival on either side
    for edges in _contested(first, second, ~chosen, len(forward), len(reverse)):
        rows, row = np.unique(first[edges], return_inverse=True)
        columns, column = np.unique(second[edges], return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        gain[row, column] = gains[edges]
        picked = set(zip(*(part.tolist() for part in linear_sum_assignment(gain, maximize=True)), strict=True))
        pairs = zip(row.tolist(), column.tolist(), strict=True)
        chosen[edges] = [pair in picked for pair in pairs]
    return first[chosen], second[chosen], iou[chosen]


def _contested(
    first: Ints, second: Ints, open_edges: NDArray[np.bool_], forwards: int, reverses: int
) -> list[NDArray[np.int64]]:
    edges = np.flatnonzero(open_edges)
    if not len(edges):
        return []
    left, right = first[edges], second[edges] + forwards
    component = np.full(forwards + reverses, -1, dtype=np.int64)
    for number, members in enumerate(components(forwards + reverses, left, right)):
        component[members] = number
    named = component[left]
    order = np.argsort(named, kind="stable")
    return np.split(edges[order], np.flatnonzero(np.diff(named[order])) + 1)


def fuse(forward: Boxes, reverse: Boxes, *, above: float = 0.5) -> Fused:
    """Boxes of both directions as one list, in order of time.

    A matched pair scores (1 - (1 - f)(1 - r)) (1 + IoU) / 2 of its scores f and r: agreement raises, a loose fit
    lowers. Where labels differ the surer one stands, with the larger of f and r in the place of the first factor.
    Unmatched boxes keep their score; what each kind is worth is for calibration to say.
    """
    a, b, iou = assign(forward, reverse, above=above)
    pairs_forward, pairs_reverse = forward.take(a), reverse.take(b)
    f, r = pairs_forward.score, pairs_reverse.score
    agree = pairs_forward.label == pairs_reverse.label
    score = np.where(agree, 1 - (1 - f) * (1 - r), np.maximum(f, r)) * (1 + iou) / 2
    both = Boxes(
        pairs_forward.onset_s,
        pairs_reverse.offset_s,
        score,
        np.where(f >= r, pairs_forward.label, pairs_reverse.label),
        _mean(pairs_forward.low_hz, pairs_reverse.low_hz),
        _mean(pairs_forward.high_hz, pairs_reverse.high_hz),
    )
    parts = [both, forward.take(_others(len(forward), a)), reverse.take(_others(len(reverse), b))]
    joined = Boxes.join(parts)
    origin = np.repeat(np.arange(3), [len(part) for part in parts])
    order = np.lexsort((origin, -joined.score, joined.label, joined.offset_s, joined.onset_s))
    return Fused(joined.take(order), origin[order])


def _mean(a: Floats, b: Floats) -> Floats:
    return (a + b) / 2


def _others(count: int, taken: Ints) -> NDArray[np.bool_]:
    left = np.ones(count, dtype=np.bool_)
    left[taken] = False
    return left
