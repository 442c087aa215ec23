"""Augmentations between batches and objective: in order, from one stream of random numbers."""

from __future__ import annotations

import torch
from torch import Tensor

from tymbal.encoders.pictures import PictureConfig
from tymbal.pretraining.augmentations import Augmented, create_augmentation
from tymbal.pretraining.objectives.contract import PictureBatch

CONFIG = PictureConfig(bands=16, high_hz=4000.0)


class Noise:
    """Ten examples of noise."""

    def __len__(self) -> int:
        return 10

    def batch(self, indices: Tensor) -> PictureBatch:
        return PictureBatch(torch.randn(len(indices), 20, 16).clamp_min(-2), torch.ones(len(indices), 20).bool())


def test_each_passes_through_all_in_order() -> None:
    both = [create_augmentation(name, CONFIG) for name in ("quantisation", "noise")]
    torch.manual_seed(0)
    found = Augmented(Noise(), both).batch(torch.arange(4))
    torch.manual_seed(0)
    wanted = both[1](both[0](Noise().batch(torch.arange(4))))
    assert torch.equal(found.pictures, wanted.pictures)
    torch.manual_seed(0)
    other = Augmented(Noise(), both[::-1]).batch(torch.arange(4))
    assert not torch.equal(found.pictures, other.pictures)
    assert len(Augmented(Noise(), both)) == 10


def test_without_any_batches_are_what_they_were() -> None:
    torch.manual_seed(0)
    found = Augmented(Noise(), ()).batch(torch.arange(4))
    torch.manual_seed(0)
    assert torch.equal(found.pictures, Noise().batch(torch.arange(4)).pictures)
