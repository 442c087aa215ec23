"""BEATs in plain eager PyTorch, float32: the yardstick of speed and of lost precision (perf/beats.py).

Written as the papers state it and as the published code runs it: explicit logits, the gated bias of every layer as a
tensor of its own, softmax, product; three projections; a grouped convolution with weight norm. No fused kernels, no
lowered types. The weights are those of a `tymbal.encoders.beats.Beats`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from tymbal.encoders.beats import Beats, BeatsBlock, relative_buckets


def position_bias(encoder: Beats, tokens: int) -> Tensor:
    """(heads, tokens, tokens): the bucket of every pair looked up in the table."""
    config = encoder.config
    place = torch.arange(tokens)
    buckets = relative_buckets(tokens, config.buckets, config.max_distance)
    pairs = buckets[place[None, :] - place[:, None] + tokens - 1]
    return functional.embedding(pairs, encoder.relative_bias.weight).permute(2, 0, 1)


def attend(block: BeatsBlock, x: Tensor, bias: Tensor) -> Tensor:
    """Self-attention of (batch, n, dim) with its gated bias."""
    batch, n, dim = x.shape
    width = dim // block.heads
    query, key, value = (
        part(x).view(batch, n, block.heads, width).transpose(1, 2)
        for part in (block.q_proj, block.k_proj, block.v_proj)
    )
    gates = functional.linear(query, block.gate_linear.weight, block.gate_linear.bias)
    a, b = torch.sigmoid(gates.view(batch, block.heads, n, 2, 4).sum(-1)).chunk(2, dim=-1)
    gate = a * (b * block.gate_scale - 1.0) + 2.0
    logits = torch.matmul(query, key.transpose(-1, -2)) / math.sqrt(width) + gate * bias
    mixed = torch.matmul(torch.softmax(logits, dim=-1), value)
    y: Tensor = block.out_proj(mixed.transpose(1, 2).reshape(batch, n, dim))
    return y


def run(encoder: Beats, waveform: Tensor) -> dict[str, Tensor]:
    """Tokens (batch, n, dim) of every layer for whole waveforms (batch, samples)."""
    picture = encoder.front_end(waveform).values
    tokens = encoder.patch_embedding(picture.unsqueeze(1)).flatten(2).transpose(1, 2)
    tokens = encoder.projection(encoder.patch_norm(tokens))
    outputs = {"embedding": tokens}
    conv = encoder.position
    weight = torch._weight_norm(conv.weight_v, conv.weight_g, 2)
    y = functional.conv1d(tokens.transpose(1, 2), weight, conv.bias, padding=conv.kernel // 2, groups=conv.groups)
    x = encoder.input_norm(tokens + functional.gelu(y[..., : tokens.shape[1]].transpose(1, 2)))
    bias = position_bias(encoder, tokens.shape[1])
    for number, block in enumerate(encoder.blocks):
        x = block.attention_norm(block.alpha * x + attend(block, x, bias))
        x = block.output_norm(block.alpha * x + block.fc2(functional.gelu(block.fc1(x))))
        outputs[f"block{number}"] = x
    return outputs
