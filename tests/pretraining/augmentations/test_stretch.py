"""Stretched pictures against their slow twin, and against recordings played faster."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import resample_poly
from tests.pretraining.augmentations.conftest import CONFIG, Sound, batch_of, picture_of
from tests.reference import augmentations as slow

from tymbal.encoders.pictures import PictureConfig
from tymbal.pretraining.augmentations import create_augmentation
from tymbal.pretraining.augmentations.stretch import Stretch, StretchConfig
from tymbal.pretraining.objectives.contract import PictureBatch

SMALL = PictureConfig(bands=12, high_hz=4000.0)


class Fixed(Stretch):
    """A stretch whose draws are known."""

    def __init__(self, speed: float, pitch: float, where: float, picture: PictureConfig) -> None:
        super().__init__(StretchConfig(time=4.0, pitch=4.0), picture)
        self.draws = [torch.tensor([[(np.log(each) / np.log(4) + 1) / 2 for each in (speed, pitch)]])]
        self.draws.append(torch.tensor([[where]]))

    def alter(self, batch: PictureBatch) -> PictureBatch:
        draws, rand = [each.to(batch.pictures) for each in self.draws], torch.rand
        torch.rand = lambda *shape, **kind: draws.pop(0)  # type: ignore[assignment]
        try:
            return super().alter(batch)
        finally:
            torch.rand = rand


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 99), st.floats(0.4, 2.5), st.floats(0.5, 2.0), st.floats(0, 1), st.integers(2, 14))
def test_it_equals_its_slow_twin(seed: int, speed: float, pitch: float, where: float, length: int) -> None:
    clip = torch.randn(1, 14, 12, generator=torch.Generator().manual_seed(seed)).double()
    real = torch.arange(14)[None] < length
    found = Fixed(speed, pitch, where, SMALL)(PictureBatch(clip, real))
    start = where * max(0.0, length - speed * 14)
    whole = np.full((14, 12), -2.0)
    whole[:length] = clip[0, :length]
    wanted = slow.stretched(whole, speed, pitch, start, SMALL.low_hz, SMALL.high_hz)
    kept = int(found.real.sum())
    assert kept == pytest.approx(min(14, max(1, (length - start) / speed)), abs=0.51)
    np.testing.assert_allclose(found.pictures[0, :kept], wanted[:kept], atol=1e-4)


@pytest.mark.parametrize(("up", "down"), [(4, 5), (5, 4)])
def test_both_at_once_are_a_recording_played_at_another_speed(up: int, down: int, calls: list[Sound]) -> None:
    speed = down / up
    for call in calls[:3]:
        true = picture_of(resample_poly(call, up, down))[0]
        found = Fixed(speed, speed, 0.0, CONFIG)(batch_of(call))
        frames = min(int(found.real.sum()), len(true)) - 3
        ours = found.pictures[0, :frames]
        heard = slice(2, 80 if speed < 1 else 90)
        off = 20 * (ours - true[:frames])[:, heard]
        assert abs(float(off.mean())) < 1.0
        unchanged = 20 * (batch_of(call).pictures[0, :frames] - true[:frames])[:, heard]
        assert float(off.abs().mean()) < 0.6 * float(unchanged.abs().mean())


def test_nothing_is_lost_of_a_short_clip() -> None:
    clip, real = torch.zeros(50, 100, 16), torch.zeros(50, 100, dtype=torch.bool)
    real[:, :20] = True
    found = create_augmentation("stretch", PictureConfig(bands=16, high_hz=4000.0), time=2.0)(PictureBatch(clip, real))
    lengths = found.real.sum(1)
    assert 10 <= int(lengths.min()) <= 14
    assert 30 <= int(lengths.max()) <= 40
