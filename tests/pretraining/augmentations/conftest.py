"""Real recordings and their pictures: what an augmentation does to the one is measured against the other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from tymbal.audio import AudioReader, resample
from tymbal.encoders.pictures import Picture, PictureConfig
from tymbal.pretraining.objectives.contract import PictureBatch

CONFIG = PictureConfig()
RATE_HZ = 32_000
EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
Sound = NDArray[np.float64]


def picture_of(waveform: Sound, rate_hz: int = RATE_HZ) -> Tensor:
    """(1, frames, bands), float64, as encoders make it."""
    samples = torch.as_tensor(waveform, dtype=torch.float64)[None]
    front = Picture(rate_hz, CONFIG).double()
    return front(samples, torch.ones_like(samples, dtype=torch.bool)).values


def batch_of(waveform: Sound, copies: int = 1) -> PictureBatch:
    picture = picture_of(waveform).repeat(copies, 1, 1)
    return PictureBatch(picture, torch.ones(picture.shape[:2], dtype=torch.bool))


def decibels(picture: Tensor) -> Tensor:
    return 20 * picture - 60


@pytest.fixture(scope="session")
def calls() -> list[Sound]:
    """Meows of the repository, 2 s each at 32 kHz, over a floor of soft pink noise such as fields have."""
    found = []
    generator = np.random.default_rng(0)
    for path in sorted((EXAMPLES / "cat_meows").rglob("*.flac"))[:4]:
        with AudioReader(path) as reader:
            own = resample(reader.read(0, reader.samples), reader.sample_rate_hz, RATE_HZ)
        sound = np.zeros(2 * RATE_HZ)
        sound[: min(len(own), len(sound))] = own[: len(sound)]
        found.append(sound + coloured(len(sound), 1.0, generator) * 10 ** (-60 / 20))
    assert len(found) == 4
    return found


def coloured(samples: int, slope: float, generator: np.random.Generator) -> Sound:
    """Noise of RMS 1 between 50 Hz and 16 kHz whose density falls as frequency to minus `slope`."""
    spectrum = np.fft.rfft(generator.standard_normal(samples))
    hertz = np.fft.rfftfreq(samples, 1 / RATE_HZ)
    spectrum *= np.where((hertz >= 50) & (hertz <= 16_000), np.maximum(hertz, 50.0) ** (-slope / 2), 0.0)
    noise = np.fft.irfft(spectrum, samples)
    return noise / np.sqrt(np.mean(noise**2))


Measure = Callable[[Sound], Tensor]
