"""Slow float64 twin of the resampler: band-limited interpolation by a long windowed sinc, one output at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def resample(x: NDArray[np.float64], from_hz: int, to_hz: int, *, half: int = 400) -> NDArray[np.float64]:
    """Output i is the signal at time i / to_hz, zeros around it; exact below 0.9 of the lower Nyquist frequency.

    The kernel is a sinc that cuts at 0.95 of the lower Nyquist frequency under a Kaiser window (beta 14, side lobes
    below -130 dB), `half` samples of the lower rate to each side.
    """
    x = np.asarray(x, dtype=np.float64)
    low_hz = min(from_hz, to_hz)
    cut = 0.95 * low_hz / from_hz  # of the input Nyquist frequency
    reach = half * from_hz / low_hz  # input samples to each side
    out = np.zeros(-(-len(x) * to_hz // from_hz))
    for i in range(len(out)):
        center = i * from_hz / to_hz
        first, last = max(0, int(np.ceil(center - reach))), min(len(x) - 1, int(np.floor(center + reach)))
        if last < first:
            continue
        lag = np.arange(first, last + 1) - center
        window = np.i0(14 * np.sqrt(np.maximum(0, 1 - (lag / reach) ** 2))) / np.i0(14)
        out[i] = np.dot(x[first : last + 1], cut * np.sinc(cut * lag) * window)
    return out
