"""Mel filter banks (HTK and Slaney) and mel spectrograms, computed over non-zero bins only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from tymbal.audio.frontends.stft import STFT, Frames, masked
from tymbal.errors import UsageError
from tymbal.units import FrameGrid

MelScale = Literal["htk", "slaney"]

# Slaney's Auditory Toolbox (1998): linear below 1 kHz, 200/3 Hz per mel; above it 27 mels to each factor of 6.4.
_SLANEY_HZ_PER_MEL = 200 / 3
_SLANEY_BREAK_HZ = 1000.0
_SLANEY_BREAK_MEL = _SLANEY_BREAK_HZ / _SLANEY_HZ_PER_MEL
_SLANEY_LOG_STEP = np.log(6.4) / 27


def hz_to_mel(hz: ArrayLike, scale: MelScale = "htk") -> NDArray[np.float64]:
    """Mel of frequencies in Hz: HTK's 2595 log10(1 + f/700), or Slaney's linear-then-logarithmic scale."""
    f = np.asarray(hz, dtype=np.float64)
    if scale == "htk":
        return 2595.0 * np.log10(1.0 + f / 700.0)
    if scale == "slaney":
        above = _SLANEY_BREAK_MEL + np.log(np.maximum(f, 1e-9) / _SLANEY_BREAK_HZ) / _SLANEY_LOG_STEP
        return np.where(f < _SLANEY_BREAK_HZ, f / _SLANEY_HZ_PER_MEL, above)
    raise UsageError(f"unknown mel scale {scale!r}", where="hz_to_mel", allowed="htk, slaney")


def mel_to_hz(mel: ArrayLike, scale: MelScale = "htk") -> NDArray[np.float64]:
    """Inverse of `hz_to_mel`."""
    m = np.asarray(mel, dtype=np.float64)
    if scale == "htk":
        return 700.0 * (10.0 ** (m / 2595.0) - 1.0)
    if scale == "slaney":
        above = _SLANEY_BREAK_HZ * np.exp(_SLANEY_LOG_STEP * (m - _SLANEY_BREAK_MEL))
        return np.where(m < _SLANEY_BREAK_MEL, m * _SLANEY_HZ_PER_MEL, above)
    raise UsageError(f"unknown mel scale {scale!r}", where="mel_to_hz", allowed="htk, slaney")


@dataclass(frozen=True)
class MelConfig:
    """Settings of a mel spectrogram; lengths in samples.

    `high_hz` None means half the sample rate. `norm` "slaney" gives every triangle unit area (in Hz), None unit
    height. `window_samples` None means `n_fft`.
    """

    n_fft: int = 1024
    hop_samples: int = 256
    window_samples: int | None = None
    bands: int = 128
    low_hz: float = 0.0
    high_hz: float | None = None
    scale: MelScale = "htk"
    norm: Literal["slaney"] | None = None


def mel_filters(sample_rate_hz: float, config: MelConfig) -> NDArray[np.float64]:
    """Triangular filters of shape (bins, bands), triangles in Hz between points equally spaced in mel.

    A filter narrower than a bin's width may be all zeros (choose fewer bands or more FFT points).
    Raises UsageError where the band edges do not lie in 0 … half the sample rate.
    """
    high_hz = sample_rate_hz / 2 if config.high_hz is None else config.high_hz
    if not 0 <= config.low_hz < high_hz <= sample_rate_hz / 2 or config.bands < 1:
        raise UsageError(
            f"{config.bands} bands from {config.low_hz} to {high_hz} Hz",
            where="mel_filters",
            allowed=f"1 band or more within 0 to {sample_rate_hz / 2} Hz",
        )
    low_mel, high_mel = hz_to_mel([config.low_hz, high_hz], config.scale)
    edges = mel_to_hz(np.linspace(low_mel, high_mel, config.bands + 2), config.scale)
    bins = np.fft.rfftfreq(config.n_fft, 1 / sample_rate_hz)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(0.0, np.minimum(rising, falling))
    if config.norm == "slaney":
        filters *= 2.0 / (edges[2:] - edges[:-2])
    return filters


class BandedFilters(nn.Module):
    """(…, bins) → (…, bands) by a matrix whose columns are non-zero over a short run of bins each.

    Neighbouring bands are multiplied in groups, each over the bins that the group touches: the sum of a few small
    matrix products instead of one that is nearly all zeros. Equal to `power @ filters`.

    Parameters
    ----------
    filters : (bins, bands), float64.
    group : bands per product.
    """

    def __init__(self, filters: NDArray[np.float64], *, group: int = 16) -> None:
        super().__init__()
        self.bins, self.bands = filters.shape
        self.spans: list[tuple[int, int]] = []
        for index, start in enumerate(range(0, self.bands, group)):
            block = filters[:, start : start + group]
            touched = np.flatnonzero(block.any(axis=1))
            low, high = (int(touched[0]), int(touched[-1]) + 1) if touched.size else (0, 1)
            self.spans.append((low, high))
            matrix = torch.from_numpy(np.ascontiguousarray(block[low:high])).float()
            self.register_buffer(f"filters_{index}", matrix, persistent=False)

    def forward(self, power: Tensor) -> Tensor:
        """(…, bins) → (…, bands)."""
        parts = [
            torch.matmul(power[..., low:high], self.get_buffer(f"filters_{index}"))
            for index, (low, high) in enumerate(self.spans)
        ]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)


class MelSpectrogram(nn.Module):
    """Mel power (batch, frames, bands) of waveforms (batch, samples).

    Frame i is centred on sample i·hop, zeros beyond the edges, and there are ceil(samples / hop) frames: librosa's
    `center=True, pad_mode="constant"` without its frame centred past the end.
    """

    def __init__(self, sample_rate_hz: float, config: MelConfig) -> None:
        super().__init__()
        self.sample_rate_hz, self.config = sample_rate_hz, config
        self.stft = STFT(config.n_fft, config.hop_samples, window_samples=config.window_samples)
        self.filters = BandedFilters(mel_filters(sample_rate_hz, config))

    def grid(self) -> FrameGrid:
        """Where the frames lie in time."""
        return self.stft.grid(self.sample_rate_hz)

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Frames:
        """Mel power and frame mask; masked samples count as zeros."""
        waveform, mask = masked(waveform, mask)
        return Frames(self.stft.apply_chunked(waveform, self.filters), self.stft.framing.mask(mask))
