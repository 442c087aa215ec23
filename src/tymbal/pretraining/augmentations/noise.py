"""Noise at a set SNR: added in power, coloured, as restless as noise is in a short spectrum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from tymbal.pretraining.augmentations.bands import bands_of, fluctuations, sounding, to_picture, to_power
from tymbal.pretraining.augmentations.contract import Augmentation, check_spans
from tymbal.pretraining.objectives.contract import PictureBatch

REFERENCE_HZ = 1000.0


@dataclass(frozen=True)
class NoiseConfig:
    """How much noise, of what colour.

    Parameters
    ----------
    snr_db : mean power of the clip over that of the noise, all bands together; drawn uniformly per clip.
    slope : the noise's density falls as frequency to minus this: 0 white, 1 pink, 2 brown; drawn likewise.
    """

    snr_db: tuple[float, float] = (0.0, 30.0)
    slope: tuple[float, float] = (0.0, 2.0)

    def __post_init__(self) -> None:
        check_spans("noise", snr_db=(self.snr_db, -60, 120), slope=(self.slope, -4, 4))


class Noise(Augmentation):
    """Stationary Gaussian noise in the bands that hold anything."""

    name: ClassVar[str] = "noise"
    settings: ClassVar[type[NoiseConfig]] = NoiseConfig
    config: NoiseConfig

    def alter(self, batch: PictureBatch) -> PictureBatch:
        """See `Augmentation.alter`."""
        pictures, real, _ = batch
        bands = bands_of(self.picture)
        centre, white, share = (
            torch.as_tensor(each).to(pictures) for each in (bands.centre_hz, bands.noise, bands.share)
        )
        power = to_power(pictures) * real.unsqueeze(-1)
        colour = white * (centre / REFERENCE_HZ) ** -self.drawn(batch, self.config.slope) * sounding(pictures, real)
        snr = 10 ** (self.drawn(batch, self.config.snr_db) / 10)
        mean = (power * share).sum((1, 2), keepdim=True) / real.sum(1).clamp_min(1)[:, None, None]
        whole = (colour * share).sum((1, 2), keepdim=True)
        level = colour * mean / (snr * whole.clamp_min(torch.finfo(whole.dtype).tiny))
        return batch._replace(pictures=to_picture(power + level * fluctuations(bands, pictures)))
