"""Multi-head attention with learned queries, folded: frames are pooled before they are projected."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.heads.attending import Affine, AttendingHead, attention_over
from tymbal.probes.heads.base import TrainedHead
from tymbal.probes.heads.masking import check_heads, silenced


@dataclass(frozen=True)
class QueryAttentionOptions:
    """queries : learned queries. heads : attention heads; the width must divide by them. dropout : share of pooled
    values zeroed in training. entropy : weight of the attention's negative entropy in the loss.
    """

    queries: int = 4
    heads: int = 4
    dropout: float = 0.3
    entropy: float = 0.0


class FoldedAttention(nn.Module):
    """Standard multi-head attention (Vaswani et al. 2017, section 3.2.2) whose queries are learned constants.

    A constant query q_h needs no keys: q_h . (W_h z_t + b_h) is (W_h^T q_h) . z_t and a constant, which softmax over
    t does not see. And as attention sums to 1, sum_t a_t (V_h z_t + c_h) is V_h (sum_t a_t z_t) + c_h. So no frame
    is projected: queries are folded into the keys, frames are pooled, and what was pooled is projected. The same
    holds of the affine map that makes z out of x, so that is folded too. Same outputs and gradients as the standard
    form; the part of its cost that grows with frames × width^2 is gone. Self-attention cannot be folded: its queries
    are not constant.

    Parameters are those of the standard form less what it cannot use: `queries` (queries, heads, width / heads)
    after their projection, and no bias of the keys.
    """

    def __init__(self, width: int, queries: int, heads: int) -> None:
        super().__init__()
        self.size = width // heads
        self.queries = nn.Parameter(torch.randn(queries, heads, self.size))
        self.keys = nn.Parameter(torch.empty(heads, self.size, width))
        self.values = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        for matrix in (self.keys.view(width, width), self.values.weight):
            nn.init.xavier_uniform_(matrix)
        nn.init.zeros_(self.values.bias)

    def forward(self, x: Tensor, mask: Tensor, affine: Affine | None = None) -> tuple[Tensor, Tensor]:
        """x (batch, frames, inner), finite, mask (batch, frames) -> (batch, queries, width), and the attention
        (batch, queries × heads, frames)."""
        queries, heads, _ = self.queries.shape
        folded = torch.einsum("qhd,hdw->qhw", self.queries, self.keys).flatten(0, 1) / math.sqrt(self.size)
        if affine is not None:
            folded = folded @ affine[0]
        attention = attention_over(x @ folded.T, mask)
        pooled = attention @ x  # (batch, queries × heads, inner)
        if affine is not None:
            # The offset comes with the weight of all frames: 1, or 0 where no frame is real.
            pooled = pooled @ affine[0].T + attention.sum(dim=2, keepdim=True) * affine[1]
        by_head = pooled.view(len(x), queries, heads, -1)
        matrix = self.values.weight.view(heads, self.size, -1)
        found = torch.einsum("bqhw,hdw->bqhd", by_head, matrix).flatten(2) + self.values.bias
        out: Tensor = self.output(found)
        return out, attention


class QueryAttentionHead(AttendingHead):
    """Linear on LN([attended by query 1; query 2; ...]): an attentive probe, at the cost of pooling."""

    def __init__(self, width: int, classes: int, options: QueryAttentionOptions) -> None:
        super().__init__()
        check_heads(options.heads, width, "query_attention")
        if options.queries < 1:
            raise UsageError(f"queries is {options.queries}", where="query_attention", allowed="1 or more")
        self.entropy = options.entropy
        self.attention = FoldedAttention(width, options.queries, options.heads)
        self.norm = nn.LayerNorm(options.queries * width)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(options.queries * width, classes)

    def attend(self, x: Tensor, mask: Tensor, affine: Affine | None = None) -> tuple[Tensor, Tensor]:
        """As `AttendingHead.attend`, one map per query and head."""
        pooled, attention = self.attention(x, mask, affine)
        return self.classifier(self.dropout(self.norm(pooled.flatten(1)))), attention

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        return self.attend(silenced(z, mask), mask)[0]


QUERY_ATTENTION = TrainedHead("query_attention", "frames", QueryAttentionOptions, QueryAttentionHead)
