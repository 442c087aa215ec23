"""Mixup: powers add, labels are the union."""

from __future__ import annotations

import numpy as np
import torch
from tests.reference import augmentations as slow

from tymbal.encoders.pictures import PictureConfig
from tymbal.pretraining.augmentations import create_augmentation
from tymbal.pretraining.objectives.contract import PictureBatch

CONFIG = PictureConfig(bands=8, high_hz=4000.0)


def test_the_power_is_a_sum_of_two_clips_and_the_labels_are_of_both() -> None:
    torch.manual_seed(1)
    pictures, labels = torch.rand(6, 10, 8).double(), torch.eye(6)
    found = create_augmentation("mixup", CONFIG)(PictureBatch(pictures, torch.ones(6, 10).bool(), labels))
    assert found.labels is not None
    mixed = 0
    for at in range(6):
        heard = [other for other in range(6) if found.labels[at, other] == 1]
        assert at in heard
        clips = np.stack([slow.power(pictures[other].numpy()).ravel() for other in heard], 1)
        wanted = slow.power(found.pictures[at].numpy()).ravel()
        weights, *_ = np.linalg.lstsq(clips, wanted, rcond=None)
        np.testing.assert_allclose(clips @ weights, wanted, rtol=1e-5)
        assert 0.1 < weights.min() <= weights.max() < 1.01
        mixed += len(heard) == 2
    assert mixed >= 2  # others met themselves
