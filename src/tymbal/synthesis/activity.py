"""Where something sounds: cells of a spectrogram well above their band's floor, in runs long enough to be a call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import ConfigError

FLOOR = 0.2  # quantile over time that is taken for the background of a band
BANDS = 64
FRAME = 256  # samples of a spectrum at the reference rate of 16 kHz
HOP = 80


@dataclass(frozen=True)
class Activity:
    """What counts as a call; seconds as at the reference rate.

    Parameters
    ----------
    above_db : of a cell over its band's floor, the level below which one moment in five lies.
    fill_s : silences shorter than this are part of the call.
    shortest_s, longest_s : calls outside are left out.
    margin_s : kept around a call; the background keeps twice as far away.
    """

    above_db: float = 12.0
    fill_s: float = 0.1
    shortest_s: float = 0.03
    longest_s: float = 5.0
    margin_s: float = 0.03

    def check(self, where: object = "Activity") -> None:
        """Raise ConfigError naming the first field out of range."""
        if not 3 <= self.above_db <= 60:
            raise ConfigError(f"above_db: {self.above_db}", where=where, allowed="3 to 60")
        if not (
            0 <= self.fill_s <= 60 and 0 <= self.margin_s <= 10 and 0.005 <= self.shortest_s < self.longest_s <= 60
        ):
            raise ConfigError(
                f"fill_s {self.fill_s}, margin_s {self.margin_s}, shortest_s {self.shortest_s}, longest_s "
                f"{self.longest_s}",
                where=where,
                allowed="0 or more, shortest_s from 0.005 and below longest_s, longest_s up to 60",
            )


@dataclass(frozen=True)
class Active:
    """One stretch of activity in samples [start, stop), and its band at the reference rate."""

    start: int
    stop: int
    low_hz: float
    high_hz: float


def find_activity(
    samples: NDArray[np.float32], rate_hz: float, settings: Activity
) -> tuple[list[Active], NDArray[np.bool_]]:
    """Calls in a block of sound, and for each hop of `HOP` samples whether it is quiet, `margin_s` around calls not.

    Calls that touch an end of the block are not listed (they may be half a call), nor are they quiet. `rate_hz` is
    the reference rate; sound without a single loud cell has no calls and is quiet throughout.
    """
    power = _spectrogram(samples)  # [frames, bands]
    frames = len(power)
    floor = np.maximum(np.quantile(power, FLOOR, axis=0), 1e-14)
    loud = _without_specks(power > floor * 10 ** (settings.above_db / 10))
    per_s = rate_hz / HOP
    runs = _runs(np.asarray(loud.any(axis=1)), max(1, round(settings.fill_s * per_s)))
    quiet = np.ones(frames, dtype=np.bool_)
    margin = max(1, round(settings.margin_s * per_s))
    found = []
    for first, last in runs:
        quiet[max(0, first - 2 * margin) : last + 2 * margin] = False
        length_s = (last - first) / per_s
        whole = first > 0 and last < frames
        if whole and settings.shortest_s <= length_s <= settings.longest_s:
            low, high = _band(power[first:last], floor, loud[first:last])
            start, stop = max(0, first - margin) * HOP, min((last + margin) * HOP, len(samples))
            found.append(Active(start, stop, low * rate_hz / 2 / BANDS, high * rate_hz / 2 / BANDS))
    return found, quiet


def _spectrogram(samples: NDArray[np.float32]) -> NDArray[np.float32]:
    """Power in `BANDS` equal bands, frames centred on multiples of `HOP`, averaged over three frames."""
    import scipy.fft
    from scipy.ndimage import uniform_filter1d

    padded = np.pad(samples, (FRAME // 2, FRAME))
    cut = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[::HOP][: -(-len(samples) // HOP)]
    spectrum = scipy.fft.rfft(cut * np.hanning(FRAME).astype(np.float32), axis=1)[:, 1:]
    power = (spectrum.real**2 + spectrum.imag**2).reshape(len(cut), BANDS, -1).sum(axis=2)
    smooth: NDArray[np.float32] = uniform_filter1d(power, 3, axis=0, mode="nearest")
    return smooth


def _without_specks(loud: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Cells with at least five loud ones among the nine around them: noise makes specks, calls make areas or lines."""
    from scipy.ndimage import uniform_filter

    near = uniform_filter(loud.astype(np.float32), (3, 3), mode="constant")
    thin = uniform_filter(loud.astype(np.float32), (5, 1), mode="constant")  # a steady tone is one band wide
    kept: NDArray[np.bool_] = loud & ((near > 4.5 / 9) | (thin > 0.9))
    return kept


def _runs(active: NDArray[np.bool_], fill: int) -> list[tuple[int, int]]:
    """Runs [first, last) of True, gaps of fewer than `fill` closed."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], active.astype(np.int8), [0]])))
    runs: list[tuple[int, int]] = []
    for first, last in edges.reshape(-1, 2).tolist():
        if runs and first - runs[-1][1] < fill:
            runs[-1] = (runs[-1][0], last)
        else:
            runs.append((first, last))
    return runs


def _band(power: NDArray[np.float32], floor: NDArray[np.float32], loud: NDArray[np.bool_]) -> tuple[float, float]:
    """The band (in bands) that holds all but 1 % on either side of the energy above the floor, half a band wider."""
    excess = np.where(loud, np.maximum(power - floor, 0.0), 0.0).sum(axis=0, dtype=np.float64)
    total = np.cumsum(excess)
    low, high = np.searchsorted(total, [0.01 * total[-1], 0.99 * total[-1]])
    return max(0.0, float(low) - 0.5), min(float(BANDS), float(high) + 1.5)
