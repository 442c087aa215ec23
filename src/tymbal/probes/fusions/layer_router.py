"""Layer router: parts of the stream choose their layers independently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from tymbal.errors import UsageError
from tymbal.probes.fusions.base import AffineFusion, FusionKind, adapters_for
from tymbal.probes.fusions.layer_weights import LayerWeights, LayerWeightsOptions


@dataclass(frozen=True)
class LayerRouterOptions(LayerWeightsOptions):
    """heads : parts of the stream with layer weights of their own; the width of the probe must divide by them.
    rate_multiplier : how many times as fast as all other parameters the layer weights learn."""

    heads: int = 8


class LayerRouter(AffineFusion):
    """z = [z_1; ...; z_H], z_h = sum over layers l of softmax(r_h)_l (P_l x_l + b_l)_h; r starts at 0.

    Per-head routing over layers (LIMe: Gerasimov et al. 2025, arXiv 2502.09245), of the stream instead of keys and
    values inside the encoder: one probe can take pitch from a low layer and identity from a high one.
    """

    def __init__(self, dims: tuple[int, ...], width: int, options: LayerRouterOptions) -> None:
        super().__init__(dims, width)
        self.heads = options.heads
        if options.heads < 1 or width % options.heads:
            raise UsageError(
                f"{options.heads} heads do not divide width {width}",
                where="layer_router",
                mend="Change heads in fusion_options, or dim.",
            )
        self.weighting = LayerWeights(len(dims), options, options.heads)
        self.adapters = adapters_for(dims, width)

    def routes(self) -> Tensor:
        """Weights (heads, layers), rows summing to 1."""
        return torch.as_tensor(self.weighting())

    def weights(self) -> Tensor:
        """The heads' weights on average."""
        return self.routes().mean(dim=0)

    def notes(self) -> dict[str, Any]:
        """The average, and every head's own weights."""
        return super().notes() | {"head_layer_weights": self.routes().detach().tolist()}

    def reduce(self, values: Tensor) -> Tensor:
        """Centred values."""
        return values - self.center

    def affine(self) -> tuple[Tensor, Tensor]:
        """Every row of the projections with the weights of its head."""
        rows = self.routes().repeat_interleave(self.width // self.heads, dim=0)  # (width, layers)
        blocks, offset = [], torch.zeros_like(rows[:, 0])
        for index, scale in enumerate(torch.split(self.scale, list(self.dims))):
            adapter = self.adapters[index if len(self.adapters) > 1 else 0]
            blocks.append(rows[:, index, None] * adapter.weight * scale)  # type: ignore[operator]
            offset = offset + rows[:, index] * adapter.bias  # type: ignore[operator]
        return torch.cat(blocks, dim=1), offset


LAYER_ROUTER = FusionKind("layer_router", LayerRouterOptions, LayerRouter)
