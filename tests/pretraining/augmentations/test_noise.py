"""Noise in the picture against noise in the waveform."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.pretraining.augmentations.conftest import CONFIG, Sound, batch_of, coloured, picture_of

from tymbal.pretraining.augmentations import create_augmentation
from tymbal.pretraining.augmentations.bands import bands_of, to_power


@pytest.mark.parametrize(("slope", "snr_db", "worst_db"), [(0.0, 0.0, 1.0), (1.0, 15.0, 1.0), (2.0, 5.0, 1.5)])
def test_it_is_what_the_waveform_plus_noise_looks_like(
    slope: float, snr_db: float, worst_db: float, calls: list[Sound]
) -> None:
    generator = np.random.default_rng(2)
    torch.manual_seed(0)
    noisy = create_augmentation("noise", CONFIG, snr_db=(snr_db, snr_db), slope=(slope, slope))
    off_db = []
    for call in calls:
        noise = coloured(len(call), slope, generator) * np.sqrt(np.mean(call**2)) * 10 ** (-snr_db / 20)
        true, ours = picture_of(call + noise)[0], noisy(batch_of(call)).pictures[0]
        off_db.append(10 * torch.log10(to_power(ours).mean(0) / to_power(true).mean(0)))
        assert abs(20 * float((ours - true).mean())) < 1.3
    off = torch.stack(off_db)
    assert float(off.abs().mean()) < worst_db  # by band, over a clip
    assert abs(float(off.mean())) < worst_db


def test_the_ratio_is_as_asked(calls: list[Sound]) -> None:
    share = torch.as_tensor(bands_of(CONFIG).share)
    batch = batch_of(calls[0], 30)
    before = (to_power(batch.pictures) * share).sum((1, 2))
    for snr_db in (-5.0, 20.0):
        after = create_augmentation("noise", CONFIG, snr_db=(snr_db, snr_db))(batch).pictures
        noise = (to_power(after) * share).sum((1, 2)) - before
        assert float(10 * torch.log10(before / noise).mean()) == pytest.approx(snr_db, abs=0.1)


def test_the_ratio_of_a_short_clip_is_that_of_its_sound(calls: list[Sound]) -> None:
    batch = batch_of(calls[0], 20)
    short = batch._replace(real=torch.arange(batch.pictures.shape[1]).expand(20, -1) < 60)
    noisy = create_augmentation("noise", CONFIG, snr_db=(0.0, 0.0), slope=(0.0, 0.0))(short)
    share = torch.as_tensor(bands_of(CONFIG).share)
    before, after = ((to_power(each)[:, :60] * share).sum((1, 2)) for each in (batch.pictures, noisy.pictures))
    assert float(10 * torch.log10(before / (after - before)).mean()) == pytest.approx(0, abs=0.1)
