"""Layer fusion: every layer standardised and projected, then one weighted sum with learned softmax weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Fusion(nn.Module):
    """z = sum over layers l of softmax(w)_l (P_l x_l + b_l), w starting at 0 so that all layers weigh alike.

    The fusion of ESP's multi-layer probes (arXiv 2605.10494, section on probes), with the normalisation before the
    projection; interpolation to one time axis is linear and so done beforehand (`probes.pooling`). One layer needs
    no weights. Layers of equal width share one P, as nothing but their content tells them apart then.

    Parameters
    ----------
    dims : values of each layer.
    width : values of z; None keeps a single layer as it is, without projection.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, dims: Sequence[int], width: int | None) -> None:
        super().__init__()
        self.dims = tuple(dims)
        if width is None and len(self.dims) > 1:
            raise ValueError("several layers need a width to be projected to")
        self.register_buffer("center", torch.zeros(sum(dims)))
        self.register_buffer("scale", torch.ones(sum(dims)))
        self.logits = nn.Parameter(torch.zeros(len(self.dims))) if len(self.dims) > 1 else None
        shared = len(set(self.dims)) == 1
        sizes = [] if width is None else [self.dims[0]] if shared else list(self.dims)
        self.adapters = nn.ModuleList([nn.Linear(size, width or size) for size in sizes])
        self.width = self.dims[0] if width is None else width

    def weights(self) -> Tensor:
        """The layers' weights, shape (layers,), summing to 1."""
        if self.logits is None:
            return torch.ones_like(self.scale[:1])
        return torch.softmax(self.logits, dim=0)

    def forward(self, values: Tensor) -> Tensor:
        """Fuse (..., sum of dims) to (..., width); values that are NaN (a layer without frames) count as the mean."""
        values = torch.nan_to_num((values - self.center) * self.scale)
        if len(self.adapters) == 0:
            return values
        alpha = self.weights()
        adapters = [self.adapters[0 if len(self.adapters) == 1 else index] for index in range(len(self.dims))]
        # One product for all layers: the weighted projections side by side.
        matrix = torch.cat([weight * layer.weight for weight, layer in zip(alpha, adapters, strict=True)], dim=1)
        bias = torch.stack([layer.bias for layer in adapters])  # type: ignore[misc]
        return nn.functional.linear(values, matrix, alpha @ bias)
