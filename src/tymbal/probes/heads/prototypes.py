"""The prototype head: does any moment resemble something typical of the class?"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.heads.base import TrainedHead
from tymbal.probes.heads.masking import silenced

_START = 10.0  # the logit that all prototypes of a class give together where each is met exactly, before training


@dataclass(frozen=True)
class PrototypesOptions:
    """prototypes : of each class. dropout : share of fused values zeroed in training."""

    prototypes: int = 4
    dropout: float = 0.3


class _Evidence(nn.Module):
    """Similarities (batch, classes, prototypes) to logits, weights kept above 0 by softplus."""

    def __init__(self, classes: int, prototypes: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((classes, prototypes), math.log(math.expm1(_START / prototypes))))
        self.bias = nn.Parameter(torch.zeros(classes))

    def forward(self, similarities: Tensor) -> Tensor:
        return (similarities * nn.functional.softplus(self.weight)).sum(dim=2) + self.bias


class PrototypesHead(nn.Module):
    """s_c = sum over j of v_cj max_t cos(p_cj, z_t) + b_c, v above 0, over the real frames.

    Prototypical probing (Heinrich et al. 2025, AudioProtoPNet; Rauch et al. 2025, Bird-MAE, arXiv 2504.12880)
    without the losses that keep prototypes apart. A class is heard where one frame comes near one of its prototypes,
    and that frame can be shown; how long the sound lasts plays no part.
    """

    def __init__(self, width: int, classes: int, options: PrototypesOptions) -> None:
        super().__init__()
        if options.prototypes < 1:
            raise UsageError(f"prototypes is {options.prototypes}", where="prototypes", allowed="1 or more")
        # Only their directions count, and the longer they are the slower they turn: length 1, whatever the width.
        self.prototypes = nn.Parameter(torch.randn(classes, options.prototypes, width) / math.sqrt(width))
        self.dropout = nn.Dropout(options.dropout)
        self.classifier = _Evidence(classes, options.prototypes)

    def forward(self, z: Tensor, mask: Tensor) -> Tensor:
        """z (batch, frames, width), mask (batch, frames) -> (batch, classes)."""
        z = nn.functional.normalize(silenced(self.dropout(z), mask), dim=2)
        prototypes = nn.functional.normalize(self.prototypes, dim=2)
        cosines = (z @ prototypes.flatten(0, 1).T).masked_fill(~mask[..., None], -1.0)  # (batch, frames, all)
        out: Tensor = self.classifier(cosines.amax(dim=1).view(len(z), *prototypes.shape[:2]))
        return out


PROTOTYPES = TrainedHead("prototypes", "frames", PrototypesOptions, PrototypesHead)
