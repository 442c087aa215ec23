"""Softmax weights of layers, learned fast enough to find the layers that matter."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.errors import UsageError


@dataclass(frozen=True)
class LayerWeightsOptions:
    """rate_multiplier : how many times as fast as all other parameters the layer weights learn."""

    rate_multiplier: float = 8.0


class LayerWeights(nn.Module):
    """softmax(m w) over layers, w starting at 0 so that all layers weigh alike; m is `rate_multiplier`.

    Adam's steps do not depend on the size of gradients: m w is a logit learned at m times the rate. At the rate of
    everything else a logit travels a few tenths while a probe is trained, so that weights stay nearly even whatever
    the layers hold.

    Parameters
    ----------
    layers : number of layers.
    heads : parts of the stream with weights of their own; None for one row of weights.
    """

    def __init__(self, layers: int, options: LayerWeightsOptions, heads: int | None = None) -> None:
        super().__init__()
        if not 0 < options.rate_multiplier < float("inf"):
            raise UsageError(
                f"rate_multiplier is {options.rate_multiplier}", where="fusion_options", allowed="a number above 0"
            )
        self.multiplier, self.shape = options.rate_multiplier, (layers,) if heads is None else (heads, layers)
        self.raw = nn.Parameter(torch.zeros(layers * (heads or 1)))  # flat: matrices decay, layer weights must not

    def logits(self) -> Tensor:
        """(layers,) or (heads, layers)."""
        return self.multiplier * self.raw.view(self.shape)

    def forward(self) -> Tensor:
        """Weights (layers,) or (heads, layers), summing to 1 over layers."""
        return torch.softmax(self.logits(), dim=-1)
