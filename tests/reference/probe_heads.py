"""Slow twins of the trained heads: the real frames (frames, width) of one example, step by step, in float64."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from tests.reference.probes import layer_norm, softmax

Array = NDArray[np.float64]
State = Mapping[str, Array]


def linear(x: Array, state: State, name: str) -> Array:
    """The linear layer `name` of a state dictionary."""
    return x @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def gelu(x: Array) -> Array:
    """x times the normal distribution function."""
    return np.vectorize(lambda v: v * 0.5 * (1.0 + math.erf(v / math.sqrt(2.0))), otypes=[float])(x)


def query_attention(frames: Array, queries: Array, heads: int, state: State) -> Array:
    """Standard multi-head attention of queries (queries, width) over frames: every key and value computed.

    state as nn.MultiheadAttention's: in_proj_weight (3 width, width), in_proj_bias, out_proj. -> (queries, width)
    """
    width = frames.shape[1]
    matrices, offsets = np.split(state["in_proj_weight"], 3), np.split(state["in_proj_bias"], 3)
    size, rows = width // heads, []
    for query in queries:
        q = matrices[0] @ query + offsets[0]
        keys = np.array([matrices[1] @ frame + offsets[1] for frame in frames])
        values = np.array([matrices[2] @ frame + offsets[2] for frame in frames])
        seen = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            weights = softmax(np.array([q[part] @ key[part] / math.sqrt(size) for key in keys]))
            seen.append(sum(weight * value[part] for weight, value in zip(weights, values, strict=True)))
        rows.append(np.concatenate(seen))
    return linear(np.array(rows), state, "out_proj")


def mlp(x: Array, state: State) -> Array:
    """Linear layers with GELU between."""
    names = sorted(name.removesuffix(".weight") for name in state if name.startswith("hidden") and "weight" in name)
    for name in names:
        x = gelu(linear(x, state, name))
    return linear(x, state, "classifier")


def prototypes(frames: Array, state: State) -> Array:
    """Sum over prototypes of softplus(v) times the largest cosine of any frame, plus bias."""
    scores = []
    for own, raw in zip(state["prototypes"], state["classifier.weight"], strict=True):
        score = 0.0
        for prototype, weight in zip(own, raw, strict=True):
            cosines = [p @ f / math.sqrt((p @ p) * (f @ f)) for p, f in ((prototype, frame) for frame in frames)]
            score += math.log1p(math.exp(weight)) * max(cosines)
        scores.append(score)
    return np.array(scores) + state["classifier.bias"]


def convolve(image: Array, weight: Array) -> Array:
    """image (channels, h, w), weight (out, channels, 3, 3), stride 2, no padding."""
    height, width = ((size - 3) // 2 + 1 for size in image.shape[1:])
    out = np.zeros((len(weight), height, width))
    for k, i, j in np.ndindex(out.shape):
        out[k, i, j] = (weight[k] * image[:, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]).sum()
    return out


def moment(frames: Array, heads: int, state: State) -> Array:
    """Mean of the logits of the mean frame and of those of neighbouring parts' moments."""
    projected = linear(frames, state, "projection")
    parts = [layer_norm(part, state["norm.weight"], state["norm.bias"]) for part in np.split(projected, heads, axis=1)]
    images = []
    for a, b in itertools.pairwise(parts):
        image = sum(np.outer(x, y) for x, y in zip(a, b, strict=True)) / len(frames)
        images.append(image / np.sqrt((image**2).sum(axis=0)))
    shrunk = convolve(gelu(convolve(np.array(images), state["shrink.0.weight"])), state["shrink.2.weight"])
    first = linear(frames.mean(axis=0), state, "classifier")
    return (first + linear(shrunk.ravel(), state, "moment_classifier")) / 2


def lstm(frames: Array, state: State) -> Array:
    """One layer, both directions, the mean of their outputs, linear."""

    def sigmoid(x: Array) -> Array:
        return 1.0 / (1.0 + np.exp(-x))

    def read(order: Array, suffix: str) -> Array:
        hidden = np.zeros(state[f"memory.weight_hh_l0{suffix}"].shape[1])
        cell, outputs = hidden, []
        for frame in order:
            gates = state[f"memory.weight_ih_l0{suffix}"] @ frame + state[f"memory.bias_ih_l0{suffix}"]
            gates = gates + state[f"memory.weight_hh_l0{suffix}"] @ hidden + state[f"memory.bias_hh_l0{suffix}"]
            enter, forget, new, out = np.split(gates, 4)
            cell = sigmoid(forget) * cell + sigmoid(enter) * np.tanh(new)
            hidden = sigmoid(out) * np.tanh(cell)
            outputs.append(hidden)
        return np.array(outputs)

    both = np.concatenate([read(frames, ""), read(frames[::-1], "_reverse")[::-1]], axis=1)
    return linear(both.mean(axis=0), state, "classifier")


def transformer(frames: Array, heads: int, state: State) -> Array:
    """One encoder block with the norm after each part, mean, linear."""
    own = {name.removeprefix("blocks.0."): value for name, value in state.items() if name.startswith("blocks.0.")}
    attention = {name.removeprefix("self_attn."): value for name, value in own.items() if "self_attn" in name}
    x = frames + query_attention(frames, frames, heads, attention)
    x = layer_norm(x, own["norm1.weight"], own["norm1.bias"])
    x = x + linear(gelu(linear(x, own, "linear1")), own, "linear2")
    x = layer_norm(x, own["norm2.weight"], own["norm2.bias"])
    return linear(x.mean(axis=0), state, "classifier")
