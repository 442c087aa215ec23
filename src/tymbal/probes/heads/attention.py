"""The attention head: a few learned queries each look for their own moments."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.probes.heads.attending import Affine, AttendingHead, attention_over
from tymbal.probes.heads.base import TrainedHead
from tymbal.probes.heads.masking import silenced


@dataclass(frozen=True)
class AttentionOptions:
    """queries : number of learned queries. dropout : share of fused values and of pooled values zeroed in training.
    entropy : weight of the attention's negative entropy in the loss; 0.1, say, spreads it over more frames.
    """

    queries: int = 4
    dropout: float = 0.3
    entropy: float = 0.0


class AttentionHead(AttendingHead):
    """Logits of LN([mean; std; one attended mean per query]) over the real frames.

    a_kt = softmax_t(q_k . z_t / sqrt(width) + log m_t), attended mean k = sum_t a_kt z_t: attentive pooling with
    learned queries (the pooling by multihead attention of Lee et al. 2019, Set Transformer, section 3.2, without
    value projections). Cost grows linearly with the number of frames.
    """

    def __init__(self, width: int, classes: int, options: AttentionOptions) -> None:
        super().__init__()
        self.entropy = options.entropy
        self.queries = nn.Parameter(torch.randn(options.queries, width))
        self.norm = nn.LayerNorm((2 + options.queries) * width)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear((2 + options.queries) * width, classes)

    def attend(self, x: Tensor, mask: Tensor, affine: Affine | None = None) -> tuple[Tensor, Tensor]:
        """As `AttendingHead.attend`; the spread over time needs every frame projected, so nothing is folded."""
        z = x if affine is None else nn.functional.linear(x, *affine)
        z = silenced(self.dropout(z), mask)
        count = mask.sum(dim=1).clamp(min=1)[:, None]
        mean = z.sum(dim=1) / count
        spread = silenced(z - mean[:, None], mask)
        std = (spread.square().sum(dim=1) / count + 1e-6).sqrt()
        attention = attention_over(z @ self.queries.T / math.sqrt(z.shape[-1]), mask)
        attended = attention @ z  # (batch, queries, width)
        pooled = self.norm(torch.cat([mean, std, attended.flatten(1)], dim=1))
        return self.classifier(self.dropout(pooled)), attention


ATTENTION = TrainedHead("attention", "frames", AttentionOptions, AttentionHead)
