"""BEATs' transformer and token mask, written out slowly in float64: one head, one query, one key at a time."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def bucket(distance: int, buckets: int, max_distance: int) -> int:
    """T5's bidirectional bucket of key position minus query position."""
    half = buckets // 2
    exact = half // 2
    size = abs(distance)
    if size >= exact:
        # The published tables were trained with this logarithm in float32.
        ratio = torch.log(torch.tensor(size, dtype=torch.float32) / exact) / math.log(max_distance / exact)
        size = min(half - 1, exact + int(ratio * (half - exact)))
    return size + (half if distance > 0 else 0)


def layer_norm(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-5).sqrt() * weight + bias


def gelu(x: Tensor) -> Tensor:
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def positional(x: Tensor, state: dict[str, Tensor], groups: int) -> Tensor:
    """Grouped convolution of (n, dim) over positions, weight norm per kernel position, GELU."""
    v, g = state["position.weight_v"], state["position.weight_g"]
    weight = v * (g / v.square().sum((0, 1), keepdim=True).sqrt())
    n, dim = x.shape
    kernel, width = weight.shape[2], dim // groups
    rows = []
    for i in range(n):
        total = state["position.bias"]
        for k in range(kernel):
            j = i + k - kernel // 2
            if 0 <= j < n:
                parts = [
                    weight[c * width : (c + 1) * width, :, k] @ x[j, c * width : (c + 1) * width] for c in range(groups)
                ]
                total = total + torch.cat(parts)
        rows.append(total)
    return gelu(torch.stack(rows))


def attention(x: Tensor, mask: Tensor, state: dict[str, Tensor], block: str, sizes: dict[str, int]) -> Tensor:
    """Gated-bias attention of (n, dim) over the keys where `mask` (n,) is True."""

    def linear(name: str, value: Tensor) -> Tensor:
        return value @ state[f"{block}{name}.weight"].T + state[f"{block}{name}.bias"]

    query, key, value = (linear(f"{name}_proj", x) for name in "qkv")
    n, dim = x.shape
    width = dim // sizes["heads"]
    heads = []
    for h in range(sizes["heads"]):
        part = slice(h * width, (h + 1) * width)
        rows = []
        for i in range(n):
            gates = linear("gate_linear", query[i, part]).reshape(2, 4).sum(1)
            a, b = torch.sigmoid(gates)
            gate = a * (b * state[f"{block}gate_scale"][0, h, 0, 0] - 1) + 2
            logits = torch.stack(
                [
                    query[i, part] @ key[j, part] / math.sqrt(width)
                    + gate * state["relative_bias.weight"][bucket(j - i, sizes["buckets"], sizes["max_distance"]), h]
                    for j in range(n)
                ]
            )
            weights = torch.softmax(logits.masked_fill(~mask, -math.inf), 0)
            rows.append(weights @ value[:, part])
        heads.append(torch.stack(rows))
    return linear("out_proj", torch.cat(heads, dim=1))


def transform(tokens: Tensor, mask: Tensor, state: dict[str, Tensor], sizes: dict[str, int]) -> list[Tensor]:
    """Every block's output for one row of tokens (n, dim) and its mask (n,)."""

    def norm(name: str, value: Tensor) -> Tensor:
        return layer_norm(value, state[f"{name}.weight"], state[f"{name}.bias"])

    x = tokens * mask[:, None]
    x = norm("input_norm", x + positional(x, state, sizes["groups"]))
    alpha = (2 * sizes["blocks"]) ** 0.25
    outputs = []
    for index in range(sizes["blocks"]):
        block = f"blocks.{index}."
        x = norm(f"{block}attention_norm", alpha * x + attention(x, mask, state, block, sizes))
        inner = gelu(x @ state[f"{block}fc1.weight"].T + state[f"{block}fc1.bias"])
        inner = inner @ state[f"{block}fc2.weight"].T + state[f"{block}fc2.bias"]
        x = norm(f"{block}output_norm", alpha * x + inner)
        outputs.append(x)
    return outputs
