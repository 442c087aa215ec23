"""From the ragged frames of examples to arrays that heads take: statistics over time, or one common time axis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.features import Examples

Array = NDArray[np.float32]
Mask = NDArray[np.bool_]

_HUGE = 1e18  # squares of larger values overflow in single precision


def clean(values: Array, mask: Mask) -> Array:
    """Values (n, frames, dim) with zeros where `mask` (n, frames) is False, whatever stood there, NaN included."""
    return np.where(mask[..., None], values, np.float32(0))


def normalise_frames(values: Array, epsilon: float = 1e-5) -> Array:
    """LayerNorm over the last axis without parameters (Ba et al. 2016, equation 4). Shapes kept."""
    centred = values - values.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + epsilon)
    return np.asarray(centred / deviation, dtype=np.float32)


def time_statistics(values: Array, mask: Mask, statistics: Sequence[str]) -> Array:
    """Masked statistics over time.

    values (n, frames, dim), mask (n, frames) -> float32 (n, len(statistics) * dim), one statistic after the other;
    "std" is that of the population. An example without a real frame gives NaN, which later standardises to 0.
    """
    counts = mask.sum(axis=1, dtype=np.float32)[:, None]
    real = np.where(counts > 0, counts, np.float32(np.nan))
    values = clean(values, mask)
    mean = values.sum(axis=1) / real
    parts = []
    for name in statistics:
        if name == "mean":
            parts.append(mean)
        elif name == "std":
            # Two passes: the mean square minus the squared mean loses all digits where values are large and even.
            squares = np.square(np.where(mask[..., None], values - mean[:, None], np.float32(0)))
            parts.append(np.sqrt(squares.sum(axis=1) / real))
        else:
            highest = np.where(mask[..., None], values, np.float32(-np.inf)).max(axis=1)
            parts.append(np.where(counts > 0, highest, np.float32(np.nan)))
    return np.concatenate(parts, axis=1).astype(np.float32)


def to_common_axis(values: Array, mask: Mask, targets: NDArray[np.int64], length: int) -> Array:
    """Linear interpolation of each example's real frames to its own number of evenly spaced ones.

    values (n, frames, dim), mask (n, frames); targets (n,) frames wanted of each example; returns float32
    (n, length, dim), rows past `targets` zero. Frame j of k stands at (j + 1/2) / k of the example's span, in every
    layer: layers of one example cover the same stretch of sound with different hops, so this is time in units of
    the example. Outside the outermost real frames the nearest is held. No real frame gives NaN.
    """
    n, frames, dim = values.shape
    values = clean(values, mask)
    span = np.where(mask, np.arange(1, frames + 1), 0).max(axis=1, initial=0)  # frames up to the last real one
    steps = np.arange(length)
    position = (steps[None] + 0.5) / np.maximum(targets, 1)[:, None] * span[:, None] - 0.5
    before = _last_real(mask)  # nearest real frame at or before each frame, -1: none
    after = frames - 1 - _last_real(mask[:, ::-1])[:, ::-1]  # at or after, `frames`: none
    low = np.clip(np.floor(position).astype(np.int64), 0, frames - 1)
    high = np.clip(np.ceil(position).astype(np.int64), 0, frames - 1)
    rows = np.arange(n)[:, None]
    low, high = before[rows, low], after[rows, high]
    low, high = np.where(low < 0, high, low), np.where(high >= frames, low, high)
    gap = high - low
    share = np.where(gap > 0, (position - low) / np.maximum(gap, 1), 0.0).clip(0, 1).astype(np.float32)[..., None]
    empty = span == 0
    low, high = np.where(empty[:, None], 0, low), np.where(empty[:, None], 0, high)
    out = values[rows, low] * (1 - share) + values[rows, high] * share
    out[empty] = np.nan
    out[steps[None] >= targets[:, None]] = 0
    return np.asarray(out, dtype=np.float32).reshape(n, length, dim)


def _last_real(mask: Mask) -> NDArray[np.int64]:
    index = np.where(mask, np.arange(mask.shape[1]), -1)
    return np.maximum.accumulate(index, axis=1)


class CachedExamples:
    """Examples prepared once for any number of probes: statistics per layer, layers on one time axis.

    Nothing here is fitted, so the same cache serves every fold. Arrays are made when first asked for.
    """

    def __init__(self, examples: Examples) -> None:
        self.examples = examples
        self.names: tuple[str, ...] = tuple(examples.features)
        self._statistics: dict[tuple[str, str, str], Array] = {}
        self._frames: dict[tuple[tuple[str, ...], str], tuple[Array, Mask]] = {}
        for name in self.names:
            self._check(name)

    def _check(self, name: str) -> None:
        values, mask = self.examples.features[name], self.examples.masks[name]
        where = f"layer {name!r}"
        if mask.dtype != np.bool_:
            raise DataError(f"a mask of {mask.dtype}", where=where, allowed="bool")
        if values.dtype.kind not in "fiu":
            raise DataError(f"features of {values.dtype}", where=where, allowed="numbers")
        if 0 in values.shape[1:]:
            raise DataError(f"features of shape {values.shape}", where=where, allowed="a frame and a value or more")
        bad = ~(np.abs(clean(values, mask)).max(axis=(1, 2)) < _HUGE)  # NaN is not below it either
        if bad.any():
            raise DataError(
                f"{int(bad.sum())} of {len(bad)} examples hold NaN, infinite or huge features (beyond {_HUGE:g}), "
                f"the first is example {int(np.argmax(bad))}",
                where=where,
                mend="Look at this recording; it may be damaged or silent.",
            )

    def __len__(self) -> int:
        return len(self.examples)

    def dims(self, layers: Sequence[str]) -> tuple[int, ...]:
        """Values per frame of each layer."""
        return tuple(self.examples.features[name].shape[2] for name in layers)

    def statistics(self, layer: str, statistics: Sequence[str], norm: str) -> Array:
        """`time_statistics` of one layer, float32 (n, len(statistics) * dim)."""
        missing = [name for name in statistics if (layer, name, norm) not in self._statistics]
        if missing:
            values, mask = self.examples.features[layer], self.examples.masks[layer]
            if norm == "layer":
                values = normalise_frames(clean(values, mask))
            found = np.split(time_statistics(values, mask, missing), len(missing), axis=1)
            self._statistics |= {(layer, name, norm): part for name, part in zip(missing, found, strict=True)}
        return np.concatenate([self._statistics[layer, name, norm] for name in statistics], axis=1)

    def frames(self, layers: tuple[str, ...], norm: str) -> tuple[Array, Mask]:
        """Layers side by side on the time axis of the one with most frames: (n, length, sum of dims), (n, length)."""
        key = (layers, norm)
        if key not in self._frames:
            masks = [self.examples.masks[name] for name in layers]
            spans = [np.where(mask, np.arange(1, mask.shape[1] + 1), 0).max(axis=1, initial=0) for mask in masks]
            targets = np.max(spans, axis=0)
            length = max(int(targets.max(initial=0)), 1)
            parts = []
            for name, mask in zip(layers, masks, strict=True):
                values = clean(self.examples.features[name], mask)
                values = normalise_frames(values) if norm == "layer" else values
                parts.append(to_common_axis(values, mask, targets, length))
            self._frames[key] = np.concatenate(parts, axis=2), np.arange(length)[None] < targets[:, None]
        return self._frames[key]
