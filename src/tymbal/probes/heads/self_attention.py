"""The self-attention head of ESP's multi-layer probes: frames look at each other, then are averaged."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.heads.base import TrainedHead


@dataclass(frozen=True)
class SelfAttentionOptions:
    """heads : attention heads; the width must divide by them. dropout : of the block and before the classifier."""

    heads: int = 8
    dropout: float = 0.3


class SelfAttentionHead(nn.Module):
    """y = LN(x + dropout(MHA(x, x, x))), mean over real frames, dropout, linear (arXiv 2605.10494).

    No feed-forward part and no position code, as there; unlike there padded frames are neither attended nor
    averaged. Cost grows with the square of the number of frames.
    """

    def __init__(self, width: int, classes: int, options: SelfAttentionOptions) -> None:
        super().__init__()
        if width % options.heads:
            raise UsageError(
                f"{options.heads} heads do not divide width {width}",
                where="self_attention",
                mend="Change options.heads or dim.",
            )
        self.attention = nn.MultiheadAttention(width, options.heads, dropout=options.dropout, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(width, classes)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        z = z.masked_fill(~mask[..., None], 0.0)
        empty = ~mask.any(dim=1, keepdim=True)  # a row with nothing to attend to would be NaN
        seen, _ = self.attention(z, z, z, key_padding_mask=~(mask | empty), need_weights=False)
        y = self.norm(z + self.dropout(seen)).masked_fill(~mask[..., None], 0.0)
        mean = y.sum(dim=1) / mask.sum(dim=1).clamp(min=1)[:, None]
        out: Tensor = self.classifier(self.dropout(mean))
        return out


SELF_ATTENTION = TrainedHead("self_attention", "frames", SelfAttentionOptions, SelfAttentionHead)
