"""The transformer head: whole encoder blocks on the frames, then their mean."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.heads.base import TrainedHead
from tymbal.probes.heads.masking import check_heads, key_padding, masked_mean, silenced


@dataclass(frozen=True)
class TransformerOptions:
    """heads : attention heads; the width must divide by them. hidden : values between the two matrices of a block.
    layers : blocks. dropout : inside the blocks and before the classifier in training."""

    heads: int = 8
    hidden: int = 128
    layers: int = 1
    dropout: float = 0.3


class TransformerHead(nn.Module):
    """Encoder blocks with the norm after each part (Vaswani et al. 2017), mean over real frames, dropout, linear.

    Sizes as in the probes of arXiv 2508.11845; no position code, so order is heard only where the features carry
    it. Cost grows with the square of the number of frames.
    """

    def __init__(self, width: int, classes: int, options: TransformerOptions) -> None:
        super().__init__()
        check_heads(options.heads, width, "transformer")
        if options.hidden < 1 or options.layers < 1:
            given = f"hidden is {options.hidden}, layers is {options.layers}"
            raise UsageError(given, where="transformer", allowed="1 or more of each")
        self.blocks = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(
                    width, options.heads, options.hidden, options.dropout, "gelu", batch_first=True
                )
                for _ in range(options.layers)
            ]
        )
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(width, classes)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        z, padding = silenced(z, mask), key_padding(mask)
        for block in self.blocks:
            z = block(z, src_key_padding_mask=padding)
        out: Tensor = self.classifier(self.dropout(masked_mean(z, mask)))
        return out


TRANSFORMER = TrainedHead("transformer", "frames", TransformerOptions, TransformerHead)
