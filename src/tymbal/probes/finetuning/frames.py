"""From the frames of windows to what a head sees of an event, as products of matrices, so that gradients pass.

Pooling into time bins and interpolation to one time axis are linear. Which matrix they are is asked of the functions
that frozen features go through (`features.pooling`, `probes.pooling`), given the identity: one rule for both.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tymbal.errors import DataError
from tymbal.features.pooling import pool_event
from tymbal.probes.finetuning.sounds import Centers, Heard
from tymbal.probes.pooling import to_common_axis
from tymbal.units import FrameGrid

Array = NDArray[np.float32]
_COLUMNS = 256  # of the identity, pooled at a time


def pooling_matrices(grid: FrameGrid, windows: Sequence[Heard], real: Sequence[int], bins: int | None) -> list[Array]:
    """What the frames of each window of one event add to the event's rows.

    Parameters
    ----------
    grid : of the layer, for a waveform that begins at 0 s.
    windows : of the event, in order. real : real frames in each.
    bins : equal time bins of the event; None keeps every frame.

    Returns one matrix (rows, real frames) per window, of as many rows each, at most `bins`. Frames count whose centres
    lie in the event; where none does, the nearest.
    """
    found = [each.frames(grid, count) for each, count in zip(windows, real, strict=True)]
    if not any(len(centers) for _, centers in found):
        found = _nearest(grid, windows, real)
    parts = [part for part, _ in found]
    centers = np.concatenate([own for _, own in found])
    whole = _pooled(centers, windows[0], bins)
    matrices, used = [], 0
    for part, count in zip(parts, real, strict=True):
        matrix = np.zeros((len(whole), count), dtype=np.float32)
        own = part.stop - part.start
        matrix[:, part] = whole[:, used : used + own]
        matrices.append(matrix)
        used += own
    return matrices


def _pooled(centers: Centers, event: Heard, bins: int | None) -> Array:
    """The matrix (rows, frames) of `pool_event`; a few columns of the identity at a time, which as a whole would be the
    square of the frames."""
    count = len(centers)
    if bins is None:
        return np.eye(count, dtype=np.float32)
    parts = []
    for start in range(0, count, _COLUMNS):
        columns = np.eye(count, min(_COLUMNS, count - start), -start, dtype=np.float32)
        rows, mask = pool_event(columns, centers, event.onset_s, event.offset_s, bins)
        parts.append(rows[mask])
    return np.concatenate(parts, axis=1)


def _nearest(grid: FrameGrid, windows: Sequence[Heard], real: Sequence[int]) -> list[tuple[slice, Centers]]:
    """The one frame nearest to the middle of the event, and none of the other windows."""
    none = slice(0, 0), np.zeros(0)
    best, least = -1, math.inf
    found = [each.nearest(grid, count) or none for each, count in zip(windows, real, strict=True)]
    for number, (_, centers) in enumerate(found):
        middle_s = (windows[number].onset_s + windows[number].offset_s) / 2
        if len(centers) and abs(centers[0] - middle_s) < least:
            best, least = number, abs(centers[0] - middle_s)
    if best < 0:
        raise DataError("too short for a frame", where="event", mend="Leave it out, or choose longer windows.")
    return [each if number == best else none for number, each in enumerate(found)]


def axis_matrix(rows: int, wanted: int, length: int) -> Array:
    """The matrix (length, rows) of `to_common_axis` for one example of `rows` real frames, `wanted` asked for."""
    mask = np.ones((1, rows), dtype=np.bool_)
    found = to_common_axis(np.eye(rows, dtype=np.float32)[None], mask, np.asarray([wanted]), length)
    return np.asarray(found[0], dtype=np.float32)


def common_axis(layers: Sequence[Tensor], rows: Sequence[NDArray[np.int64]]) -> tuple[Tensor, Tensor]:
    """Layers side by side on the time axis of the one with most rows, example by example.

    layers : (n, most rows, dim) each; rows (n,) real ones of each. Returns (n, length, sum of dims) and the mask
    (n, length).
    """
    wanted = np.max(np.stack(rows), axis=0)
    length = int(wanted.max())
    parts = []
    for values, own in zip(layers, rows, strict=True):
        if (own == wanted).all():
            parts.append(functional.pad(values, (0, 0, 0, length - values.shape[1])))
            continue
        matrices = np.zeros((len(own), length, values.shape[1]), dtype=np.float32)
        for index, (count, asked) in enumerate(zip(own.tolist(), wanted.tolist(), strict=True)):
            matrices[index, :, :count] = axis_matrix(count, asked, length)
        parts.append(torch.from_numpy(matrices).to(values) @ values)
    mask = torch.from_numpy(np.arange(length)[None] < wanted[:, None])
    return torch.cat(parts, dim=2), mask.to(layers[0].device)


def time_statistics(values: Tensor, rows: NDArray[np.int64], statistics: Sequence[str]) -> Tensor:
    """`probes.pooling.time_statistics` for tensors: (n, rows, dim) to (n, len(statistics) * dim)."""
    count = torch.from_numpy(rows).to(values.device)
    mask = (torch.arange(values.shape[1], device=values.device) < count[:, None])[..., None]
    values = values.masked_fill(~mask, 0.0)
    mean = values.sum(dim=1) / count[:, None]
    parts = []
    for name in statistics:
        if name == "mean":
            parts.append(mean)
        elif name == "std":
            squares = (values - mean[:, None]).masked_fill(~mask, 0.0).square().sum(dim=1) / count[:, None]
            parts.append(_root(squares))
        else:
            parts.append(values.masked_fill(~mask, -torch.inf).amax(dim=1))
    return torch.cat(parts, dim=1)


def _root(squares: Tensor) -> Tensor:
    """Square roots whose gradient is 0, not infinite, where there is no spread (a single frame)."""
    positive = squares > 0
    return torch.where(positive, torch.where(positive, squares, 1.0).sqrt(), 0.0)
