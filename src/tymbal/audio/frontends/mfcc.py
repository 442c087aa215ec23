"""Mel-frequency cepstral coefficients and their changes in time."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tymbal.audio.frontends.mel import MelConfig, MelSpectrogram
from tymbal.audio.frontends.stft import Frames
from tymbal.errors import UsageError
from tymbal.units import FrameGrid


def dct_matrix(bands: int, coefficients: int) -> NDArray[np.float64]:
    """The orthonormal DCT-II as a matrix (bands, coefficients): row vectors of bands times it are cepstra."""
    if not 1 <= coefficients <= bands:
        raise UsageError(f"{coefficients} coefficients of {bands} bands", where="dct_matrix", allowed=f"1 to {bands}")
    k = np.arange(coefficients)[None, :]
    n = np.arange(bands)[:, None]
    matrix = np.sqrt(2.0 / bands) * np.cos(np.pi * k * (2 * n + 1) / (2 * bands))
    matrix[:, 0] = np.sqrt(1.0 / bands)
    return np.asarray(matrix)


def deltas(values: Tensor, mask: Tensor, reach_frames: int = 4) -> Tensor:
    """Slope in time of (batch, frames, dim), per frame, by regression over ±`reach_frames` frames.

    d[t] = Σ_k k (x[t+k] - x[t-k]) / 2 Σ_k k²; a pair of which one frame is not real, or outside, counts as no change,
    so that padding alters nothing (Furui 1986; HTK book 5.9 repeats the edge frames instead).
    """
    slope = torch.zeros_like(values)
    for k in range(1, reach_frames + 1):
        if values.shape[1] <= 2 * k:
            break
        both = (mask[:, 2 * k :] & mask[:, : -2 * k]).unsqueeze(-1)
        change = torch.where(both, values[:, 2 * k :] - values[:, : -2 * k], 0.0)
        slope = slope + k * nn.functional.pad(change, (0, 0, k, k))
    return slope / (2 * sum(k * k for k in range(1, reach_frames + 1)))


class MFCC(nn.Module):
    """Cepstra (batch, frames, coefficients): the orthonormal DCT-II of natural-log mel power, floored.

    `floor` is added to the mel power before the logarithm. No liftering.
    """

    transform: Tensor

    def __init__(
        self, sample_rate_hz: float, config: MelConfig, *, coefficients: int = 20, floor: float = 1e-10
    ) -> None:
        super().__init__()
        if not floor > 0 or not math.isfinite(floor):
            raise UsageError(f"floor of {floor}", where="MFCC", allowed="above 0")
        self.mel, self.floor = MelSpectrogram(sample_rate_hz, config), floor
        matrix = torch.from_numpy(dct_matrix(config.bands, coefficients)).float()
        self.register_buffer("transform", matrix, persistent=False)

    def grid(self) -> FrameGrid:
        """Where the frames lie in time."""
        return self.mel.grid()

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Frames:
        """Cepstra and frame mask of waveforms (batch, samples)."""
        power, frames_mask = self.mel(waveform, mask)
        return Frames(torch.log(power + self.floor) @ self.transform, frames_mask)
