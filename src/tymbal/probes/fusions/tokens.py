"""Tokens: every frame of every layer stays a token of its own, and the head chooses among all of them."""

from __future__ import annotations

import torch
from torch import Tensor

from tymbal.probes.fusions.base import AffineFusion, FusionKind, NoOptions, adapters_for, project_each


class Tokens(AffineFusion):
    """z of (layer, frame) = P LN(x_l,t) + b, frames × layers tokens: nothing is fused before the head.

    Layers are told apart by their content alone. Frames are normalised one by one, so that an attention head weighs
    layers by what they hold, not by the size of their values. Heads that take statistics see the mean over layers,
    which is what averaging all tokens gives.
    """

    def __init__(self, dims: tuple[int, ...], width: int, _: NoOptions) -> None:
        super().__init__(dims, width, standardises=False)
        self.adapters = adapters_for(dims, width)
        self.even = len(set(dims)) == 1

    def mask(self, mask: Tensor) -> Tensor:
        """All layers of a frame are real, or none is."""
        return mask.repeat_interleave(len(self.dims), dim=1)

    def reduce(self, values: Tensor) -> Tensor:
        """(batch, frames, sum of dims) to (batch, frames × layers, dim), or projected where sizes differ."""
        if self.even:
            layers = values.reshape(*values.shape[:-1], len(self.dims), -1)  # a view: nothing is copied
        else:
            layers = torch.stack(project_each(values, self, self.adapters), dim=-2)
        return layers.flatten(1, 2) if values.ndim == 3 else layers.mean(dim=-2)

    def affine(self) -> tuple[Tensor, Tensor] | None:
        """The shared projection; None where layers were projected already."""
        return (self.adapters[0].weight, self.adapters[0].bias) if self.even else None  # type: ignore[return-value]


TOKENS = FusionKind("tokens", NoOptions, Tokens, norm="layer")
