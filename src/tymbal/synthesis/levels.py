"""Loudness: each call's signal-to-noise ratio in its own band, against the background under it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from tymbal.synthesis.distributions import Distribution, choice, constant, uniform

NARROWEST_OCTAVES = 1 / 3  # noise is measured in a band at least this wide, as an ear's filter is ...
SHORTEST_S = 0.25  # ... and over at least so long, so that the chance of a moment does not set a level
OVERSAMPLED = 8  # points of the power curve of a narrow band per independent value ...
MARGIN = 4096  # samples that the background goes on beyond its ends, mirrored, and over which every block fades
BLOCK = 1 << 17  # samples of a long background that are transformed together
DENSE = 8192  # ... but no more than so many, unless the band alone needs them
Sound = NDArray[np.float32]


@dataclass(frozen=True)
class Levels:
    """How loud calls are.

    Parameters
    ----------
    snr_db : of a class in a scene: power of a call, from onset to offset, over that of the background in the call's
        band (`noise_power`).
    spread_db : standard deviation of calls around their class's, drawn per class.
    unknown_below_db : a target call below this is UNK: nobody could hear it for sure.
    """

    snr_db: Distribution = uniform(-8.0, 22.0)
    spread_db: Distribution = choice(1.0, 3.0, 6.0)
    unknown_below_db: Distribution = constant(-6.0)

    def check(self, where: object) -> None:
        """Raise ConfigError naming the first field out of range."""
        self.snr_db.check("levels.snr_db", -60, 80, where=where)
        self.spread_db.check("levels.spread_db", 0, 30, where=where)
        self.unknown_below_db.check("levels.unknown_below_db", -100, 80, where=where)


def measured_band(low_hz: float, high_hz: float, rate_hz: float) -> tuple[float, float]:
    """The band, widened around its geometric centre to `NARROWEST_OCTAVES`, within 0 … half the rate."""
    low, high = max(low_hz, 1e-3 * rate_hz / 16), max(high_hz, 2e-3 * rate_hz / 16)
    lacking = NARROWEST_OCTAVES - math.log2(high / low)
    if lacking > 0:
        low, high = low * 2 ** (-lacking / 2), high * 2 ** (lacking / 2)
    return low, min(high, rate_hz / 2)


def measured_span(start: int, stop: int, total: int, rate_hz: float) -> tuple[int, int]:
    """Samples [start, stop), widened evenly to `SHORTEST_S` seconds and moved inside 0 … total."""
    want = min(max(stop - start, round(SHORTEST_S * rate_hz)), total)
    first = min(max((start + stop - want) // 2, 0), total - want)
    return first, first + want


class BandPower:
    """Power of one background in any band over any stretch of it, from one transform of each long block.

    The bins of a band, taken alone and moved to zero, transform back into its complex envelope at a rate of a few
    times its width: half its squared magnitude is the power of the band-passed sound, as a brick-wall filter over all
    samples would give it (tests/reference/synthesis.py) at a fraction of the cost. Beyond its ends the background goes
    on mirrored. One longer than `BLOCK` samples and a half is taken in blocks of that length in which the stretch lies
    well inside. Every block fades in and out: cut off, its lows would ring in every band. The edges of a band are those
    of whole bins, so that power of few degrees of freedom (bandwidth times duration) is off by some of its chance.
    """

    def __init__(self, background: Sound, rate_hz: float) -> None:
        self._rate_hz, self._margin = rate_hz, min(MARGIN, len(background) - 1)
        self._background = np.pad(background, self._margin, "reflect")
        phase = (np.arange(self._margin, dtype=np.float32) + 0.5) / max(self._margin, 1)
        self._fade = 0.5 - 0.5 * np.cos(np.pi * phase)
        whole = len(self._background)
        self._length = scipy.fft.next_fast_len(whole, real=True) if whole <= 1.5 * BLOCK else BLOCK
        self._spectra: dict[int, NDArray[np.complex64]] = {}

    def __call__(self, low_hz: float, high_hz: float, start: int, stop: int) -> float:
        """Mean power of samples [start, stop) within [low_hz, high_hz]."""
        start, stop = start + self._margin, stop + self._margin
        longest = self._length if self._length >= len(self._background) else BLOCK // 4
        energy = 0.0
        for first in range(start, stop, longest):
            last = min(first + longest, stop)
            energy += (last - first) * self._within_block(low_hz, high_hz, first, last)
        return max(energy / (stop - start), 1e-20)

    def _within_block(self, low_hz: float, high_hz: float, start: int, stop: int) -> float:
        begin = 0
        if self._length < len(self._background):  # the middle of the stretch near the middle of the block
            begin = ((start + stop) // 2 - self._length // 2) // (BLOCK // 8) * (BLOCK // 8)
            begin = min(max(begin, 0), len(self._background) - self._length)
        spectrum = self._spectra.get(begin)
        if spectrum is None:
            block = self._background[begin : begin + self._length].copy()
            block[: self._margin] *= self._fade
            block[len(block) - self._margin :] *= self._fade[::-1]
            spectrum = self._spectra[begin] = scipy.fft.rfft(block, self._length)
        width = self._rate_hz / self._length
        first = max(1, math.ceil(low_hz / width))
        last = max(first + 1, min(math.floor(high_hz / width) + 1, len(spectrum)))
        bins = spectrum[first:last]
        points = scipy.fft.next_fast_len(max(len(bins), min(OVERSAMPLED * len(bins), DENSE)))
        curve = scipy.fft.ifft(bins, points)
        power = 2 * (points / self._length) ** 2 * (curve.real**2 + curve.imag**2)
        scale = points / self._length
        return _mean_between(power, (start - begin) * scale, (stop - begin) * scale)


def _mean_between(values: NDArray[np.float32], begin: float, end: float) -> float:
    """Mean of a periodic, evenly sampled curve from `begin` to `end` (in samples of it), taken as straight lines."""
    first, last = math.floor(begin), math.floor(end)
    total = float(values[first:last].sum(dtype=np.float64)) + 0.5 * (_at(values, last) - _at(values, first))
    return (total + _part(values, last, end - last) - _part(values, first, begin - first)) / (end - begin)


def _at(values: NDArray[np.float32], place: int) -> float:
    return float(values[place % len(values)])


def _part(values: NDArray[np.float32], place: int, share: float) -> float:
    """Integral over the first `share` of the line that begins at `place`."""
    here, there = _at(values, place), _at(values, place + 1)
    return share * here + share**2 / 2 * (there - here)


def call_gain(call: Sound, snr_db: float, noise_power: float) -> float:
    """What to multiply a call (its samples from onset to offset) by for that ratio to `noise_power`."""
    power = float(np.mean(np.square(call, dtype=np.float64)))
    return math.sqrt(noise_power * 10 ** (snr_db / 10) / max(power, 1e-30))
