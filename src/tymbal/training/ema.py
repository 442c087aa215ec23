"""An exponential moving average of a module's parameters."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class WeightAverage:
    """mean <- d mean + (1 - d) weight after every step, with d = min(decay, (1 + t) / (10 + t)) at update t = 1, 2 …

    The smaller decay at the start keeps the first, untrained weights from lingering. Buffers are not averaged.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.mean: dict[str, Tensor] = {name: p.detach().clone() for name, p in module.named_parameters()}

    @torch.no_grad()
    def update(self, module: nn.Module) -> None:
        """Take the module's weights after one optimizer step into the mean."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        for name, parameter in module.named_parameters():
            self.mean[name].mul_(decay).add_(parameter, alpha=1.0 - decay)

    @contextlib.contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """The module with the averaged weights inside the block, its own bits again after it."""
        own = {name: parameter.detach().clone() for name, parameter in module.named_parameters()}
        _copy(self.mean, module)
        try:
            yield
        finally:
            _copy(own, module)


@torch.no_grad()
def _copy(values: dict[str, Tensor], module: nn.Module) -> None:
    for name, parameter in module.named_parameters():
        parameter.copy_(values[name])
