"""Pitch and time stretch: the axes of the picture resized, each by itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tymbal.audio.frontends.mel import hz_to_mel
from tymbal.errors import ConfigError
from tymbal.pretraining.augmentations.bands import bands_of
from tymbal.pretraining.augmentations.contract import Augmentation
from tymbal.pretraining.objectives.contract import PictureBatch
from tymbal.pretraining.views import SILENCE, interpolated, silenced


@dataclass(frozen=True)
class StretchConfig:
    """How far.

    Parameters
    ----------
    time : up to so many times slower or faster, drawn per clip, even chances per octave. Of a slower clip a stretch is
        kept, chosen at random; a faster one is shorter.
    pitch : up to so many times higher or lower, likewise. Bands that come from beyond the picture are silent.
    """

    time: float = 1.2
    pitch: float = 1.2

    def __post_init__(self) -> None:
        if not (1 <= self.time <= 4 and 1 <= self.pitch <= 4):
            raise ConfigError(f"{self}", where="stretch", allowed="1 (not at all) to 4")


class Stretch(Augmentation):
    """Levels stay as they are, as in a phase vocoder; labels stay, though a slower clip may lose its edges."""

    name: ClassVar[str] = "stretch"
    settings: ClassVar[type[StretchConfig]] = StretchConfig
    config: StretchConfig

    def alter(self, batch: PictureBatch) -> PictureBatch:
        """See `Augmentation.alter`."""
        pictures, real, _ = batch
        device, frames = pictures.device, pictures.shape[1]
        octaves = 2 * torch.rand(len(pictures), 2, device=device) - 1
        where = torch.rand(len(pictures), 1, device=device)
        speed, pitch = self.config.time ** octaves[:, :1], self.config.pitch ** octaves[:, 1:]
        length = real.sum(1, keepdim=True)
        start = where * (length - speed * frames).clamp_min(0.0)
        count = torch.arange(frames, device=device)
        found = interpolated(silenced(pictures, real), start + speed * (count + 0.5) - 0.5, 1, SILENCE)
        found = interpolated(found, self.sources(pitch), 2, SILENCE)
        kept = ((length - start) / speed).round().clamp(1, frames)
        return batch._replace(pictures=found, real=count < torch.where(length > 0, kept, 0))

    def sources(self, pitch: Tensor) -> Tensor:
        """Where in the bands of a clip each band (batch, bands) of one `pitch` (batch, 1) times as high is found."""
        low, high = hz_to_mel([self.picture.low_hz, self.picture.high_hz])
        step = (high - low) / (self.picture.bands + 1)
        hertz = torch.as_tensor(bands_of(self.picture).centre_hz).to(pitch) / pitch
        mel = 2595.0 * torch.log10(1 + hertz / 700.0)  # as hz_to_mel
        return (mel - float(low)) / float(step) - 1
