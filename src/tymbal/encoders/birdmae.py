"""Bird-MAE: a masked autoencoder of bird sound (Rauch et al. 2025, 2504.12880)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from tymbal.audio.frontends.kaldi import FLOAT_EPS
from tymbal.encoders.vit import SpectrogramVit, VitConfig, sincos_positions
from tymbal.units import to_samples


@dataclass(frozen=True)
class BirdMaeConfig(VitConfig):
    """Sizes and front end; the defaults are Bird-MAE base.

    Parameters
    ----------
    clip_s : seconds of sound the published front end pads a shorter clip to, before the filter bank.
    """

    sample_rate_hz: int = 32000
    fbank_mean: float = -7.2
    fbank_std: float = 4.43
    clip_frames: int = 512
    clip_s: float = 5.0


# Bird-MAE large and huge; huge has heads of 80.
LARGE = BirdMaeConfig(dim=1024, ffn=4096, heads=16, blocks=24)
HUGE = BirdMaeConfig(dim=1280, ffn=5120, heads=16, blocks=32)


class BirdMae(SpectrogramVit):
    """A pre-norm `SpectrogramVit` on Hann-windowed Kaldi filter banks of 32 kHz sound.

    The published front end pads a clip with silence to 5 s, then its frames to 512 with their smallest value; so do
    we, clip by clip: filled frames hold the clip's smallest value, or that of silence where the clip is shorter than
    5 s. (It takes the smallest value over the whole batch, which would make a clip depend on its neighbours; and the
    two frames that straddle the end of a short clip, which are half silence, are filled here.)

    The published model means the last block's tokens and normalises the mean; that norm and the one for CLS belong to
    its head and are no part of the encoder.
    """

    name: ClassVar[str] = "birdmae"
    config: BirdMaeConfig

    def __init__(self, config: BirdMaeConfig | None = None) -> None:
        super().__init__(config or BirdMaeConfig())

    @classmethod
    def tiny(cls) -> BirdMae:
        """Two narrow blocks on clips of 0.64 s, for tests."""
        return cls(BirdMaeConfig(mel_bands=32, clip_frames=64, clip_s=0.6, dim=32, ffn=48, heads=4, blocks=2))

    def default_positions(self) -> Tensor:
        """As published: a table of frequency by time, read frequency-major, laid along time-major tokens.

        So a token's vector does not code its own time and frequency, but each token still has one of its own, and
        the network was trained with it.
        """
        return sincos_positions(self.bands, self.columns, self.config.dim)

    def filling(self, picture: Tensor, real: Tensor) -> Tensor:
        """The clip's smallest value where it is as long as `clip_s`, else that of silence; (clips, 1, 1)."""
        front_end = self.front_end.config
        silence = (math.log(FLOAT_EPS) - front_end.offset) / front_end.divisor
        heard = max(1, self.front_end.frames(to_samples(self.config.clip_s, self.sample_rate)))
        quietest = torch.where(real.unsqueeze(-1), picture, math.inf).amin((1, 2), keepdim=True)
        full = real.sum(1).reshape(-1, 1, 1) >= heard
        return torch.where(full, quietest, silence)
