"""Weighted sum of layers with learned softmax weights, the fusion of SUPERB and of ESP's multi-layer probes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from tymbal.probes.fusions.base import AffineFusion, FusionKind
from tymbal.probes.fusions.layer_weights import LayerWeights, LayerWeightsOptions


@dataclass(frozen=True)
class WeightedSumOptions(LayerWeightsOptions):
    """Settings of the weighted sum.

    rate_multiplier : how many times as fast as all other parameters the layer weights learn.
    adapters : "shared": every layer is projected to the width of the probe, layers of equal size by the same matrix,
        as nothing but their content tells them apart then; "where_needed": the stream is as wide as the widest layer
        and only narrower ones are projected.
    standardise : every value is standardised by the training examples first.
    "where_needed" without standardising, multiplier 1, is the fusion of arXiv 2605.10494 to the letter.
    """

    adapters: Literal["shared", "where_needed"] = "shared"
    standardise: bool = True


class _Mix(torch.autograd.Function):
    """Frames a few at a time, so that the sum and its gradient stay in the cache while the layers stream by."""

    FRAMES = 64

    @staticmethod
    def forward(ctx: Any, values: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
        ctx.save_for_backward(values, scale)
        layers = values.reshape(-1, *scale.shape)
        out = offset.expand(len(layers), -1).clone()
        for part, own in zip(torch.split(out, _Mix.FRAMES), torch.split(layers, _Mix.FRAMES), strict=True):
            for index, factor in enumerate(scale):
                part.addcmul_(own[:, index], factor)
        return out.view(*values.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor, Tensor]:
        values, scale = ctx.saved_tensors
        gradient, layers = gradients[0].reshape(-1, scale.shape[1]), values.reshape(-1, *scale.shape)
        of_scale = torch.zeros_like(scale)
        for part, own in zip(torch.split(gradient, _Mix.FRAMES), torch.split(layers, _Mix.FRAMES), strict=True):
            of_scale += (own * part[:, None]).sum(dim=0)
        of_values = (gradient[:, None] * scale).reshape(values.shape) if ctx.needs_input_grad[0] else None
        return of_values, of_scale, gradient.sum(dim=0)


def mix(values: Tensor, scale: Tensor, offset: Tensor) -> Tensor:
    """offset + sum over layers of scale_l x_l: (..., layers × dim), (layers, dim), (dim,) -> (..., dim)."""
    out: Tensor = _Mix.apply(values, scale, offset)  # type: ignore[no-untyped-call]
    return out


class WeightedSum(AffineFusion):
    """z = sum over layers l of softmax(w)_l (P_l x_l + b_l), w starting at 0 so that all weigh alike.

    The fusion of ESP's multi-layer probes (arXiv 2605.10494, section on probes), with the normalisation before the
    projection; interpolation to one time axis is linear and so done beforehand (`probes.pooling`). One layer needs
    no weights.

    Parameters
    ----------
    dims : values of each layer.
    width : values of z; None keeps a single layer as it is, without projection.
    """

    def __init__(self, dims: Sequence[int], width: int | None, options: WeightedSumOptions | None = None) -> None:
        options = options or WeightedSumOptions()
        if width is None and len(dims) > 1:
            raise ValueError("several layers need a width to be projected to")
        lazy = options.adapters == "where_needed"
        super().__init__(dims, max(dims) if lazy or width is None else width, standardises=options.standardise)
        self.weighting = LayerWeights(len(self.dims), options) if len(self.dims) > 1 else None
        self.even = len(set(self.dims)) == 1
        if lazy or width is None:
            self.adapted = tuple(size != self.width for size in self.dims)
        else:
            self.adapted = (True,) * len(self.dims)
        sizes = [size for size, adapted in zip(self.dims, self.adapted, strict=True) if adapted]
        self.adapters = nn.ModuleList([nn.Linear(size, self.width) for size in (sizes[:1] if self.even else sizes)])

    def weights(self) -> Tensor:
        """The layers' weights, shape (layers,), summing to 1."""
        return torch.ones_like(self.scale[:1]) if self.weighting is None else torch.as_tensor(self.weighting())

    def reduce(self, values: Tensor) -> Tensor:
        """Layers of one size are summed before they are projected: the projection then is paid once, not per layer."""
        if not self.even:
            return values - self.center  # before the projection: large means would cost it digits
        scale = self.weights()[:, None] * self.scale.view(len(self.dims), -1)
        offset = -(scale * self.center.view(len(self.dims), -1)).sum(dim=0)
        return mix(values, scale, offset)

    def affine(self) -> tuple[Tensor, Tensor] | None:
        """The shared projection, or the weighted projections side by side."""
        adapters = [adapter for adapter in self.adapters if isinstance(adapter, nn.Linear)]
        if self.even:
            return (adapters[0].weight, adapters[0].bias) if adapters else None
        blocks, offset = [], torch.zeros_like(self.scale[:1])
        scales = torch.split(self.scale, list(self.dims))
        for index, alpha in enumerate(self.weights()):
            adapter = adapters.pop(0) if self.adapted[index] else None
            matrix = (
                torch.eye(self.width, device=alpha.device, dtype=alpha.dtype) if adapter is None else adapter.weight
            )
            blocks.append(alpha * matrix * scales[index])
            if adapter is not None:
                offset = offset + alpha * adapter.bias
        return torch.cat(blocks, dim=1), offset


def _build(dims: tuple[int, ...], width: int, options: WeightedSumOptions) -> WeightedSum:
    return WeightedSum(dims, width, options)


WEIGHTED_SUM = FusionKind("weighted_sum", WeightedSumOptions, _build)
