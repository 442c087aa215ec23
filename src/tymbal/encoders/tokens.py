"""Pieces that the transformer encoders share: attention masks, token layout, the positional convolution."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.errors import ConfigError

Frequency = Literal["mean", "concat", "tokens"]
FREQUENCIES: tuple[Frequency, ...] = ("mean", "concat", "tokens")


def check_frequency(frequency: str, where: str) -> None:
    """Raise ConfigError unless `frequency` is "mean", "concat" or "tokens"."""
    if frequency not in FREQUENCIES:
        raise ConfigError(f"frequency {frequency!r}", where=where, allowed=", ".join(FREQUENCIES))


def check_heads(dim: int, heads: int, where: str) -> None:
    """Raise ConfigError unless the width splits evenly over the attention heads."""
    if heads < 1 or dim % heads:
        raise ConfigError(f"{heads} heads for a width of {dim}", where=where, allowed="heads that divide the width")


def band_shape(frequency: Frequency, bands: int, dim: int) -> tuple[int, int]:
    """(bands, dim) of a layer whose time frame holds `bands` tokens of `dim` values."""
    return {"mean": (1, dim), "concat": (1, bands * dim), "tokens": (bands, dim)}[frequency]


def fold_bands(tokens: Tensor, bands: int, frequency: Frequency) -> Tensor:
    """Time-major tokens (batch, frames · bands, dim) as frames (batch, frames, bands', dim').

    "mean" averages the frequency patches of a frame, "concat" joins them low to high, "tokens" keeps them apart.
    """
    batch, count, dim = tokens.shape
    grid = tokens.reshape(batch, count // bands, bands, dim)
    if frequency == "mean":
        return grid.mean(2, keepdim=True)
    return grid.flatten(2).unsqueeze(2) if frequency == "concat" else grid


def zero_padding(values: Tensor, mask: Tensor) -> Tensor:
    """`values` (batch, n, …) with zeros where `mask` (batch, n) is False."""
    return values.masked_fill(~mask.reshape(*mask.shape, *[1] * (values.ndim - 2)), 0.0)


def attendable(mask: Tensor) -> Tensor | None:
    """Which keys attention may see, (batch, 1, 1, n) bool, for `attention`; None where all are real.

    A row without any real token sees all of them: a softmax over nothing would be NaN, and the row is padding anyway.
    """
    if all_real(mask):
        return None
    seen = mask | ~mask.any(1, keepdim=True)
    return seen[:, None, None, :]


def all_real(mask: Tensor) -> bool:
    """Whether a mask is True everywhere; by definition in an exported graph, which is made for whole windows."""
    exporting = getattr(torch.compiler, "is_exporting", None)  # torch 2.7 has it first
    return (exporting is not None and bool(exporting())) or bool(mask.all())


def row_lengths(mask: Tensor) -> list[int]:
    """How many entries of each row of a mask (batch, n) are real."""
    return [mask.shape[1]] * len(mask) if all_real(mask) else mask.sum(1).tolist()


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(batch, n, heads · d) as (batch, heads, n, d)."""
    batch, n, dim = x.shape
    return x.reshape(batch, n, heads, dim // heads).transpose(1, 2)


def join_heads(x: Tensor) -> Tensor:
    """(batch, heads, n, d) as (batch, n, heads · d)."""
    return x.transpose(1, 2).flatten(2)


class AttentionBlock(nn.Module):
    """What the blocks of all transformer encoders share: queries, keys and values from their linear maps.

    A subclass has either `q_proj`, `k_proj` and `v_proj`, or one `qkv` that gives the three side by side.
    `product_dtype` is the type in which queries, keys and values are multiplied; None: that of the linear maps.
    """

    heads: int
    product_dtype: torch.dtype | None = None

    def project(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Query, key and value, (batch, heads, n, d) each, of (batch, n, dim)."""
        merged = self._modules.get("qkv")
        singles = (self._modules[f"{name}_proj"] for name in "qkv")
        parts = [part(x) for part in singles if part] if merged is None else merged(x).chunk(3, dim=-1)
        query, key, value = (split_heads(part.to(self.product_dtype or part.dtype), self.heads) for part in parts)
        return query, key, value


EXPLICIT_TOKENS = 2048  # up to here the logits of a row (8 MB a head) are written out; beyond, memory comes first


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    bias: Tensor | None = None,
    gate: Tensor | None = None,
    seen: Tensor | None = None,
) -> Tensor:
    """softmax(q kᵀ / √d + gate · bias) v, joined to (batch, n, heads · d).

    Parameters
    ----------
    query, key, value : (batch, heads, n, d).
    bias : (heads, n, n), added to the logits; `gate` (batch, heads, n, 1) multiplies it.
    seen : bool (batch, 1, 1, n), the keys that may be seen; None: all.

    In bfloat16 on a CPU the three steps are written out: torch's fused kernel takes as long there as in float32, the
    plain products half of that (perf/results/beats.txt).
    """
    if query.dtype == torch.bfloat16 and query.device.type == "cpu" and query.shape[2] <= EXPLICIT_TOKENS:
        logits = torch.matmul(query * query.shape[-1] ** -0.5, key.transpose(-1, -2))
        if bias is not None:
            bias = bias.to(query.dtype)
            logits = logits.add_(bias) if gate is None else logits.addcmul_(gate, bias)
        if seen is not None:
            logits = logits.masked_fill_(~seen, -math.inf)
        return join_heads(torch.matmul(torch.softmax(logits, dim=-1), value))
    mask = seen
    if bias is not None:
        mask = bias.to(query.dtype) if gate is None else gate * bias.to(query.dtype)
        mask = mask if seen is None else mask.masked_fill(~seen, -math.inf)
    return join_heads(functional.scaled_dot_product_attention(query, key, value, attn_mask=mask))


class PositionalConv(nn.Module):
    """Position by a grouped convolution over time with weight norm, then GELU (wav2vec 2.0, Baevski et al. 2020).

    Weight norm is over kernel positions (w = g · v / ‖v‖ per position), as the published checkpoints store it. An
    even kernel gives one frame too many; the last is dropped. Parameters are held as `weight_g`, `weight_v` rather
    than through torch's parametrisation, which cannot be sent to another process.
    """

    def __init__(self, dim: int, kernel: int, groups: int) -> None:
        super().__init__()
        if dim % groups:
            raise ConfigError(f"{groups} groups for a width of {dim}", where="PositionalConv", allowed="divisors")
        self.kernel, self.groups = kernel, groups
        self.weight_g = nn.Parameter(torch.empty(1, 1, kernel))
        self.weight_v = nn.Parameter(torch.empty(dim, dim // groups, kernel))
        self.bias = nn.Parameter(torch.zeros(dim))
        nn.init.normal_(self.weight_v, std=math.sqrt(4 / (kernel * dim)))
        with torch.no_grad():
            self.weight_g.copy_(self.weight_v.norm(dim=(0, 1), keepdim=True))

    def weight(self) -> Tensor:
        """The normed kernels (dim, dim / groups, kernel)."""
        normed: Tensor = self.weight_v * (self.weight_g / self.weight_v.norm(dim=(0, 1), keepdim=True))
        return normed

    def forward(self, x: Tensor) -> Tensor:
        """(batch, frames, dim) to the same shape; frames outside the sequence count as zeros."""
        weight = self.weight()
        y = functional.conv1d(x.transpose(1, 2), weight, self.bias, padding=self.kernel // 2, groups=self.groups)
        return functional.gelu(y[..., : x.shape[1]].transpose(1, 2))


def initialise(module: nn.Module) -> None:
    """BERT's start for a whole network: weights of linear maps and embeddings from N(0, 0.02), biases zero."""
    for part in module.modules():
        if isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.02)
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Embedding):
            nn.init.normal_(part.weight, std=0.02)
