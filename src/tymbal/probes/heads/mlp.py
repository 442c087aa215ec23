"""The multilayer perceptron head: linear layers and GELU on fused statistics over time."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.heads.base import TrainedHead


@dataclass(frozen=True)
class MLPOptions:
    """hidden : widths of the hidden layers. dropout : share of the values zeroed before every layer in training."""

    hidden: tuple[int, ...] = (512, 256)
    dropout: float = 0.3


class MLPHead(nn.Module):
    """(batch, width) -> (batch, classes). Hidden layers and dropout as in the probes of arXiv 2508.11845."""

    def __init__(self, width: int, classes: int, options: MLPOptions) -> None:
        super().__init__()
        if not options.hidden or min(options.hidden) < 1:
            raise UsageError(f"hidden is {options.hidden}", where="mlp", allowed="one width or more, each 1 or more")
        steps: list[nn.Module] = [nn.Dropout(options.dropout)]
        for size, out in zip((width, *options.hidden), options.hidden, strict=False):
            steps += [nn.Linear(size, out), nn.GELU(), nn.Dropout(options.dropout)]
        self.hidden = nn.Sequential(*steps)
        self.classifier = nn.Linear(options.hidden[-1], classes)

    def forward(self, z: Tensor) -> Tensor:
        """Logits of fused statistics."""
        out: Tensor = self.classifier(self.hidden(z))
        return out


MLP = TrainedHead("mlp", "statistics", MLPOptions, MLPHead)
