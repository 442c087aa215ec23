"""Spectrograms as small palette pictures: decibels in 64 steps, one byte per cell."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LEVELS = 64
COLUMNS = 640
DEEPEST_DB = 80.0  # never show more than this below the loudest cell
SHALLOWEST_DB = 20.0  # nor less, so that a picture of noise looks like noise


@dataclass(frozen=True)
class Spectrogram:
    """levels (frequencies, times) uint8 in 0 ... LEVELS-1, row 0 = 0 Hz; it spans duration_s and 0 ... nyquist_hz."""

    levels: NDArray[np.uint8]
    duration_s: float
    nyquist_hz: float


def spectrogram(samples: NDArray[np.float32], sample_rate_hz: int, *, columns: int = COLUMNS) -> Spectrogram:
    """Short-time spectrum (Hann, ~12 ms at 44.1 kHz, a power of two) of samples (n,), about `columns` frames.

    The floor follows the sound: the median of the cells, between 20 and 80 dB below the loudest. The bin at Nyquist
    is left out: it is half a bin that recorders and resamplers fill with nothing of the animal.
    """
    n_fft = 256 if sample_rate_hz < 16_000 else 512
    hop = max(1, -(-len(samples) // columns))
    frames = max(1, -(-len(samples) // hop))
    padded = np.zeros((frames - 1) * hop + n_fft, dtype=np.float64)
    usable = min(len(samples), len(padded) - n_fft // 2)
    padded[n_fft // 2 : n_fft // 2 + usable] = samples[:usable]
    cut = np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]
    power = np.abs(np.fft.rfft(cut * np.hanning(n_fft), axis=1).T[:-1]) ** 2
    loudest = float(power.max())
    if loudest <= 0:
        levels = np.zeros(power.shape, dtype=np.uint8)
    else:
        decibels = 10 * np.log10(np.maximum(power / loudest, 1e-12))
        floor = float(np.clip(np.median(decibels), -DEEPEST_DB, -SHALLOWEST_DB))
        levels = np.round(np.clip(1 - decibels / floor, 0, 1) * (LEVELS - 1)).astype(np.uint8)
    return Spectrogram(levels, len(samples) / sample_rate_hz, sample_rate_hz / 2)


def png(picture: Spectrogram) -> bytes:
    """The picture as a palette PNG, low frequencies at the bottom; the same bytes for the same levels."""
    from matplotlib import colormaps
    from PIL import Image

    colours: NDArray[Any] = colormaps["magma"](np.linspace(0.02, 1.0, LEVELS), bytes=True)[:, :3]
    image = Image.fromarray(np.ascontiguousarray(picture.levels[::-1]), mode=None).convert("L")
    image.putpalette(colours.tobytes(), rawmode="RGB")
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()
