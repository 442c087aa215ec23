"""What a fusion is: a small module that makes one stream of values out of several layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn


class Fusion(nn.Module):
    """Layers side by side (..., sum of dims) to one stream (..., width).

    Values are (batch, sum of dims) for heads that take statistics, (batch, frames, sum of dims) for those that take
    frames. Fitting sets `center` and `scale`, mean and 1 / standard deviation of every value over the training
    examples, where `standardises` is true.

    Parameters
    ----------
    dims : values of each layer.
    width : values of the stream.
    """

    center: Tensor
    scale: Tensor

    def __init__(self, dims: Sequence[int], width: int, *, standardises: bool = True) -> None:
        super().__init__()
        self.dims, self.width, self.standardises = tuple(dims), width, standardises
        self.register_buffer("center", torch.zeros(sum(dims)))
        self.register_buffer("scale", torch.ones(sum(dims)))

    def forward(self, values: Tensor) -> Tensor:
        """Fuse (..., sum of dims) to (..., width); what is not finite (a layer without frames) counts as the mean."""
        raise NotImplementedError

    def mask(self, mask: Tensor) -> Tensor:
        """Mask (batch, frames) of the values to the mask of the stream."""
        return mask

    def weights(self) -> Tensor | None:
        """How much each layer weighs, (layers,) summing to 1; None where the fusion has no such weights."""
        return None

    def notes(self) -> dict[str, Any]:
        """What the fusion learned, for the record."""
        weights = self.weights()
        return {"layer_weights": None if weights is None else weights.detach().tolist()}

    def filled(self, values: Tensor) -> Tensor:
        """Values with the mean in place of what is not finite (zero where nothing is standardised)."""
        # One sum tells: copying values that are fine would cost more than all that follows.
        if torch.isfinite(values.detach().sum()):
            return values
        return torch.where(torch.isfinite(values), values, self.center)


class AffineFusion(Fusion):
    """A fusion that is `reduce`, cheap and without a projection, and then one affine map.

    Heads that pool before they project ask for both halves and never compute the stream itself.
    """

    def reduce(self, values: Tensor) -> Tensor:
        """(..., sum of dims), all finite, to (..., inner)."""
        raise NotImplementedError

    def affine(self) -> tuple[Tensor, Tensor] | None:
        """Matrix (width, inner) and offset (width,) that make the stream out of what `reduce` gives; None: nothing."""
        raise NotImplementedError

    def halves(self, values: Tensor) -> tuple[Tensor, tuple[Tensor, Tensor] | None]:
        """What `reduce` gives, and the map that makes the stream out of it."""
        return self.reduce(self.filled(values)), self.affine()

    def forward(self, values: Tensor) -> Tensor:
        """The stream, (..., width)."""
        reduced, affine = self.halves(values)
        return reduced if affine is None else nn.functional.linear(reduced, *affine)


def adapters_for(dims: Sequence[int], width: int) -> nn.ModuleList:
    """One projection to `width` for layers of one size, as nothing but their content tells them apart; else each its
    own."""
    return nn.ModuleList([nn.Linear(size, width) for size in (dims[:1] if len(set(dims)) == 1 else dims)])


def project_each(values: Tensor, fusion: Fusion, adapters: nn.ModuleList) -> list[Tensor]:
    """Every layer of (..., sum of dims) standardised and projected, each (..., width)."""
    sizes, projected = list(fusion.dims), []
    centers, scales = torch.split(fusion.center, sizes), torch.split(fusion.scale, sizes)
    for index, layer in enumerate(torch.split(values, sizes, dim=-1)):
        adapter = adapters[index if len(adapters) > 1 else 0]
        matrix, bias = adapter.weight * scales[index], adapter.bias  # type: ignore[operator]
        projected.append(nn.functional.linear(layer - centers[index], matrix, bias))  # type: ignore[arg-type]
    return projected


@dataclass(frozen=True)
class NoOptions:
    """Nothing to set."""


@dataclass(frozen=True)
class FusionKind:
    """A way to fuse layers.

    Attributes
    ----------
    options : frozen dataclass of its settings, every field with a default.
    build : (dims, width, options) -> Fusion, for two layers or more.
    norm : "config": frames are normalised as `ProbeConfig.norm` says; "layer": always over the values of each layer.
    ends : it takes the first and the last of the chosen layers only.
    """

    name: str
    options: type[Any]
    build: Callable[[tuple[int, ...], int, Any], Fusion]
    norm: Literal["config", "layer"] = "config"
    ends: bool = False

    def taps(self, layers: tuple[str, ...]) -> tuple[str, ...]:
        """Those of the chosen layers, from input to output, that this fusion takes."""
        return (layers[0], layers[-1]) if self.ends and len(layers) > 2 else layers
