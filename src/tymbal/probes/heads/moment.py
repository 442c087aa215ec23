"""The moment head: which values rise and fall together over time, beside their mean."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.heads.base import TrainedHead
from tymbal.probes.heads.masking import check_heads, masked_mean, silenced

_LEAST = 7  # values of a part: two convolutions of kernel 3 and stride 2 leave one


@dataclass(frozen=True)
class MomentOptions:
    """size : values that frames are projected to. heads : parts these are split into. dropout : share of the mean
    frame and of the moments zeroed in training."""

    size: int = 512
    heads: int = 4
    dropout: float = 0.3


class MomentHead(nn.Module):
    """Mean of two logits: linear on the mean frame, and linear on second moments of the frames.

    Moment probing (Gao et al. 2023, arXiv 2307.11342): frames are projected and split into parts, each is
    normalised (LayerNorm); neighbouring parts A and B (frames, values) give moments A^T B / frames over the real
    frames, columns brought to length 1; two convolutions (3 × 3, stride 2, GELU between) shrink them. There the
    first logits come from the class token, which these features have not.
    """

    def __init__(self, width: int, classes: int, options: MomentOptions) -> None:
        super().__init__()
        check_heads(options.heads, options.size, "moment (its options.size)")
        part = options.size // options.heads
        if options.heads < 2 or part < _LEAST:
            raise UsageError(
                f"{options.heads} parts of {part} values", where="moment", allowed=f"2 or more of {_LEAST} or more"
            )
        self.heads = options.heads
        pairs, left = options.heads - 1, ((part - 3) // 2 + 1 - 3) // 2 + 1
        self.projection = nn.Linear(width, options.size)
        self.norm = nn.LayerNorm(part)
        self.shrink = nn.Sequential(
            nn.Conv2d(pairs, pairs, 3, stride=2, bias=False),
            nn.GELU(),
            nn.Conv2d(pairs, pairs, 3, stride=2, bias=False),
        )
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(width, classes)
        self.moment_classifier = nn.Linear(pairs * left * left, classes)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        z = silenced(z, mask)
        parts = self.norm(self.projection(z).unflatten(2, (self.heads, -1)))
        parts = parts.masked_fill(~mask[..., None, None], 0.0).transpose(1, 2)  # (batch, heads, frames, values)
        count = mask.sum(dim=1).clamp(min=1)[:, None, None, None]
        moments = parts[:, :-1].transpose(2, 3) @ parts[:, 1:] / count
        moments = self.shrink(nn.functional.normalize(moments, dim=2)).flatten(1)
        first, second = (
            self.classifier(self.dropout(masked_mean(z, mask))),
            self.moment_classifier(self.dropout(moments)),
        )
        return torch.add(first, second) / 2


MOMENT = TrainedHead("moment", "frames", MomentOptions, MomentHead)
