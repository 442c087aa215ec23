"""Randomised quantisation against its slow twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.reference import augmentations as slow

from tymbal.encoders.pictures import PictureConfig
from tymbal.pretraining.augmentations import create_augmentation
from tymbal.pretraining.objectives.contract import PictureBatch

CONFIG = PictureConfig(bands=8, high_hz=4000.0)


@given(seed=st.integers(0, 99), levels=st.integers(2, 9))
def test_it_equals_its_slow_twin(seed: int, levels: int) -> None:
    clip = torch.randn(1, 12, 8, generator=torch.Generator().manual_seed(seed))
    torch.manual_seed(seed)
    found = create_augmentation("quantisation", CONFIG, levels=levels)(PictureBatch(clip, torch.ones(1, 12).bool()))
    torch.manual_seed(seed)
    torch.rand(1)  # whether the clip is altered
    places = torch.rand(1, 8, levels - 1).sort(-1).values[0].numpy()
    within = torch.rand(1, 8, levels)[0].numpy()
    wanted = slow.quantised(clip[0].numpy(), places, within)
    np.testing.assert_allclose(found.pictures[0], wanted, atol=1e-5)


@pytest.mark.parametrize("levels", [2, 8])
def test_so_many_levels_are_left_of_a_band_within_its_range(levels: int) -> None:
    clip = torch.randn(3, 400, 8)
    real = torch.ones(3, 400).bool()
    real[2, 300:] = False
    found = create_augmentation("quantisation", CONFIG, levels=levels)(PictureBatch(clip, real)).pictures
    for at in range(3):
        length = int(real[at].sum())
        for band in range(8):
            before, after = clip[at, :length, band], found[at, :length, band]
            assert 1 <= len(after.unique()) <= levels
            assert float(before.min()) <= float(after.min()) <= float(after.max()) <= float(before.max())
            order = before.argsort()
            assert bool((after[order].diff() >= 0).all())  # louder stays louder
