"""A time-scattering transform of two orders: wavelet envelopes, and how strongly they swing at several rates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tymbal.audio.frontends.fir import MaskedMean, Modulation
from tymbal.audio.frontends.gabor import GaborPyramid
from tymbal.audio.frontends.stft import masked
from tymbal.errors import UsageError
from tymbal.units import FrameGrid


@dataclass(frozen=True)
class ScatteringConfig:
    """Shape of the transform.

    Parameters
    ----------
    octaves, per_octave : the wavelets, from half the sample rate down (see `GaborPyramid`).
    hop_samples : from one value of an envelope to the next.
    reach : envelope values on either side of an output frame that are averaged, under a Hann window.
    stride : envelope values from one output frame to the next, a power of two.
    rates : of the second order, in cycles per envelope value, above 0, at most 0.25.
    """

    octaves: int = 7
    per_octave: int = 6
    hop_samples: int = 128
    reach: int = 64
    stride: int = 16
    rates: tuple[float, ...] = (1 / 4, 1 / 8, 1 / 16, 1 / 32, 1 / 64)

    def __post_init__(self) -> None:
        power_of_two = self.stride > 0 and self.stride & (self.stride - 1) == 0
        if not power_of_two or self.reach < self.stride or not all(0 < rate <= 0.25 for rate in self.rates):
            raise UsageError(
                f"stride {self.stride}, reach {self.reach}, rates {self.rates}",
                where="ScatteringConfig",
                allowed="a stride that is a power of two, a reach no shorter, rates above 0 and up to 0.25",
            )


def hann_about(reach: int) -> NDArray[np.float64]:
    """A Hann window over -reach … reach, none of it zero, shape (2·reach + 1,)."""
    return 0.5 + 0.5 * np.cos(np.pi * np.arange(-reach, reach + 1) / (reach + 1))


class Scattering(nn.Module):
    """S1 = |x * ψ| * φ and S2 = ||x * ψ| * ψ_rate| * φ (Andén & Mallat 2014, 1304.6763), over real frames only.

    ψ are constant-Q Gabor wavelets, ψ_rate one Hann-windowed wave of about two cycles per rate with the local mean
    taken out, φ a Hann average. Output frame i is centred on sample i·hop·stride. All filters are finite, so a frame
    depends on `receptive_samples` of sound and no more.
    """

    def __init__(self, config: ScatteringConfig) -> None:
        super().__init__()
        self.config = config
        self.envelopes = GaborPyramid(
            octaves=config.octaves, per_octave=config.per_octave, hop_samples=config.hop_samples
        )
        self.average = MaskedMean(hann_about(config.reach), origin=config.reach, stride=config.stride)
        self.swings, self.averages = nn.ModuleList(), nn.ModuleList()
        for rate in config.rates:
            length = self.swing_length(rate)
            step = self.swing_stride(rate)
            reach = config.reach // step
            self.swings.append(Modulation((rate,), length=length, stride=step))
            self.averages.append(MaskedMean(hann_about(reach), origin=reach, stride=config.stride // step))

    @staticmethod
    def swing_length(rate: float) -> int:
        """Envelope values under one second-order wavelet: two cycles, made odd."""
        return int(2 / rate) // 2 * 2 + 1

    def swing_stride(self, rate: float) -> int:
        """A wavelet's modulus changes as slowly as the wavelet is long: it is taken four times or more per length."""
        step = 1
        while 2 * step <= min(self.config.stride, self.swing_length(rate) / 4):
            step *= 2
        return step

    @property
    def hop_samples(self) -> int:
        """Samples from one output frame to the next."""
        return self.config.hop_samples * self.config.stride

    @property
    def receptive_samples(self) -> int:
        """Samples that an output frame sees."""
        second = max((self.swing_length(rate) // 2 for rate in self.config.rates), default=0)
        return self.envelopes.receptive_samples + 2 * self.config.hop_samples * (self.config.reach + second)

    def grid(self, sample_rate_hz: float) -> FrameGrid:
        """Where the frames lie in time."""
        return FrameGrid.from_samples(
            sample_rate_hz, hop=self.hop_samples, first_center=0, receptive=self.receptive_samples
        )

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """S1 then S2 per rate, (batch, frames, bands, 1 + rates), amplitudes; and the frames' mask (batch, frames)."""
        waveform, mask = masked(waveform, mask)
        envelopes, real = self.envelopes(waveform, mask)
        found = [self.average(envelopes, real)]
        for swing, average in zip(self.swings, self.averages, strict=True):
            strength = swing(envelopes, real)[..., 0]
            found.append(average(strength, real[:, :: swing.stride]))
        return torch.stack(found, dim=-1), mask[:, :: self.hop_samples]
