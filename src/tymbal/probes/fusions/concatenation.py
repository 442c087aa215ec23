"""Concatenation: layers side by side, every value with weights of its own."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.probes.fusions.base import AffineFusion, FusionKind


@dataclass(frozen=True)
class ConcatenationOptions:
    """project : one matrix to the width of the probe; else the stream is as wide as all layers together, which with
    the linear head on the statistic "mean" is the linear probe on all layers of avex."""

    project: bool = True


class Concatenation(AffineFusion):
    """z = P [x_1; ...; x_L] + b, or the standardised layers side by side.

    Unlike in a weighted sum every layer has a matrix of its own, even where layers are equally wide.
    """

    def __init__(self, dims: tuple[int, ...], width: int, options: ConcatenationOptions) -> None:
        super().__init__(dims, width if options.project else sum(dims))
        self.projection = nn.Linear(sum(dims), width) if options.project else None

    def reduce(self, values: Tensor) -> Tensor:
        """Centred values; standardised ones where nothing projects them."""
        centred = values - self.center
        return centred * self.scale if self.projection is None else centred

    def affine(self) -> tuple[Tensor, Tensor] | None:
        """The projection with the scale of the values in it."""
        if self.projection is None:
            return None
        return torch.mul(self.projection.weight, self.scale), self.projection.bias


CONCATENATION = FusionKind("concatenation", ConcatenationOptions, Concatenation)
