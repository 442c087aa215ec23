"""What noise is said to look like in bands, against noise."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.pretraining.augmentations.conftest import CONFIG
from tests.reference import augmentations as slow

from tymbal.encoders.pictures import Picture, PictureConfig
from tymbal.pretraining.augmentations.bands import bands_of, fluctuations, sounding, to_picture, to_power


def test_power_and_back() -> None:
    pictures = torch.linspace(-2, 4, 50, dtype=torch.float64)[None, :, None]
    np.testing.assert_allclose(to_power(pictures).numpy(), slow.power(pictures.numpy()), rtol=1e-9)
    torch.testing.assert_close(to_picture(to_power(pictures)), pictures)
    assert float(to_power(torch.tensor(-2.0))) < 1e-12


@pytest.mark.parametrize("rate_hz", [22_050, 32_000, 48_000])
def test_noise_has_the_level_the_spread_and_the_memory_that_bands_say(rate_hz: int) -> None:
    wave = torch.as_tensor(0.1 * np.random.default_rng(0).standard_normal(30 * rate_hz))[None]
    power = to_power(Picture(rate_hz, CONFIG).double()(wave, torch.ones_like(wave, dtype=torch.bool)).values)[0, 5:-5]
    bands = bands_of(CONFIG)
    heard = torch.as_tensor(bands.centre_hz) < 0.95 * rate_hz / 2
    told = torch.as_tensor(bands.noise) * 0.1**2 / (rate_hz / 2)
    level_db = 10 * torch.log10(power.mean(0) / told)[heard]
    assert abs(float(level_db.mean())) < 0.1
    assert float(level_db.abs().max()) < 0.8
    made = fluctuations(bands, torch.zeros_like(power)[None])[0]
    assert float(made.mean()) == pytest.approx(1, abs=0.01)
    true = (power / power.mean(0))[:, heard]
    made = made[:, heard]
    deviation = [10 * torch.log10(each).std(0) for each in (true, made)]
    assert float((deviation[0] - deviation[1]).abs().mean()) < 0.25  # dB, of 1.2 to 4.4
    freedom = 1 / true.var(0)
    np.testing.assert_allclose(freedom, bands.freedom[heard], rtol=0.25)
    for one, other in ((memory(true, 1), memory(made, 1)), (beside(true), beside(made))):
        assert one == pytest.approx(other, abs=0.1)
        assert one > 0.2
    assert abs(memory(made, 4)) < 0.05


def memory(power: torch.Tensor, lag: int) -> float:
    """Mean over bands of the correlation of frames `lag` apart."""
    away = power - power.mean(0)
    return float(((away[lag:] * away[:-lag]).mean(0) / away.var(0)).mean())


def beside(power: torch.Tensor) -> float:
    """Mean correlation of neighbouring bands."""
    away = (power - power.mean(0)) / power.std(0)
    return float((away[:, 1:] * away[:, :-1]).mean())


def test_a_frames_bands_add_up_to_its_power() -> None:
    """Three times the variance, whatever the colour."""
    generator = np.random.default_rng(1)
    for low, high in ((60, 400), (2000, 9000)):
        spectrum = np.fft.rfft(generator.standard_normal(64_000))
        hertz = np.fft.rfftfreq(64_000, 1 / 32_000)
        wave = np.fft.irfft(np.where((hertz > low) & (hertz < high), spectrum, 0))
        samples = torch.as_tensor(wave)[None]
        power = to_power(Picture(32_000, CONFIG).double()(samples, torch.ones_like(samples, dtype=torch.bool)).values)
        total = float((power[0, 5:-5] * torch.as_tensor(bands_of(CONFIG).share)).sum(1).mean())
        assert 10 * np.log10(total / 3 / np.mean(wave**2)) == pytest.approx(0, abs=0.4)


def test_bands_that_hold_nothing_are_known() -> None:
    pictures = torch.full((2, 5, 3), -2.0)
    pictures[0, 1, 2] = pictures[1, 4, 0] = 0.0
    real = torch.tensor([[True] * 5, [True] * 4 + [False]])
    assert sounding(pictures, real)[:, 0].tolist() == [[False, False, True], [False] * 3]


def test_other_pictures_have_bands_as_well() -> None:
    small = bands_of(PictureConfig(bands=16, high_hz=4000.0))
    assert small.mix.shape == (16, 16)
    assert small.centre_hz[0] > 50
    assert small.centre_hz[-1] < 4000
    assert small.taps.sum() > 1
