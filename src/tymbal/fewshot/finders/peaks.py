"""From curves to boxes: peaks, runs, and which of several boxes on the same sound stays."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Frames = NDArray[np.int64]
Mask = NDArray[np.bool_]


def peaks(curve: NDArray[Any], lowest: float) -> Frames:
    """Frames at or above `lowest` that are higher than the frame before and not lower than the one after."""
    left = np.concatenate([[-np.inf], curve[:-1]])
    right = np.concatenate([curve[1:], [-np.inf]])
    return np.flatnonzero((curve >= lowest) & (curve > left) & (curve >= right)).astype(np.int64)


def apart(at: Frames, height: Floats, spacing: Floats) -> Frames:
    """The positions that stay when the highest goes first and takes out others within its `spacing`; in order."""
    taken = np.zeros(len(at), bool)
    gone = np.zeros(len(at), bool)
    for number in np.argsort(-height, kind="stable"):
        if gone[number]:
            continue
        taken[number] = True
        low = np.searchsorted(at, at[number] - spacing[number], side="left")
        high = np.searchsorted(at, at[number] + spacing[number], side="right")
        gone[low:high] = True
    return at[taken]


def runs(above: Mask, fill: int, shortest: int) -> tuple[Frames, Frames]:
    """Starts and stops of runs of True; gaps of at most `fill` frames are closed, then runs below `shortest` go."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], above.astype(np.int8), [0]])))
    starts, stops = edges[::2], edges[1::2]
    if len(starts) > 1 and fill > 0:
        wide = starts[1:] - stops[:-1] > fill
        starts = starts[np.concatenate([[True], wide])]
        stops = stops[np.concatenate([wide, [True]])]
    kept = stops - starts >= shortest
    return starts[kept].astype(np.int64), stops[kept].astype(np.int64)


def best_boxes(starts: NDArray[Any], stops: NDArray[Any], height: Floats, overlap: float) -> Frames:
    """Numbers of the boxes that stay, in order of start: the highest first, each takes out the boxes that share more
    than `overlap` of the shorter one's length with it."""
    order = np.argsort(starts, kind="stable")
    first, last, high = starts[order], stops[order], height[order]
    longest = int(np.max(last - first, initial=0))
    gone = np.zeros(len(order), bool)
    taken: list[int] = []
    for number in np.lexsort((first, -high)):
        if gone[number]:
            continue
        taken.append(int(number))
        low = np.searchsorted(first, first[number] - longest, side="left")
        top = np.searchsorted(first, last[number], side="left")
        shared = np.minimum(last[low:top], last[number]) - np.maximum(first[low:top], first[number])
        shorter = np.minimum(last[low:top] - first[low:top], last[number] - first[number])
        gone[low:top] |= shared > overlap * shorter
    return order[np.sort(np.array(taken, dtype=np.int64))].astype(np.int64)
