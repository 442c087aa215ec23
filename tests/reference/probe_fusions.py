"""Slow twins of the fusions: one example, one frame, one layer at a time, in float64."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from tests.reference.probes import softmax

Array = NDArray[np.float64]
Map = tuple[Array, Array]  # matrix (out, in), offset (out,)


def standardised(x: Array, center: Array, scale: Array) -> Array:
    """What is not finite counts as the mean."""
    return np.array([(v - c) * s if np.isfinite(v) else 0.0 for v, c, s in zip(x, center, scale, strict=True)])


def apply(given: Map | None, x: Array) -> Array:
    """matrix x + offset, or x where there is no map."""
    return x if given is None else given[0] @ x + given[1]


def weighted_sum(layers: list[Array], maps: list[Map | None], w: Array) -> Array:
    """Sum over layers of softmax(w)_l map_l(x_l); x_l (dim,) standardised."""
    return sum(alpha * apply(each, x) for alpha, each, x in zip(softmax(w), maps, layers, strict=True))


def layer_router(layers: list[Array], maps: list[Map], w: Array) -> Array:
    """w (heads, layers): part h of the stream is part h of the weighted sum with weights w_h."""
    heads, parts = len(w), []
    for head, own in enumerate(w):
        whole = weighted_sum(layers, maps, own)
        size = len(whole) // heads
        parts.append(whole[head * size : (head + 1) * size])
    return np.concatenate(parts)


def convolve_layers(x: Array, weight: Array, bias: Array, stride: int) -> Array:
    """x (channels, layers), weight (out, channels, kernel), zeros beyond the ends, ReLU -> (out, layers left)."""
    kernel = weight.shape[2]
    padded = np.pad(x, ((0, 0), (kernel // 2, kernel // 2)))
    columns = []
    for start in range(0, padded.shape[1] - kernel + 1, stride):
        columns.append([(out * padded[:, start : start + kernel]).sum() for out in weight] + bias)
    return np.maximum(np.array(columns).T, 0.0)


def layer_norm(x: Array) -> Array:
    """Over the values, without parameters."""
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5)
