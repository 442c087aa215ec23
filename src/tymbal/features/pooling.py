"""Means over time bins; the only place where frames are averaged."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tymbal.units import FrameGrid

Array = NDArray[np.float32]


def pool_segment(values: Array, grid: FrameGrid, start_s: float, width_s: float, bins: int) -> tuple[Array, FrameGrid]:
    """Means of the frames in `bins` equal bins of `width_s` from `start_s` on.

    values : float32 (frames, dim) on `grid`, at least one frame. A bin between two frames takes the nearest.
    Returns float32 (bins, dim) and the grid of the bins.
    """
    edges = [start_s + width_s * index for index in range(bins + 1)]
    pooled = np.empty((bins, values.shape[1]), dtype=np.float32)
    for index in range(bins):
        part = grid.span(edges[index], edges[index + 1], len(values))
        pooled[index] = values[part].mean(axis=0, dtype=np.float32)
    return pooled, pooled_grid(grid, start_s, width_s)


def pooled_grid(grid: FrameGrid, start_s: float, width_s: float) -> FrameGrid:
    """The grid of bins of `width_s` from `start_s` on, filled from frames on `grid`."""
    return FrameGrid(width_s, start_s + width_s / 2, grid.receptive_s + width_s)


def pool_event(
    values: Array, centers_s: NDArray[np.float64], onset_s: float, offset_s: float, bins: int
) -> tuple[Array, NDArray[np.bool_]]:
    """At most `bins` rows for one event: means in `bins` equal bins of [onset_s, offset_s).

    values : float32 (frames, dim) with centres `centers_s` (frames,), rising, perhaps with a gap where a segment
    failed. Returns float32 (bins, dim) and a mask (bins,), True where a row is real. An event of fewer frames than
    bins keeps its frames as they are, first rows first. Otherwise a bin that happens to hold no centre takes the
    nearest frame, unless that lies more than half a hop outside it (a gap): then it is masked.
    """
    frames = len(values)
    pooled = np.zeros((bins, values.shape[1]), dtype=np.float32)
    mask = np.zeros(bins, dtype=np.bool_)
    if frames <= bins:
        pooled[:frames], mask[:frames] = values, True
        return pooled, mask
    width = (offset_s - onset_s) / bins
    reach = (width + float(np.diff(centers_s).min())) / 2
    edges = onset_s + width * np.arange(1, bins)
    cuts = np.concatenate(([0], np.searchsorted(centers_s, edges - 1e-9), [frames]))
    for index in range(bins):
        start, stop = cuts[index], cuts[index + 1]
        if start == stop:
            middle = onset_s + width * (index + 0.5)
            apart = np.abs(centers_s - middle)
            start = int(np.flatnonzero(apart <= apart.min() + 1e-9)[-1])  # the later of two, as FrameGrid.frame_at
            if abs(centers_s[start] - middle) > reach:
                continue
            stop = start + 1
        pooled[index], mask[index] = values[start:stop].mean(axis=0, dtype=np.float32), True
    return pooled, mask
