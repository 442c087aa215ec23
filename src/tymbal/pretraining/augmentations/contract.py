"""What every augmentation is: something that alters a batch of pictures before the objective sees it."""

from __future__ import annotations

from abc import ABC
from typing import Any, ClassVar

import torch
from torch import Tensor

from tymbal.encoders.pictures import PictureConfig
from tymbal.errors import ConfigError
from tymbal.pretraining.objectives.contract import Objective, PictureBatch
from tymbal.training import Loss


class Augmentation(ABC):
    """Alters each clip of a batch with a probability; random numbers come from torch's default generators.

    Class attributes
    ----------------
    name : the registered name.
    settings : the dataclass of its settings.

    Parameters
    ----------
    config : its settings.
    picture : of what the pictures were made.
    probability : that a clip is altered.
    """

    name: ClassVar[str]
    settings: ClassVar[type[Any]]

    def __init__(self, config: Any, picture: PictureConfig, probability: float = 1.0) -> None:
        if not 0 <= probability <= 1:
            raise ConfigError(f"probability: {probability}", where=self.name, allowed="0 to 1")
        self.config, self.picture, self.probability = config, picture, probability

    def __call__(self, batch: PictureBatch) -> PictureBatch:
        """The batch, of the same shape; frames that are not real are zero where a clip was altered."""
        with torch.no_grad():
            chosen = torch.rand(len(batch.pictures), device=batch.pictures.device) < self.probability
            pictures, real, labels = self.alter(batch)
            pictures = torch.where(real.unsqueeze(-1), pictures, 0.0)
            pictures = torch.where(chosen[:, None, None], pictures, batch.pictures)
            real = torch.where(chosen[:, None], real, batch.real)
            if labels is not None and batch.labels is not None:
                labels = torch.where(chosen[:, None], labels, batch.labels)
            return PictureBatch(pictures, real, labels)

    def alter(self, batch: PictureBatch) -> PictureBatch:
        """Every clip altered. What stands in frames that are not real must change nothing."""
        return batch

    def wrap(self, loss: Loss, objective: Objective) -> Loss:
        """The objective's loss, altered where this is not about the batch. UsageError where it cannot serve it."""
        return loss

    def drawn(self, batch: PictureBatch, span: tuple[float, float]) -> Tensor:
        """Uniform in `span`, (batch, 1, 1)."""
        low, high = span
        return low + (high - low) * torch.rand(len(batch.pictures), 1, 1, device=batch.pictures.device)


def check_spans(where: str, **spans: tuple[tuple[float, float], float, float]) -> None:
    """Raise ConfigError for a span (low, high) that is not in order within (least, most)."""
    for name, ((low, high), least, most) in spans.items():
        if not least <= low <= high <= most:
            allowed = f"two numbers in order, {least:g} to {most:g}"
            raise ConfigError(f"{name}: {[low, high]}", where=where, allowed=allowed)
