"""Randomised quantisation: every band has a few random levels left (Wu et al. 2022, 2212.08663)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from tymbal.errors import ConfigError
from tymbal.pretraining.augmentations.contract import Augmentation
from tymbal.pretraining.objectives.contract import PictureBatch


@dataclass(frozen=True)
class QuantisationConfig:
    """`levels` left of each band of each clip."""

    levels: int = 8

    def __post_init__(self) -> None:
        if not 2 <= self.levels <= 256:
            raise ConfigError(f"levels: {self.levels}", where="quantisation", allowed="2 to 256")


class Quantisation(Augmentation):
    """The range of each band of a clip is cut at random places, and one random value of each piece stands for it."""

    name: ClassVar[str] = "quantisation"
    settings: ClassVar[type[QuantisationConfig]] = QuantisationConfig
    config: QuantisationConfig

    def alter(self, batch: PictureBatch) -> PictureBatch:
        """See `Augmentation.alter`."""
        pictures, real, _ = batch
        levels, (count, _, bands), keep = self.config.levels, pictures.shape, real.unsqueeze(-1)
        low = pictures.masked_fill(~keep, torch.inf).amin(1).unsqueeze(-1)
        high = pictures.masked_fill(~keep, -torch.inf).amax(1).unsqueeze(-1)
        span = high - low
        places = torch.rand(count, bands, levels - 1, device=pictures.device).sort(-1).values
        within = torch.rand(count, bands, levels, device=pictures.device)
        rims = torch.nn.functional.pad(places, (1, 0)), torch.nn.functional.pad(places, (0, 1), value=1.0)
        values = low + span * (rims[0] + (rims[1] - rims[0]) * within)
        by_band = pictures.transpose(1, 2).contiguous()
        piece = torch.searchsorted((low + span * places).contiguous(), by_band)
        return batch._replace(pictures=values.gather(2, piece).transpose(1, 2))
