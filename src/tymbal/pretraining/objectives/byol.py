"""BYOL-A: one view of a sound must predict what a slow copy of the network says of another view.

Niizumi et al. 2021 (2103.06695) and 2022 (2204.07402), after Grill et al. 2020 (2006.07733). No negatives.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.pictures import PictureEncoder
from tymbal.pretraining.objectives.contract import Objective, PictureBatch, masked_max, masked_mean
from tymbal.pretraining.objectives.perceptron import perceptron
from tymbal.pretraining.objectives.teachers import Teacher
from tymbal.pretraining.views import ViewsConfig, view


@dataclass(frozen=True)
class ByolConfig:
    """Widths of projector and predictor, the teacher's decay (the paper's 0.99), and the views."""

    hidden: int = 512
    projected: int = 128
    decay: float = 0.99
    views: ViewsConfig = field(default_factory=ViewsConfig)


class Projected(nn.Module):
    """An encoder, pooled over time by mean plus maximum, and projected."""

    def __init__(self, encoder: PictureEncoder, top: str, width: int, config: ByolConfig) -> None:
        super().__init__()
        self.encoder, self.top = encoder, top
        self.projector = perceptron(width, config.hidden, config.projected)

    def forward(self, pictures: Tensor, real: Tensor) -> Tensor:
        """(batch, projected) of pictures (batch, frames, bands)."""
        values, mask = self.encoder.look(pictures, real)[self.top]
        values = values.flatten(2)
        projected: Tensor = self.projector(masked_mean(values, mask) + masked_max(values, mask))
        return projected


def regression(predicted: Tensor, wanted: Tensor) -> Tensor:
    """2 - 2 cos, (batch,): the squared distance of unit vectors."""
    return 2 - 2 * functional.cosine_similarity(predicted, wanted, dim=-1)


class Byol(Objective):
    """The mean over both directions of the regression between views."""

    name: ClassVar[str] = "byol"
    least_examples: ClassVar[int] = 2  # batch norm over clips

    def __init__(self, encoder: PictureEncoder, config: ByolConfig | None = None) -> None:
        super().__init__(encoder)
        self.config = config = config or ByolConfig()
        self.student = Projected(encoder, self.top.name, self.width, config)
        self.predictor = perceptron(config.projected, config.hidden, config.projected)
        self.teacher = Teacher(self.student)

    def loss(self, batch: PictureBatch) -> Tensor:
        """See `Objective.loss`."""
        pictures, real, _ = batch
        with torch.no_grad():
            first, second = (view(pictures, self.config.views, real) for _ in range(2))
            wanted_first = self.teacher.network(first, real)
            wanted_second = self.teacher.network(second, real)
        there = regression(self.predictor(self.student(first, real)), wanted_second)
        back = regression(self.predictor(self.student(second, real)), wanted_first)
        return (there + back).mean() / 2

    def after_step(self, step: int, steps: int) -> None:
        """The teacher follows."""
        self.teacher.follow(self.student, self.config.decay)
