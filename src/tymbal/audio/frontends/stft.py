"""Short-time Fourier power with frame counts that a mask cannot change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from tymbal.errors import UsageError
from tymbal.units import FrameGrid

WindowName = Literal["hann", "hanning", "povey", "rectangular"]

# Frames × FFT points worked on at a time: power, spectrum and windowed frames of one chunk then stay in the cache.
CHUNK_POINTS = 1 << 18


class Frames(NamedTuple):
    """Values of shape (batch, frames, bands) and a mask (batch, frames), True where a frame is real."""

    values: Tensor
    mask: Tensor


def window(name: WindowName, length: int) -> NDArray[np.float64]:
    """A window of `length` samples.

    "hann" is periodic (peak at length/2, for spectra); "hanning" is symmetric (peak at (length-1)/2, as Kaldi and
    Matlab have it); "povey" is hanning to the power 0.85, Kaldi's default; "rectangular" is ones.
    """
    if length < 1:
        raise UsageError(f"window of {length} samples", where="window", allowed="1 or more")
    if name == "rectangular" or length == 1:
        return np.ones(length)
    if name == "hann":
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)
    if name in ("hanning", "povey"):
        symmetric = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / (length - 1))
        return symmetric**0.85 if name == "povey" else symmetric
    raise UsageError(f"unknown window {name!r}", where="window", allowed="hann, hanning, povey, rectangular")


def fast_length(least: int) -> int:
    """The smallest even length >= `least` whose only prime factors are 2, 3 and 5: fast for an FFT."""
    length = max(2, least + least % 2)
    while True:
        rest = length
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        if rest == 1:
            return length
        length += 2


@dataclass(frozen=True)
class Framing:
    """How a waveform is cut into frames.

    Parameters
    ----------
    length_samples, hop_samples : of a frame, and from one frame to the next.
    edges : "center" pads with zeros so that frame i is centred on sample i·hop; there are as many frames as centres
        inside the sound, ceil(samples / hop). "snip" takes whole frames only, 1 + (samples - length) // hop of them.
    """

    length_samples: int
    hop_samples: int
    edges: Literal["center", "snip"] = "center"

    def __post_init__(self) -> None:
        if self.length_samples < 1 or self.hop_samples < 1 or self.edges not in ("center", "snip"):
            raise UsageError(
                f"frames of {self.length_samples} samples every {self.hop_samples}, edges {self.edges!r}",
                where="Framing",
                allowed="lengths of 1 or more; edges center or snip",
            )

    @property
    def min_samples(self) -> int:
        """The shortest waveform that gives a frame."""
        return 1 if self.edges == "center" else self.length_samples

    def frames(self, samples: int) -> int:
        """Number of frames of a waveform of `samples` samples."""
        if self.edges == "center":
            return -(-samples // self.hop_samples)
        return max(0, 1 + (samples - self.length_samples) // self.hop_samples)

    def grid(self, sample_rate_hz: float, *, receptive_samples: int | None = None) -> FrameGrid:
        """Where the frames lie; `receptive_samples` where the window is shorter than the frame."""
        first = self.length_samples / 2 - (self.length_samples // 2 if self.edges == "center" else 0)
        receptive = self.length_samples if receptive_samples is None else receptive_samples
        return FrameGrid.from_samples(sample_rate_hz, hop=self.hop_samples, first_center=first, receptive=receptive)

    def mask(self, mask: Tensor) -> Tensor:
        """The frames' mask (batch, frames) of a sample mask (batch, samples).

        A "center" frame is real where its centre is; a "snip" frame where its last sample is, so that a padded row
        has as many real frames as the same row alone.
        """
        first = 0 if self.edges == "center" else self.length_samples - 1
        return mask[:, first :: self.hop_samples]

    def cut(self, waveform: Tensor) -> Tensor:
        """Frames (batch, frames, length), a view of the (padded) waveform (batch, samples)."""
        frames = self.frames(waveform.shape[1])
        if frames < 1:
            raise UsageError(
                f"waveform of {waveform.shape[1]} samples",
                where="Framing",
                allowed=f"{self.min_samples} samples or more",
                mend="Pad with zeros and give a mask.",
            )
        if self.edges == "center":
            left = self.length_samples // 2
            right = (frames - 1) * self.hop_samples + self.length_samples - left - waveform.shape[1]
            waveform = functional.pad(waveform, (left, max(0, right)))
        return waveform.unfold(1, self.length_samples, self.hop_samples)[:, :frames]


def in_chunks(frames: Tensor, function: Callable[[Tensor], Tensor], chunk_frames: int) -> Tensor:
    """`function` over (batch, frames, length), at most about `chunk_frames` frames at a time, put together again."""
    batch, count = frames.shape[:2]
    if batch * count <= chunk_frames:
        return function(frames)
    if count <= chunk_frames:
        rows = chunk_frames // count
        return torch.cat([function(frames[start : start + rows]) for start in range(0, batch, rows)])
    parts = [
        torch.cat([function(row[None, start : start + chunk_frames]) for start in range(0, count, chunk_frames)], dim=1)
        for row in frames
    ]
    return torch.cat(parts)


class STFT(nn.Module):
    """Power spectra |DFT(window · frame)|² of a waveform.

    Parameters
    ----------
    n_fft : points of the transform.
    hop_samples : from one frame to the next.
    window_samples : length of the window, n_fft or less (default n_fft), zero-padded on both sides to n_fft.
    window_name : see `window`.
    edges : see `Framing`.
    """

    kernel: Tensor

    def __init__(
        self,
        n_fft: int,
        hop_samples: int,
        *,
        window_samples: int | None = None,
        window_name: WindowName = "hann",
        edges: Literal["center", "snip"] = "center",
    ) -> None:
        super().__init__()
        length = n_fft if window_samples is None else window_samples
        if not 1 <= length <= n_fft:
            raise UsageError(f"window of {length} samples", where="STFT", allowed=f"1 to n_fft = {n_fft}")
        self.n_fft, self.window_samples = n_fft, length
        self.framing = Framing(n_fft, hop_samples, edges)
        kernel = np.zeros(n_fft)
        left = n_fft // 2 - length // 2
        kernel[left : left + length] = window(window_name, length)
        self.register_buffer("kernel", torch.from_numpy(kernel).float(), persistent=False)

    @property
    def bins(self) -> int:
        """Frequencies from 0 to half the sample rate, n_fft // 2 + 1 of them."""
        return self.n_fft // 2 + 1

    def grid(self, sample_rate_hz: float) -> FrameGrid:
        """Where the frames lie in time at `sample_rate_hz`."""
        return self.framing.grid(sample_rate_hz, receptive_samples=self.window_samples)

    def power(self, frames: Tensor) -> Tensor:
        """Power (batch, frames, bins) of cut frames (batch, frames, n_fft)."""
        spectrum = torch.fft.rfft(frames * self.kernel)
        # Two strided squares cost a quarter of abs().square(), which takes roots only to undo them.
        power: Tensor = spectrum.real.square() + spectrum.imag.square()
        return power

    def apply_chunked(self, waveform: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
        """`function` of the power spectra, computed chunk by chunk so that spectra never leave the cache."""
        return in_chunks(
            self.framing.cut(waveform), lambda part: function(self.power(part)), max(1, CHUNK_POINTS // self.n_fft)
        )

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Frames:
        """Power spectra (batch, frames, bins) of waveforms (batch, samples); masked samples count as zeros."""
        waveform, mask = masked(waveform, mask)
        return Frames(self.apply_chunked(waveform, lambda power: power), self.framing.mask(mask))


def masked(waveform: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The waveform (batch, samples) with zeros where the mask is False, and the mask; UsageError on shapes."""
    if waveform.ndim != 2:
        raise UsageError(f"waveform of shape {tuple(waveform.shape)}", where="front end", allowed="(batch, samples)")
    if mask is None:
        return waveform, torch.ones(waveform.shape, dtype=torch.bool, device=waveform.device)
    if mask.shape != waveform.shape or mask.dtype != torch.bool:
        raise UsageError(
            f"mask of shape {tuple(mask.shape)} and type {mask.dtype}",
            where="front end",
            allowed=f"a bool tensor of the waveform's shape {tuple(waveform.shape)}",
        )
    # where, not a product: NaN in the padding must not survive.
    return torch.where(mask, waveform, 0.0), mask
