"""The linear head: one matrix on fused statistics over time."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from tymbal.probes.heads.base import TrainedHead


@dataclass(frozen=True)
class LinearOptions:
    """dropout : share of the fused values zeroed while training."""

    dropout: float = 0.3


class LinearHead(nn.Module):
    """(batch, width) -> (batch, classes)."""

    def __init__(self, width: int, classes: int, options: LinearOptions) -> None:
        super().__init__()
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = nn.Linear(width, classes)

    def forward(self, z: Tensor) -> Tensor:
        """Logits of fused statistics."""
        out: Tensor = self.classifier(self.dropout(z))
        return out


LINEAR = TrainedHead("linear", "statistics", LinearOptions, LinearHead)
