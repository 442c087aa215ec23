"""Powers of a picture's bands, and what noise looks like in them: what augmentations in the power domain share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tymbal.audio.frontends.mel import hz_to_mel, mel_to_hz
from tymbal.encoders.pictures import FLOOR, MIDDLE_DB, SPREAD_DB, PictureConfig, picture_filters
from tymbal.pretraining.views import SILENCE

Array = NDArray[np.float64]
REACH = 3  # frames over which the power of noise in one band is still alike
LOWEST = 0.08  # of its mean that noise falls to: a band of two bins has one of them where the other is silent


def to_power(pictures: Tensor) -> Tensor:
    """Power of pictures, 1 for a full-scale sine; what `Picture` adds to keep silence from minus infinity is taken off.

    Full precision needs float32 or more.
    """
    return (10 ** ((pictures * SPREAD_DB + MIDDLE_DB) / 10) - FLOOR).clamp_min(0.0)


def to_picture(power: Tensor) -> Tensor:
    """The inverse of `to_power`."""
    return (10 * torch.log10(power + FLOOR) - MIDDLE_DB) / SPREAD_DB


def sounding(pictures: Tensor, real: Tensor) -> Tensor:
    """(batch, 1, bands): whether a band holds anything in a clip. Above half the sample rate none does, nor would what
    a recorder adds."""
    heard = torch.where(real.unsqueeze(-1), pictures, SILENCE)
    return heard.amax(1, keepdim=True) > SILENCE + 1e-3


@dataclass(frozen=True)
class Bands:
    """The bands of one kind of picture. Arrays are (bands,), float64.

    Attributes
    ----------
    centre_hz : of each.
    noise : power in each of noise of density 1 per Hz (full-scale sine = 1/2); of density S(f), S(centre) times that.
    share : what each counts where all bands are added to a frame's whole power: low bands overlap more than others.
    freedom : independent values that the power of noise in one frame is the mean of (shape of its gamma distribution).
    mix : (bands, bands), Cholesky factor of the correlation of noise power between bands.
    taps : (2 REACH + 1,) of the filter over frames that gives noise power its correlation in time.
    """

    centre_hz: Array
    noise: Array
    share: Array
    freedom: Array
    mix: Array
    taps: Array


@lru_cache(maxsize=8)
def bands_of(config: PictureConfig) -> Bands:
    """What follows of the filters and the Hann window alone, for recordings of any rate (bins are 1/window apart).

    For white noise the DFT's bins are complex normal; those m apart correlate as the window's spectrum does (2/3, 1/6
    for Hann), frames by the window's autocorrelation. Power in a band is the weighted sum of their squares, of which
    mean and covariance are exact here; its distribution is taken as gamma (Satterthwaite 1946).
    """
    bin_hz = 1 / config.window_s
    bins_hz = np.arange(0.0, config.high_hz + 3 * bin_hz, bin_hz)
    filters = picture_filters(bins_hz, config)
    low_mel, high_mel = hz_to_mel([config.low_hz, config.high_hz])
    edges = mel_to_hz(np.linspace(low_mel, high_mel, config.bands + 2))
    whole = filters.sum(0) * bin_hz
    apart = np.abs(np.subtract.outer(np.arange(len(bins_hz)), np.arange(len(bins_hz))))
    alike = np.select([apart == 0, apart == 1, apart == 2], [1.0, (2 / 3) ** 2, (1 / 6) ** 2], 0.0)
    covariance = filters.T @ alike @ filters
    spread = np.sqrt(np.diag(covariance))
    correlation = covariance / spread[:, None] / spread
    return Bands(
        centre_hz=edges[1:-1],
        noise=3 * whole,  # Hann: 6 Σw²/(Σw)² = 1.5 · 4 / window, one-sided
        share=(edges[2:] - edges[:-2]) / 2 / whole,
        freedom=filters.sum(0) ** 2 / np.diag(covariance),
        mix=np.linalg.cholesky(0.999 * correlation + 0.001 * np.eye(len(spread))),
        taps=_taps(config),
    )


def _taps(config: PictureConfig) -> Array:
    """A symmetric filter of unit power whose output is correlated as squared magnitudes of overlapping windows are."""
    window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(400) + 0.5) / 400)
    hop = config.hop_s / config.window_s * 400
    wanted = np.zeros(64)
    for lag in range(32):
        offset = round(lag * hop)
        if offset < 400:
            value = float((window[offset:] * window[: 400 - offset]).sum() / (window**2).sum()) ** 2
            wanted[lag] = wanted[-lag] = value
    shape = np.sqrt(np.clip(np.fft.fft(wanted).real, 0.0, None))
    taps = np.roll(np.fft.ifft(shape).real, REACH)[: 2 * REACH + 1]
    found: Array = taps / np.sqrt((taps**2).sum())
    return found


def fluctuations(bands: Bands, like: Tensor) -> Tensor:
    """Power of noise over its mean, shape and device of `like` (batch, frames, bands): mean 1, correlated as noise is.

    Gamma numbers by Wilson and Hilferty (1931): the cube root is nearly normal.
    """
    mix, taps, freedom = (torch.as_tensor(each, dtype=like.dtype, device=like.device) for each in _needed(bands))
    batch, frames, count = like.shape
    normal = torch.randn(batch, frames + 2 * REACH, count, dtype=like.dtype, device=like.device)
    smooth = sum(taps[at] * normal[:, at : at + frames] for at in range(2 * REACH + 1))
    assert isinstance(smooth, Tensor)
    third = 1 / (9 * freedom)
    return (1 - third + (smooth @ mix.T) * third.sqrt()).clamp_min(LOWEST ** (1 / 3)) ** 3


def _needed(bands: Bands) -> tuple[Array, Array, Array]:
    return bands.mix, bands.taps, bands.freedom
