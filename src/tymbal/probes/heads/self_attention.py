"""The self-attention head of ESP's multi-layer probes: frames look at each other, then are averaged."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tymbal.probes.heads.base import TrainedHead
from tymbal.probes.heads.masking import check_heads, key_padding, masked_mean, silenced


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
        check_heads(options.heads, width, "self_attention")
        self.attention = nn.MultiheadAttention(width, options.heads, dropout=options.dropout, batch_first=True)
        self.norm = nn.LayerNorm(width)
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(width, classes)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        z = silenced(z, mask)
        seen, _ = self.attention(z, z, z, key_padding_mask=key_padding(mask), need_weights=False)
        y = self.norm(z + self.dropout(seen))
        out: Tensor = self.classifier(self.dropout(masked_mean(y, mask)))
        return out


SELF_ATTENTION = TrainedHead("self_attention", "frames", SelfAttentionOptions, SelfAttentionHead)
