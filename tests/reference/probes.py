"""Slow twins of the probes: pooling, fusion, heads and left-out errors, in plain float64 loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def time_statistics(values: Array, mask: NDArray[np.bool_], statistics: Sequence[str]) -> Array:
    """One example at a time, its real frames cut out."""
    functions = {"mean": np.mean, "std": np.std, "max": np.max}
    rows = []
    for example, real in zip(np.asarray(values, dtype=np.float64), mask, strict=True):
        frames = example[real]
        if not len(frames):
            rows.append(np.full(len(statistics) * values.shape[2], np.nan))
            continue
        rows.append(np.concatenate([functions[name](frames, axis=0) for name in statistics]))
    return np.stack(rows)


def to_common_axis(values: Array, mask: NDArray[np.bool_], targets: Sequence[int], length: int) -> Array:
    """np.interp of every value of every example over the places of its real frames."""
    out = np.zeros((len(values), length, values.shape[2]))
    for row, (example, real, wanted) in enumerate(zip(values, mask, targets, strict=True)):
        frames = np.flatnonzero(real)
        if not len(frames):
            out[row, :wanted] = np.nan
            continue
        span = frames[-1] + 1
        places = [(frame + 0.5) / span for frame in frames]
        asked = [(step + 0.5) / wanted for step in range(wanted)]
        for value in range(values.shape[2]):
            out[row, :wanted, value] = np.interp(asked, places, example[frames, value])
    return out


def softmax(x: Array) -> Array:
    """Along the last axis."""
    raised = np.exp(x - x.max(axis=-1, keepdims=True))
    return raised / raised.sum(axis=-1, keepdims=True)


def fuse(layers: list[Array], centers: list[Array], scales: list[Array], maps: list[tuple[Array, Array]], w: Array):
    """Sum over layers of softmax(w)_l (P_l ((x - center) scale) + b_l); each P_l is (width, dim)."""
    total = 0.0
    for alpha, x, center, scale, (matrix, bias) in zip(softmax(w), layers, centers, scales, maps, strict=True):
        total = total + alpha * (((x - center) * scale) @ matrix.T + bias)
    return total


def layer_norm(x: Array, weight: Array, bias: Array, epsilon: float = 1e-5) -> Array:
    """Over the last axis."""
    mean = x.mean(axis=-1, keepdims=True)
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axis=-1, keepdims=True) + epsilon) * weight + bias


def attention_logits(frames: Array, queries: Array, norm: tuple[Array, Array], linear: tuple[Array, Array]) -> Array:
    """The attention head on the real frames (frames, width) of one example."""
    mean, std = frames.mean(axis=0), np.sqrt(frames.var(axis=0) + 1e-6)
    pooled = [mean, std]
    for query in queries:
        weights = softmax(np.array([query @ frame / np.sqrt(len(query)) for frame in frames]))
        pooled.append(sum(weight * frame for weight, frame in zip(weights, frames, strict=True)))
    return layer_norm(np.concatenate(pooled), *norm) @ linear[0].T + linear[1]


def self_attention_logits(frames: Array, heads: int, state: dict[str, Array]) -> Array:
    """The self-attention head on the real frames (frames, width) of one example, head by head."""
    width = frames.shape[1]
    projected = frames @ state["attention.in_proj_weight"].T + state["attention.in_proj_bias"]
    q, k, v = np.split(projected, 3, axis=1)
    size, seen = width // heads, []
    for head in range(heads):
        part = slice(head * size, (head + 1) * size)
        seen.append(softmax(q[:, part] @ k[:, part].T / np.sqrt(size)) @ v[:, part])
    joined = np.concatenate(seen, axis=1) @ state["attention.out_proj.weight"].T + state["attention.out_proj.bias"]
    y = layer_norm(frames + joined, state["norm.weight"], state["norm.bias"])
    return y.mean(axis=0) @ state["classifier.weight"].T + state["classifier.bias"]


def ridge(x: Array, y: Array, weights: Array, penalty: float) -> tuple[Array, Array]:
    """Weighted ridge with a free intercept from the normal equations of the augmented problem."""
    design = np.column_stack([x, np.ones(len(x))])
    punished = penalty * np.eye(design.shape[1])
    punished[-1, -1] = 0.0
    solved = np.linalg.solve(design.T @ (weights[:, None] * design) + punished, design.T @ (weights[:, None] * y))
    return solved[:-1], solved[-1]


def left_out_errors(x: Array, y: Array, weights: Array, groups: Sequence[str], penalty: float) -> Array:
    """y minus the prediction of a ridge refitted without the example's whole group."""
    errors = np.empty_like(y)
    names = np.asarray(groups)
    for group in sorted(set(groups)):
        held = names == group
        weight, bias = ridge(x[~held], y[~held], weights[~held], penalty)
        errors[held] = y[held] - (x[held] @ weight + bias)
    return errors
