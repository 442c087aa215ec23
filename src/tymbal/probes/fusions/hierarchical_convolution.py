"""Hierarchical convolution: small convolutions along the layers, until few are left."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.fusions.base import Fusion, FusionKind, adapters_for, project_each


@dataclass(frozen=True)
class HierarchicalConvolutionOptions:
    """kernel : layers that a convolution sees, odd. stride : by what the number of layers shrinks at each."""

    kernel: int = 5
    stride: int = 3


def stages(layers: int, width: int, kernel: int, stride: int) -> list[int]:
    """Layers left after each convolution: floor(log of layers to the base stride) of them, at least one, and one
    more where what is left does not divide the width."""
    least = max(1, math.floor(math.log(layers) / math.log(stride) + 1e-9))  # 27 layers: 3, not 2.9999
    left: list[int] = []
    while len(left) < least or width % left[-1]:
        layers = (layers + 2 * (kernel // 2) - kernel) // stride + 1
        left.append(layers)
    return left


class HierarchicalConvolution(Fusion):
    """Conv1d along the layers and ReLU, stage after stage; what is left lies side by side.

    The hierarchical convolution interface of Shih and Harwath 2024 (arXiv 2406.12209): kernel 5, stride 3, the last
    stage narrowed so that channels × layers left = width. Here layers are projected to `width` first, which on 13
    layers of 768 values costs a small part of convolving them as they are.
    """

    def __init__(self, dims: tuple[int, ...], width: int, options: HierarchicalConvolutionOptions) -> None:
        if options.kernel % 2 == 0 or options.kernel < 3 or options.stride < 2:
            raise UsageError(
                f"kernel is {options.kernel}, stride is {options.stride}",
                where="hierarchical_convolution",
                allowed="kernel 3, 5, 7, ..., stride 2 or more",
            )
        super().__init__(dims, width)
        self.adapters = adapters_for(dims, width)
        left = stages(len(dims), width, options.kernel, options.stride)
        channels = [width] * (len(left) - 1) + [width // left[-1]]
        self.convolutions = nn.ModuleList(
            [nn.Conv1d(width, out, options.kernel, options.stride, padding=options.kernel // 2) for out in channels]
        )

    def forward(self, values: Tensor) -> Tensor:
        """The stream, (..., width)."""
        layers = torch.stack(project_each(self.filled(values), self, self.adapters), dim=-1)  # (..., width, layers)
        x = layers.reshape(-1, *layers.shape[-2:])
        for convolution in self.convolutions:
            x = torch.relu(convolution(x))
        return x.reshape(*values.shape[:-1], self.width)


HIERARCHICAL_CONVOLUTION = FusionKind(
    "hierarchical_convolution",
    HierarchicalConvolutionOptions,
    HierarchicalConvolution,
)
