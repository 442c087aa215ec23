"""Encoders that look at a mel picture: sound to picture, picture to layers, so that a picture can be altered between.

Self-supervised training needs that seam (parts of the picture are hidden, two views of it are made). The encoders that
are trained here share it, and a front end that fits recordings of any sample rate.
"""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tymbal.audio.frontends.mel import BandedFilters, hz_to_mel, mel_to_hz
from tymbal.audio.frontends.stft import STFT, Frames, fast_length, window
from tymbal.encoders.contract import Encoder, LayerOutput, LayerSpec
from tymbal.encoders.spectral import check_native_rate
from tymbal.errors import ConfigError, EncoderError
from tymbal.units import FrameGrid

STRETCH_BELOW_HZ = 4000
FLOOR = 1e-10  # -100 dB of a full-scale sine
MIDDLE_DB, SPREAD_DB = -60.0, 20.0


@dataclass(frozen=True)
class PictureConfig:
    """The mel picture of a recording of any rate.

    Parameters
    ----------
    bands, low_hz, high_hz : mel bands (HTK) between two frequencies. Those above half the sample rate are silent.
    window_s, hop_s : of the frames.
    stretch_above_hz : recordings of higher rates are looked at as if they were played at this one, slower and lower:
        a bat at 256 kHz, 4 times slower at 64 kHz. Rates below 4 kHz are likewise played at 4 kHz.
    """

    bands: int = 96
    low_hz: float = 50.0
    high_hz: float = 16000.0
    window_s: float = 0.032
    hop_s: float = 0.01
    stretch_above_hz: int = 64000

    def __post_init__(self) -> None:
        if not (self.bands >= 8 and 0 <= self.low_hz < self.high_hz and self.window_s >= self.hop_s >= 0.001):
            raise ConfigError(
                f"{self}", where="PictureConfig", allowed="8 bands or more, low_hz < high_hz, window_s >= hop_s >= 1 ms"
            )


def picture_filters(bins_hz: NDArray[np.float64], config: PictureConfig) -> NDArray[np.float64]:
    """Triangles (bins, bands) of unit height over frequencies in Hz, equally spaced in mel between low and high.

    Low bands are narrower than a bin: every triangle is at least as wide as two bins, so that none is empty.
    """
    low_mel, high_mel = hz_to_mel([config.low_hz, config.high_hz])
    edges = mel_to_hz(np.linspace(low_mel, high_mel, config.bands + 2))
    step = bins_hz[1] - bins_hz[0]
    centre = edges[1:-1]
    left, right = np.maximum(centre - edges[:-2], step), np.maximum(edges[2:] - centre, step)
    distance = bins_hz[:, None] - centre
    filters: NDArray[np.float64] = np.maximum(0.0, 1.0 - np.where(distance < 0, -distance / left, distance / right))
    return filters


class Picture(nn.Module):
    """Waveforms to pictures: (dB of a full-scale sine + 60) / 20 in mel bands, -2 where there is nothing.

    Frame i is centred on sample i·hop, zeros beyond the edges; there are ceil(samples / hop) frames.
    """

    def __init__(self, sample_rate_hz: int, config: PictureConfig) -> None:
        super().__init__()
        played_hz = min(max(sample_rate_hz, STRETCH_BELOW_HZ), config.stretch_above_hz)
        width, self.hop_samples = round(config.window_s * played_hz), round(config.hop_s * played_hz)
        self.sample_rate_hz = sample_rate_hz
        self.stft = STFT(fast_length(width), self.hop_samples, window_samples=width)
        bins_hz = np.arange(self.stft.bins, dtype=np.float64) * (played_hz / self.stft.n_fft)
        self.filters = BandedFilters(picture_filters(bins_hz, config))
        self.scale = float((2 / window("hann", width).sum()) ** 2)  # power 1 for a sine of amplitude 1

    def grid(self) -> FrameGrid:
        """Where the frames lie in time."""
        return self.stft.grid(self.sample_rate_hz)

    def forward(self, waveform: Tensor, mask: Tensor) -> Frames:
        """Pictures (batch, frames, bands) and their mask (batch, frames)."""
        power = self.stft.apply_chunked(torch.where(mask, waveform, 0.0), self.filters) * self.scale
        values = (10 * torch.log10(power + FLOOR) - MIDDLE_DB) / SPREAD_DB
        return Frames(values, self.stft.framing.mask(mask))


Self = TypeVar("Self", bound="PictureEncoder")


class PictureEncoder(Encoder):
    """An encoder of any rate with one network for all rates: only the picture is made differently.

    Class attributes
    ----------------
    stride : picture frames per frame of the last layer.
    """

    stride: ClassVar[int]
    config: Any

    def __init__(self, picture: PictureConfig) -> None:
        super().__init__()
        self.sample_rate = None
        self._picture_config = picture
        self._picture: Picture | None = None
        self._bound: dict[int, Any] = {}
        self._frozen = False

    @abstractmethod
    def look(self, picture: Tensor, real: Tensor) -> dict[str, LayerOutput]:
        """All layers of pictures (batch, frames, bands) with the mask (batch, frames) of real frames.

        What stands in frames that are not real must change nothing.
        """

    @abstractmethod
    def specifications(self, grid: FrameGrid) -> tuple[LayerSpec, ...]:
        """The layers' specifications for pictures on a grid."""

    @property
    def picture(self) -> Picture:
        """The front end. Raises EncoderError where no rate is known yet."""
        if self._picture is None:
            raise EncoderError(
                "the sample rate is not known yet",
                where=self.name,
                mend="Call at_rate(sample_rate_hz) for the encoder of recordings of that rate.",
            )
        return self._picture

    @property
    def layers(self) -> tuple[LayerSpec, ...]:
        """Layers in order, from input to output, on their grids. Raises EncoderError where no rate is known yet."""
        return self.specifications(self.picture.grid())

    def at_rate(self: Self, sample_rate_hz: int) -> Self:
        """The encoder for recordings of `sample_rate_hz`; it shares this one's network."""
        if sample_rate_hz == self.sample_rate:
            return self
        check_native_rate(sample_rate_hz)
        if sample_rate_hz not in self._bound:
            bound = copy.copy(self)
            bound._modules = dict(self._modules)
            bound._picture = Picture(sample_rate_hz, self._picture_config)
            bound.sample_rate = sample_rate_hz
            self._bound[sample_rate_hz] = bound
        found: Self = self._bound[sample_rate_hz]
        found.training, found._frozen = self.training, self._frozen
        parameter = next(self.parameters(), None)
        if parameter is not None:
            found.picture.to(parameter.device)
        return found

    def frames(self, samples: int) -> dict[str, int]:
        """Frames of each layer for `samples` samples: as many as have their centre inside."""
        counts = self.picture.stft.framing.frames(samples)
        hop_s = self.picture.grid().hop_s
        return {spec.name: -(-counts // round(spec.grid.hop_s / hop_s)) for spec in self.layers}

    def encode(self, waveform: Tensor, mask: Tensor) -> dict[str, LayerOutput]:
        """All layers; see `Encoder.encode`. Frames that are not real are zero."""
        with torch.autocast(waveform.device.type, enabled=False):
            values, real = self.picture(waveform, mask)
        return self.look(values, real)
