"""The recorder in the picture against the same done to the waveform."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.pretraining.augmentations.conftest import CONFIG, RATE_HZ, Sound, batch_of, coloured, picture_of
from tests.reference import augmentations as slow

from tymbal.pretraining.augmentations import create_augmentation
from tymbal.pretraining.augmentations.bands import bands_of, to_power
from tymbal.pretraining.augmentations.contract import Augmentation
from tymbal.pretraining.augmentations.recorder import clipped_gaussian

STILL = {"tilt_db": 0.0, "ripple_db": 0.0}
QUIET, UNHURT, OPEN = (-120.0, -120.0), (-60.0, -60.0), (1e6, 1e6)


def recorder(**changes: object) -> Augmentation:
    still = {**STILL, "self_noise_db": QUIET, "overload_db": UNHURT, "low_pass_hz": OPEN}
    return create_augmentation("recorder", CONFIG, **{**still, **changes})  # type: ignore[arg-type]


def filtered(wave: Sound, gain: Sound) -> Sound:
    return np.fft.irfft(np.fft.rfft(wave) * gain, len(wave))


def hertz(wave: Sound) -> Sound:
    return np.fft.rfftfreq(len(wave), 1 / RATE_HZ)


def by_band_db(ours: torch.Tensor, true: torch.Tensor) -> torch.Tensor:
    return 10 * torch.log10(to_power(ours).mean(0) / to_power(true).mean(0))


@settings(max_examples=30, deadline=None)
@given(st.floats(0.01, 10), st.floats(0.05, 6))
def test_gain_and_distortion_of_clipping_equal_the_integral(sigma: float, u: float) -> None:
    gain, distortion = clipped_gaussian(torch.tensor(sigma**2).double(), torch.tensor(u * sigma).double())
    wanted = slow.clipped(sigma, u * sigma)
    assert float(gain) == pytest.approx(wanted[0], abs=1e-6)
    assert float(distortion) == pytest.approx(wanted[1], abs=1e-6 * sigma**2)


def test_one_that_does_nothing_leaves_the_picture(calls: list[Sound]) -> None:
    batch = batch_of(calls[0])
    off = 20 * (recorder()(batch).pictures - batch.pictures)
    assert float(off.abs().mean()) < 0.02


def test_a_low_pass_is_that_of_the_waveform(calls: list[Sound]) -> None:
    for call in calls[:2]:
        true = picture_of(filtered(call, 1 / np.sqrt(1 + (hertz(call) / 4000) ** 8)))[0]
        ours = recorder(low_pass_hz=(4000.0, 4000.0))(batch_of(call)).pictures[0]
        assert float((20 * (ours - true)).abs().mean()) < 0.2


def test_a_tilt_is_that_of_the_waveform(calls: list[Sound]) -> None:
    torch.manual_seed(0)
    for call in calls[:2]:
        batch = batch_of(call)
        ours = recorder(tilt_db=4.0)(batch).pictures[0]
        at = 60
        slope_db = 20 * float((ours - batch.pictures[0])[:, at].mean()) / np.log2(hertz_of(at) / 2000)
        assert 0.05 < abs(slope_db) <= 4.0
        gain = (np.maximum(hertz(call), 20.0) / 2000) ** (slope_db / 20 / np.log10(2))
        assert float((20 * (ours - picture_of(filtered(call, gain))[0])).abs().mean()) < 0.3


def hertz_of(band: int) -> float:
    return float(bands_of(CONFIG).centre_hz[band])


def test_its_noise_is_that_of_the_waveform(calls: list[Sound]) -> None:
    generator = np.random.default_rng(5)  # another than that of the calls' own floor
    torch.manual_seed(0)
    for call in calls[:2]:
        noise = generator.standard_normal(len(call)) * np.sqrt(0.5 * 10 ** (-50 / 10))
        true, ours = picture_of(call + noise)[0], recorder(self_noise_db=(-50.0, -50.0))(batch_of(call)).pictures[0]
        assert float(by_band_db(ours, true).abs().mean()) < 0.3
        assert abs(20 * float((ours - true).mean())) < 0.6


def clipped_at(wave: Sound, overload_db: float) -> Sound:
    """The waveform clipped at so many dB below the RMS of its loudest frame."""
    window = np.hanning(1024) ** 2
    rms = np.sqrt(np.convolve(wave**2, window / window.sum(), "same").max())
    limit = rms * 10 ** (-overload_db / 20)
    return np.clip(wave, -limit, limit)


def test_overload_of_noise_is_that_of_the_waveform() -> None:
    """Where the sound is as the model has it: its level, and distortion in bands that it does not reach."""
    noise = 0.1 * coloured(2 * RATE_HZ, 0.0, np.random.default_rng(0))
    noise = filtered(noise, ((hertz(noise) > 2000) & (hertz(noise) < 3500)).astype(float)) + 1e-4 * noise
    for overload_db in (-6.0, 3.0):
        true = picture_of(clipped_at(noise, overload_db))[0]
        ours = recorder(overload_db=(overload_db, overload_db))(batch_of(noise)).pictures[0]
        off = by_band_db(ours, true)
        assert float(off.abs().mean()) < 2.0
        own = [band for band in range(CONFIG.bands) if 2100 < hertz_of(band) < 3400]
        assert float(off[own].abs().mean()) < 0.3


@pytest.mark.parametrize(("overload_db", "cell_db", "band_db"), [(-6.0, 1.0, 4.5), (3.0, 0.6, 2.5)])
def test_overload_of_calls_is_near_that_of_the_waveform(
    overload_db: float, cell_db: float, band_db: float, calls: list[Sound]
) -> None:
    """Meows are no Gaussian noise: levels hold, the distortion's spectrum less so."""
    for call in calls:
        true = picture_of(clipped_at(call, overload_db))[0]
        ours = recorder(overload_db=(overload_db, overload_db))(batch_of(call)).pictures[0]
        assert float((20 * (ours - true)).abs().mean()) < cell_db
        assert float(by_band_db(ours, true).abs().mean()) < band_db
        loud = 10 * torch.log10(to_power(ours).sum() / to_power(true).sum())
        assert abs(float(loud)) < 1.0
