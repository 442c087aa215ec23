"""Kaldi's log-mel filter bank, to the number: the input of BEATs, EAT and their kin."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tymbal.audio.frontends.mel import BandedFilters
from tymbal.audio.frontends.stft import CHUNK_POINTS, Frames, Framing, in_chunks, masked, window
from tymbal.errors import UsageError
from tymbal.units import FrameGrid

FLOAT_EPS = float(np.finfo(np.float32).eps)  # Kaldi's floor under the energies, before the logarithm


@dataclass(frozen=True)
class KaldiConfig:
    """Settings of Kaldi's `compute-fbank-feats` (no dither, snip edges, power spectrum, no energy column).

    Parameters
    ----------
    sample_rate_hz : the rate the filter bank is configured for (its front-end rate).
    bands, low_hz, high_hz : mel bands; high_hz None means half the sample rate.
    window_s, hop_s : rounded down to samples as Kaldi does; the FFT is the next power of two.
    window_name : "povey" or "hanning", both symmetric.
    preemphasis : x[i] - c·x[i-1], and x[0]·(1 - c).
    scale : full scale ±1 is multiplied by this first (Kaldi reads 16-bit integers).
    offset, divisor : values are (log energy - offset) / divisor.
    """

    sample_rate_hz: int = 16000
    bands: int = 128
    low_hz: float = 20.0
    high_hz: float | None = None
    window_s: float = 0.025
    hop_s: float = 0.010
    window_name: Literal["povey", "hanning"] = "povey"
    preemphasis: float = 0.97
    scale: float = 32768.0
    offset: float = 0.0
    divisor: float = 1.0

    @property
    def window_samples(self) -> int:
        """Length of a frame."""
        return int(self.sample_rate_hz * self.window_s + 1e-6)

    @property
    def hop_samples(self) -> int:
        """From one frame to the next."""
        return int(self.sample_rate_hz * self.hop_s + 1e-6)

    @property
    def n_fft(self) -> int:
        """The next power of two."""
        return 1 << max(1, math.ceil(math.log2(self.window_samples)))


# Chen et al. 2022 (2212.09058): fbank_mean 15.41663, fbank_std 6.55582, (x - mean) / (2 · std).
BEATS = KaldiConfig(offset=15.41663, divisor=2 * 6.55582)


def kaldi_mel_filters(config: KaldiConfig) -> NDArray[np.float64]:
    """Filters (n_fft/2 + 1, bands): triangles in the mel domain, mel = 1127 ln(1 + f/700); nothing at Nyquist."""
    nyquist = config.sample_rate_hz / 2
    high_hz = nyquist if config.high_hz is None else config.high_hz
    if not 0 <= config.low_hz < high_hz <= nyquist or config.bands < 1:
        raise UsageError(
            f"{config.bands} bands from {config.low_hz} to {high_hz} Hz",
            where="KaldiFbank",
            allowed=f"1 band or more within 0 to {nyquist} Hz",
        )

    # In float32 throughout, as Kaldi computes them: the narrow low triangles differ from exact ones by 1e-4.
    def mel(hz: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.asarray(np.float32(1127.0) * np.log(np.float32(1.0) + hz / np.float32(700.0)), dtype=np.float32)

    low, high = mel(np.array([config.low_hz, high_hz], dtype=np.float32))
    edges = low + np.arange(config.bands + 2, dtype=np.float32) * ((high - low) / np.float32(config.bands + 1))
    width_hz = np.float32(config.sample_rate_hz / config.n_fft)
    bins = mel(width_hz * np.arange(config.n_fft // 2 + 1, dtype=np.float32))[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    filters = np.maximum(np.float32(0.0), np.minimum(rising, falling)).astype(np.float64)
    filters[-1] = 0.0
    return np.asarray(filters)


class KaldiFbank(nn.Module):
    """Log-mel filter bank (batch, frames, bands) of waveforms (batch, samples), full scale ±1.

    Whole frames only: 1 + (samples - window) // hop, none padded; each has its mean removed, then pre-emphasis, then
    the window. A frame is real where all its samples are.
    """

    kernel: Tensor

    def __init__(self, config: KaldiConfig = BEATS) -> None:
        super().__init__()
        self.config = config
        self.framing = Framing(config.window_samples, config.hop_samples, "snip")
        kernel = torch.from_numpy(window(config.window_name, config.window_samples)).float()
        self.register_buffer("kernel", kernel, persistent=False)
        self.filters = BandedFilters(kaldi_mel_filters(config))

    @property
    def min_samples(self) -> int:
        """One window."""
        return self.framing.min_samples

    def frames(self, samples: int) -> int:
        """Number of frames of a waveform of `samples` samples."""
        return self.framing.frames(samples)

    def grid(self) -> FrameGrid:
        """Where the frames lie in time: the symmetric window's middle is (window - 1) / 2 samples in."""
        config = self.config
        return FrameGrid.from_samples(
            config.sample_rate_hz,
            hop=config.hop_samples,
            first_center=(config.window_samples - 1) / 2,
            receptive=config.window_samples,
        )

    def _log_mel(self, frames: Tensor) -> Tensor:
        config = self.config
        centred = frames - frames.mean(dim=-1, keepdim=True)
        before = torch.cat([centred[..., :1], centred[..., :-1]], dim=-1)
        shaped = (centred - config.preemphasis * before) * self.kernel
        spectrum = torch.fft.rfft(shaped, n=config.n_fft)
        energy = self.filters(spectrum.real.square() + spectrum.imag.square())
        normalised: Tensor = (energy.clamp(min=FLOAT_EPS).log() - config.offset) / config.divisor
        return normalised

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Frames:
        """Normalised log energies and frame mask. Raises UsageError where the waveform is shorter than a window."""
        waveform, mask = masked(waveform, mask)
        chunk = max(1, CHUNK_POINTS // self.config.n_fft)
        values = in_chunks(self.framing.cut(waveform * self.config.scale), self._log_mel, chunk)
        return Frames(values, self.framing.mask(mask))
