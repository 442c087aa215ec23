"""Batches with augmentations between them and the objective."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from tymbal.pretraining.augmentations.contract import Augmentation
from tymbal.pretraining.objectives.contract import PictureBatch
from tymbal.training import Batches


class Augmented:
    """`Batches` of which each passes through all augmentations in order, on the device that it lies on.

    Random numbers come from torch's default generators, which the training loop keeps: a resumed run sees the same.
    """

    def __init__(self, batches: Batches, augmentations: Sequence[Augmentation]) -> None:
        self.batches, self.augmentations = batches, tuple(augmentations)

    def __len__(self) -> int:
        return len(self.batches)

    def batch(self, indices: Tensor) -> PictureBatch:
        """See `Batches.batch`."""
        found: PictureBatch = self.batches.batch(indices)
        for each in self.augmentations:
            found = each(found)
        return found
