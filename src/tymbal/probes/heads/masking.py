"""What heads that take frames share: padding that is never heard."""

from __future__ import annotations

from torch import Tensor

from tymbal.errors import UsageError


def silenced(z: Tensor, mask: Tensor) -> Tensor:
    """z (batch, frames, width) with zeros where `mask` (batch, frames) is False, whatever stood there."""
    return z.masked_fill(~mask[..., None], 0.0)


def masked_mean(z: Tensor, mask: Tensor) -> Tensor:
    """Mean of z (batch, frames, width) over the real frames, (batch, width); zeros where there is none."""
    return silenced(z, mask).sum(dim=1) / mask.sum(dim=1).clamp(min=1)[:, None]


def key_padding(mask: Tensor) -> Tensor:
    """What attention over frames leaves out, (batch, frames); all is let in where no frame is real.

    A row with nothing to attend to would be NaN.
    """
    return ~(mask | ~mask.any(dim=1, keepdim=True))


def check_heads(heads: int, width: int, where: str) -> None:
    """Raise UsageError unless `heads` divide `width`."""
    if heads < 1 or width % heads:
        raise UsageError(f"{heads} heads do not divide width {width}", where=where, mend="Change options.heads or dim.")
