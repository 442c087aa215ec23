"""Mixup: another clip of the batch is heard as well, and so are its labels (Zhang et al. 2017, 1710.09412)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from tymbal.pretraining.augmentations.contract import Augmentation
from tymbal.pretraining.objectives.contract import PictureBatch
from tymbal.pretraining.objectives.multilabel import mixed_up


@dataclass(frozen=True)
class MixupConfig:
    """Nothing to set: levels and portions are those of `mixed_up`."""


class Mixup(Augmentation):
    """Powers add, labels are the union. The objective "multilabel" has its own `mixup`, "byol" its own `mixed`."""

    name: ClassVar[str] = "mixup"
    settings: ClassVar[type[MixupConfig]] = MixupConfig
    config: MixupConfig

    def alter(self, batch: PictureBatch) -> PictureBatch:
        """See `Augmentation.alter`."""
        pictures, real, labels = batch
        told = pictures.new_zeros(len(pictures), 0) if labels is None else labels
        pictures, real, told = mixed_up(pictures, real, told, 1.0)
        return PictureBatch(pictures, real, None if labels is None else told)
