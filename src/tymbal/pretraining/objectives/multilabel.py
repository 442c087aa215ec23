"""Supervised training with any number of labels per clip: post-training, in the words of 2508.11845.

Binary cross-entropy or focal loss (Lin et al. 2017, 1708.02002); mixup (Zhang et al. 2017, 1710.09412) whose labels
are the union: what is heard is there, however quiet.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from tymbal.encoders.pictures import PictureEncoder
from tymbal.errors import ConfigError, DataError
from tymbal.pretraining.objectives.contract import Objective, PictureBatch, masked_max, masked_mean, need_labels
from tymbal.pretraining.views import ViewsConfig, mix_sounds, no_louder, silenced, view


@dataclass(frozen=True)
class MultilabelConfig:
    """Settings.

    Parameters
    ----------
    classes : labels.
    focal : γ; 0 is binary cross-entropy.
    mixup : probability that another clip of the batch is mixed in; its portion of the power is drawn from
        0.2–0.8, of two sounds made equally loud.
    views : how a clip is altered; None: not at all. Its own `mixed` is ignored: labels would not follow.
    """

    classes: int = 0
    focal: float = 0.0
    mixup: float = 0.5
    views: ViewsConfig | None = None

    def __post_init__(self) -> None:
        if self.classes < 0 or self.focal < 0 or not 0 <= self.mixup <= 1:
            raise ConfigError(f"{self}", where="MultilabelConfig", allowed="focal of 0 or more, mixup in 0–1")


def focal_loss(logits: Tensor, labels: Tensor, gamma: float) -> Tensor:
    """-(1 - p_t)^γ log p_t, elementwise; p_t is the probability of what is true. γ = 0 is cross-entropy.

    labels in 0–1; between, the mean of both terms weighted so.
    """
    present = -functional.logsigmoid(logits) * torch.sigmoid(-logits) ** gamma
    absent = -functional.logsigmoid(-logits) * torch.sigmoid(logits) ** gamma
    return labels * present + (1 - labels) * absent


class Multilabel(Objective):
    """The mean focal loss over clips and labels, from the mean plus maximum of the last layer over time."""

    name: ClassVar[str] = "multilabel"
    needs_labels: ClassVar[bool] = True

    def __init__(self, encoder: PictureEncoder, config: MultilabelConfig) -> None:
        super().__init__(encoder)
        if config.classes < 1:
            raise DataError("no labels to learn", where="multilabel", allowed="one label or more")
        self.config = config
        self.norm = nn.LayerNorm(self.width)
        self.head = nn.Linear(self.width, config.classes)

    def logits(self, pictures: Tensor, real: Tensor) -> Tensor:
        """(batch, classes)."""
        values, mask = self.frames(pictures, real)
        found: Tensor = self.head(self.norm(masked_mean(values, mask) + masked_max(values, mask)))
        return found

    def loss(self, batch: PictureBatch) -> Tensor:
        """See `Objective.loss`."""
        labels, config = need_labels(batch, self.name), self.config
        pictures, real, _ = batch
        with torch.no_grad():
            if config.views is not None:
                pictures = view(pictures, ViewsConfig(**{**vars(config.views), "mixed": 0.0}), real)
            if config.mixup > 0:
                pictures, real, labels = mixed_up(pictures, real, labels, config.mixup)
        return focal_loss(self.logits(pictures, real), labels, config.focal).mean()


def mixed_up(pictures: Tensor, real: Tensor, labels: Tensor, share: float) -> tuple[Tensor, Tensor, Tensor]:
    """Clips into which another of the batch is mixed with probability `share`, the louder of the two brought down to
    the other's power; masks and labels are the union."""
    count = len(pictures)
    other = torch.randperm(count)
    portion = 0.2 + 0.6 * torch.rand(count, device=pictures.device)
    chosen = torch.rand(count, device=pictures.device) < share
    sounds = silenced(pictures, real)
    first, second = no_louder(sounds, sounds[other]), no_louder(sounds[other], sounds)
    both = mix_sounds(first, second, portion[:, None, None])
    return (
        torch.where(chosen[:, None, None], both, pictures),
        torch.where(chosen[:, None], real | real[other], real),
        torch.where(chosen[:, None], torch.maximum(labels, labels[other]), labels),
    )
