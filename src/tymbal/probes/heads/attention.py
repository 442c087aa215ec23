"""The attention head: a few learned queries each look for their own moments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.probes.heads.base import TrainedHead


@dataclass(frozen=True)
class AttentionOptions:
    """queries : number of learned queries. dropout : share of fused values and of pooled values zeroed in training."""

    queries: int = 4
    dropout: float = 0.3


class AttentionHead(nn.Module):
    """Logits of LN([mean; std; one attended mean per query]) over the real frames.

    a_kt = softmax_t(q_k . z_t / sqrt(width) + log m_t), attended mean k = sum_t a_kt z_t: attentive pooling with
    learned queries (the pooling by multihead attention of Lee et al. 2019, Set Transformer, section 3.2, without
    value projections). Cost grows linearly with the number of frames.
    """

    def __init__(self, width: int, classes: int, options: AttentionOptions) -> None:
        super().__init__()
        self.queries = nn.Parameter(torch.randn(options.queries, width))
        self.norm = nn.LayerNorm((2 + options.queries) * width)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear((2 + options.queries) * width, classes)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        z = self.dropout(z).masked_fill(~mask[..., None], 0.0)
        count = mask.sum(dim=1).clamp(min=1)[:, None]
        mean = z.sum(dim=1) / count
        spread = (z - mean[:, None]).masked_fill(~mask[..., None], 0.0)
        std = (spread.square().sum(dim=1) / count + 1e-6).sqrt()
        logits = z @ self.queries.T / math.sqrt(z.shape[-1])  # (batch, frames, queries)
        # A finite floor: an example without any real frame attends evenly to zeros instead of giving NaN.
        logits = logits.masked_fill(~mask[..., None], -1e4)
        attended = torch.softmax(logits, dim=1).transpose(1, 2) @ z  # (batch, queries, width)
        pooled = self.norm(torch.cat([mean, std, attended.flatten(1)], dim=1))
        out: Tensor = self.classifier(self.dropout(pooled))
        return out


ATTENTION = TrainedHead("attention", "frames", AttentionOptions, AttentionHead)
