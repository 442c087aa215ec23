"""Attention of the in-context network: within the support by relative position, from the query to it by content."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

SHARE = 4  # columns beside the values, the first of which is what the weights are summed over; rounds the width up


def attend(query: Tensor, key: Tensor, value: Tensor, masked: Tensor) -> Tensor:
    """Scaled dot-product attention (Vaswani et al. 2017, equation 1); weights are never held whole.

    query (batch, heads, q, size), key (batch, heads, s, size), value (batch, heads, s, n) with n >= size, masked
    (batch, s): True is never looked at. Returns (batch, heads, q, n).
    """
    size, width = query.shape[-1], value.shape[-1]
    bias = query.new_zeros(masked.shape).masked_fill(masked, float("-inf"))[:, None, None, :]
    query, key = (nn.functional.pad(each, (0, width - size)) for each in (query, key))  # the fast path has one width
    return nn.functional.scaled_dot_product_attention(
        query, key, value, attn_mask=bias.expand(-1, -1, query.shape[2], -1), scale=size**-0.5
    )


def rotated(x: Tensor, positions: Tensor) -> Tensor:
    """Rotary embedding (Su et al. 2021, equation 34): products of two depend on the difference of their positions.

    x (batch, heads, s, size), positions (batch, s) in tokens.
    """
    half = x.shape[-1] // 2
    rates = 1000.0 ** (-torch.arange(half, device=x.device, dtype=torch.float32) / half)
    angles = (positions[:, None, :, None].float() * rates).to(x.dtype)
    cos, sin = angles.cos(), angles.sin()
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def split(x: Tensor, heads: int) -> Tensor:
    """(batch, n, dim) to (batch, heads, n, dim / heads)."""
    return x.reshape(*x.shape[:2], heads, -1).transpose(1, 2)


class Wide(nn.Module):
    """The layer between attentions, with its norm; added to its input."""

    def __init__(self, dim: int, widening: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.up, self.down = nn.Linear(dim, widening * dim), nn.Linear(widening * dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        wider: Tensor = nn.functional.gelu(self.up(self.norm(x)))
        return x + cast(Tensor, self.down(wider))


class SupportLayer(nn.Module):
    """Self-attention of the support."""

    def __init__(self, dim: int, heads: int, widening: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.qkv, self.out = nn.LayerNorm(dim), nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)
        self.wide = Wide(dim, widening)

    def forward(self, x: Tensor, masked: Tensor, positions: Tensor) -> Tensor:
        query, key, value = (split(each, self.heads) for each in self.qkv(self.norm(x)).chunk(3, dim=2))
        values = attend(rotated(query, positions), rotated(key, positions), value, masked)
        return self.wide(x + self.out(values.transpose(1, 2).flatten(2)))  # type: ignore[no-any-return]


class CrossLayer(nn.Module):
    """From query frames to keys and values of the support, which are made once."""

    def __init__(self, dim: int, heads: int, widening: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm, self.memory_norm = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.query, self.key_value, self.out = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        self.wide = Wide(dim, widening)

    def remember(self, support: Tensor) -> tuple[Tensor, Tensor]:
        """Keys and values (batch, heads, s, size) of a support (batch, s, dim)."""
        key, value = self.key_value(self.memory_norm(support)).chunk(2, dim=2)
        return split(key, self.heads), split(value, self.heads)

    def forward(self, x: Tensor, memory: tuple[Tensor, Tensor], masked: Tensor, own: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens (batch, q, dim) after the layer, and the weight (batch, q) that fell on `own` (batch, s) float."""
        key, value = memory
        query = split(self.query(self.norm(x)), self.heads)
        shared = nn.functional.pad(own[:, None, :, None], (0, SHARE - 1)).expand(-1, self.heads, -1, -1)
        found = attend(query, key, torch.cat([value, shared], dim=3), masked)
        attended = found[..., :-SHARE].transpose(1, 2).flatten(2)
        return self.wide(x + self.out(attended)), found[..., -SHARE].mean(dim=1)
