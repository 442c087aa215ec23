"""Slow twin of the in-context network's attention: float64, one query and one head after the other."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor, eps: float = 1e-5) -> Tensor:
    """Ba et al. 2016, equation 4, of one vector."""
    away = x - x.mean()
    return away / torch.sqrt((away**2).mean() + eps) * weight + bias


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def cross_layer(layer: torch.nn.Module, query: Tensor, support: Tensor, masked: Tensor) -> tuple[Tensor, Tensor]:
    """For query (q, dim) and support (s, dim), masked (s,): tokens after the layer, and mean weights (q, s)."""
    heads, dim = layer.heads, query.shape[1]
    size = dim // heads
    kept = [at for at in range(len(support)) if not masked[at]]
    keys, values = {}, {}
    for at in kept:
        normed = layer_norm(support[at], layer.memory_norm.weight, layer.memory_norm.bias)
        both = layer.key_value.weight @ normed + layer.key_value.bias
        keys[at], values[at] = both[:dim], both[dim:]
    rows, shares = [], []
    for x in query:
        asked = layer.query.weight @ layer_norm(x, layer.norm.weight, layer.norm.bias) + layer.query.bias
        found, share = [], torch.zeros(len(support), dtype=query.dtype)
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            heights = torch.stack([(asked[part] * keys[at][part]).sum() / math.sqrt(size) for at in kept])
            weights = torch.exp(heights - heights.max())
            weights = weights / weights.sum()
            found.append(sum(weights[n] * values[at][part] for n, at in enumerate(kept)))
            share = share + torch.zeros_like(share).index_add(0, torch.tensor(kept), weights / heads)
        x = x + layer.out.weight @ torch.cat(found) + layer.out.bias
        wide = layer.wide
        inner = gelu(wide.up.weight @ layer_norm(x, wide.norm.weight, wide.norm.bias) + wide.up.bias)
        rows.append(x + wide.down.weight @ inner + wide.down.bias)
        shares.append(share)
    return torch.stack(rows), torch.stack(shares)


def similarities(
    query: Tensor, support: Tensor, labels: Tensor, weight: Tensor, temperatures: tuple[float, ...]
) -> Tensor:
    """What `Network.similarities` gives for query (q, dim) and support (s, dim), labels (s,): 0 NEG, 1 POS."""

    def unit(x: Tensor) -> Tensor:
        y = weight @ x
        return y / torch.sqrt((y**2).sum())

    own = [unit(x) for x, label in zip(support, labels.tolist(), strict=True) if label == 1]
    other = [unit(x) for x, label in zip(support, labels.tolist(), strict=True) if label == 0]
    mean = sum(own)
    prototype = mean / torch.sqrt((mean**2).sum())
    rows = []
    for x in query:
        q = unit(x)
        near = torch.stack([(q * y).sum() for y in own])
        far = torch.stack([(q * y).sum() for y in other]) if other else torch.tensor([-1.0], dtype=q.dtype)
        row = [near.max(), far.max()]
        for t in temperatures:
            up = torch.exp(near / t).sum()
            down = torch.exp(far / t).sum() if other else torch.zeros((), dtype=q.dtype)
            row.append(up / (up + down))
        rows.append(torch.stack([*row, (q * prototype).sum()]))
    return torch.stack(rows)
