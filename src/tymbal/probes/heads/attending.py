"""What attention heads share: they show where they attended, and training may ask them to spread it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

Affine = tuple[Tensor, Tensor]


class AttendingHead(nn.Module):
    """A head that pools frames by learned attention.

    entropy : weight of `negative_entropy` in the loss; above 0 attention is spread over more frames, below 0
        narrowed to fewer.
    """

    entropy: float

    def attend(self, x: Tensor, mask: Tensor, affine: Affine | None = None) -> tuple[Tensor, Tensor]:
        """Logits (batch, classes), and the attention (batch, maps, frames), each map summing to 1 over real frames.

        x (batch, frames, inner), finite; affine is the matrix (width, inner) and offset (width,) that make frames of
        the probe's width out of it, None where x is those frames already. mask (batch, frames).
        """
        raise NotImplementedError

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        return self.attend(z, mask)[0]


def attention_over(logits: Tensor, mask: Tensor) -> Tensor:
    """Softmax over the real frames of logits (batch, frames, maps) as (batch, maps, frames); zeros on padding."""
    # A finite floor: an example without any real frame attends to nothing instead of giving NaN.
    weights = torch.softmax(logits.masked_fill(~mask[..., None], -1e4), dim=1)
    return weights.masked_fill(~mask[..., None], 0.0).transpose(1, 2)


def negative_entropy(attention: Tensor) -> Tensor:
    """Sum over frames of a log a, mean over the batch and the maps of attention (batch, maps, frames); 0 or less."""
    each: Tensor = torch.special.xlogy(attention, attention.clamp(min=1e-12))
    return each.sum(dim=2).mean()
