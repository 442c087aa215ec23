"""The recorder: a frequency response, noise of its own, an input that overloads, a limit to the highs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from tymbal.encoders.pictures import PictureConfig, picture_filters
from tymbal.errors import ConfigError
from tymbal.pretraining.augmentations.bands import Bands, bands_of, fluctuations, sounding, to_picture, to_power
from tymbal.pretraining.augmentations.contract import Augmentation, check_spans
from tymbal.pretraining.objectives.contract import PictureBatch

PIVOT_HZ = 2000.0  # where a tilted response has 0 dB
KNOTS = 6  # of the ripple
POINTS = 257  # of the even frequencies on which distortion is computed


@dataclass(frozen=True)
class RecorderConfig:
    """What it does, in this order; each drawn per clip.

    Parameters
    ----------
    tilt_db : of the response, per octave around 2 kHz, from ± this.
    ripple_db : of the response besides: a line over bands through six values from ± this.
    self_noise_db : power of its white noise over all bands, relative to a full-scale sine's.
    overload_db : level of the loudest frame (RMS) over that at which samples are clipped; below -12 little happens.
    low_pass_hz : cut-off of a Butterworth filter of fourth order, even chances per octave.
    """

    tilt_db: float = 2.0
    ripple_db: float = 3.0
    self_noise_db: tuple[float, float] = (-100.0, -60.0)
    overload_db: tuple[float, float] = (-40.0, 3.0)
    low_pass_hz: tuple[float, float] = (5000.0, 40000.0)

    def __post_init__(self) -> None:
        if not (0 <= self.tilt_db <= 24 and 0 <= self.ripple_db <= 40):
            raise ConfigError(f"{self}", where="recorder", allowed="tilt_db 0 to 24, ripple_db 0 to 40")
        spans = {"overload_db": (self.overload_db, -200.0, 40.0), "low_pass_hz": (self.low_pass_hz, 10.0, 1e6)}
        check_spans("recorder", self_noise_db=(self.self_noise_db, -200, 0), **spans)


def clipped_gaussian(variance: Tensor, limit: Tensor) -> tuple[Tensor, Tensor]:
    """Of Gaussian sound clipped at ± limit: the gain (of power) on what stays like it, and the power of the distortion.

    Bussgang (1952): the output is K x + d, d uncorrelated with x; K = erf(u/√2), u = limit/σ; the output's power is
    σ² (erf(u/√2) - √(2/π) u exp(-u²/2)) + limit² erfc(u/√2).
    """
    u = limit / variance.clamp_min(1e-30).sqrt()
    inside = torch.erf(u / math.sqrt(2))
    outside = torch.erfc(u / math.sqrt(2))
    power = inside - math.sqrt(2 / math.pi) * u * torch.exp(-(u**2) / 2) + u**2 * outside
    return inside**2, (variance * (power - inside**2)).clamp_min(0.0)


class RecorderSimulation(Augmentation):
    """Overload as if the sound of each frame were Gaussian: that of a clipped whistle is a little different. Bands in
    which nothing sounds (above half the sample rate) stay silent."""

    name: ClassVar[str] = "recorder"
    settings: ClassVar[type[RecorderConfig]] = RecorderConfig
    config: RecorderConfig

    def alter(self, batch: PictureBatch) -> PictureBatch:
        """See `Augmentation.alter`."""
        pictures, real, _ = batch
        bands, config = bands_of(self.picture), self.config
        centre, white = (torch.as_tensor(each).to(pictures) for each in (bands.centre_hz, bands.noise))
        there = sounding(pictures, real)
        width_hz = self.picture.high_hz - self.picture.low_hz
        octaves = torch.log2(centre / PIVOT_HZ)
        response = self.drawn(batch, (-config.tilt_db, config.tilt_db)) * octaves + self.ripple(batch)
        power = to_power(pictures) * real.unsqueeze(-1) * 10 ** (response / 10)
        density = 10 ** (self.drawn(batch, config.self_noise_db) / 10) / 2 / width_hz
        power = power + density * white * there * fluctuations(bands, pictures)
        power = self.overloaded(power * real.unsqueeze(-1), bands, batch) * there
        low, high = (math.log2(each) for each in config.low_pass_hz)
        power = power / (1 + (centre / 2 ** self.drawn(batch, (low, high))) ** 8)
        return batch._replace(pictures=to_picture(power))

    def ripple(self, batch: PictureBatch) -> Tensor:
        """Decibels (batch, 1, bands)."""
        values = 2 * torch.rand(len(batch.pictures), 1, KNOTS, device=batch.pictures.device) - 1
        lines = functional.interpolate(values, size=self.picture.bands, mode="linear", align_corners=True)
        return self.config.ripple_db * lines

    def overloaded(self, power: Tensor, bands: Bands, batch: PictureBatch) -> Tensor:
        """Power after an input that clips."""
        share = torch.as_tensor(bands.share).to(power)
        variance = (power * share).sum(2, keepdim=True) / 3  # of the samples in a frame
        loudest = variance.amax(1, keepdim=True).sqrt()
        limit = loudest * 10 ** (-self.drawn(batch, self.config.overload_db) / 20)
        gain, distortion = clipped_gaussian(variance, limit)
        found = power * gain
        hot = (distortion > 1e-6 * variance).squeeze(2)  # most frames are not; spectra are for those that are
        if bool(hot.any()):
            limits = limit.expand_as(variance)[hot]
            found[hot] += distortion_spectrum(power[hot], variance[hot], limits, self.picture)
        return found


def distortion_spectrum(power: Tensor, variance: Tensor, limit: Tensor, picture: PictureConfig) -> Tensor:
    """Power (n, bands) of the distortion of frames of power (n, bands) and variance (n, 1), clipped at limit (n, 1).

    The autocorrelation of clipped Gaussian sound is a power series in that of the sound, ρ (Price 1958): its terms of
    odd order k have the weights 4 φ(u)² He_{k-2}(u)² / k!. Orders 3, 5 and 7 are computed; what is left, of higher
    order and so broad, is white. What would lie above `high_hz` is folded back, as clipped samples are.
    """
    bands, tiny = bands_of(picture), torch.finfo(power.dtype).tiny
    lines, means, noise = (torch.as_tensor(each).to(power) for each in (*_grid(picture), bands.noise))
    rho = torch.fft.irfft((power / noise) @ lines)
    rho = rho / rho[:, :1].clamp_min(tiny)
    u = limit / variance.clamp_min(1e-30).sqrt()
    hermite = {3: u, 5: u**3 - 3 * u, 7: u**5 - 10 * u**3 + 15 * u}
    phi = torch.exp(-(u**2)) / (2 * math.pi)  # squared
    weights = {k: variance * 4 * phi * each**2 / math.factorial(k) for k, each in hermite.items()}
    series = sum(weight * rho**k for k, weight in weights.items())
    assert isinstance(series, Tensor)
    rest = (clipped_gaussian(variance, limit)[1] - series[:, :1]).clamp_min(0.0)
    series = series + functional.pad(rest, (0, series.shape[1] - 1))
    density = torch.fft.rfft(series).real.clamp_min(0.0) / picture.high_hz  # over lines that stand for both signs
    found: Tensor = (density @ means) * noise
    return found


@lru_cache(maxsize=8)
def _grid(picture: PictureConfig) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Densities in bands to densities at even frequencies up to `high_hz`, (bands, POINTS), and back."""
    filters = picture_filters(np.linspace(0.0, picture.high_hz, POINTS), picture)
    lines = filters / np.maximum(filters.sum(1, keepdims=True), 1e-9)
    return lines.T, filters / filters.sum(0)
