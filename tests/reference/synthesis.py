"""Slow twins of the synthesis room: plain float64, one thing at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def brick_wall(sound: Array, low_hz: float, high_hz: float, rate_hz: float) -> Array:
    """The sound with every frequency outside [low_hz, high_hz] gone, by one transform of the whole."""
    spectrum = np.fft.rfft(sound.astype(np.float64))
    frequencies = np.arange(len(spectrum)) * rate_hz / len(sound)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0
    return np.fft.irfft(spectrum, len(sound))


def band_power(sound: Array, low_hz: float, high_hz: float, rate_hz: float, start: int, stop: int) -> float:
    """Mean power of samples [start, stop) of the band-passed sound, which goes on mirrored beyond both ends."""
    return float(np.mean(mirrored_band(sound, low_hz, high_hz, rate_hz)[start:stop] ** 2))


def mirrored_band(sound: Array, low_hz: float, high_hz: float, rate_hz: float) -> Array:
    """The band-passed sound, which goes on mirrored beyond both ends, until the two mirrors meet."""
    more = len(sound) // 2
    passed = brick_wall(np.pad(sound.astype(np.float64), more, "reflect"), low_hz, high_hz, rate_hz)
    return passed[more : more + len(sound)]


def overlaps(spans: Sequence[tuple[float, float]]) -> list[int]:
    """For each [onset, offset) how many others share time with it, pair by pair."""
    return [
        sum(a < d and c < b for other, (c, d) in enumerate(spans) if other != one) for one, (a, b) in enumerate(spans)
    ]


def overlapping_pairs(spans: Sequence[tuple[float, float]]) -> int:
    """Pairs that share time."""
    return sum(overlaps(spans)) // 2


def spline(knots: Sequence[float], places: Array) -> Array:
    """A natural cubic spline through evenly spaced knots: second derivatives from a dense system, then the formula."""
    count = len(knots)
    if count == 1:
        return np.full(len(places), knots[0])
    step = 1 / (count - 1)
    matrix, right = np.eye(count), np.zeros(count)
    for at in range(1, count - 1):
        matrix[at, at - 1 : at + 2] = 1, 4, 1
        right[at] = 6 * (knots[at - 1] - 2 * knots[at] + knots[at + 1]) / step**2
    bend = np.linalg.solve(matrix, right)
    found = []
    for place in places:
        at = min(int(place / step), count - 2)
        b = (place - at * step) / step
        a = 1 - b
        curved = ((a**3 - a) * bend[at] + (b**3 - b) * bend[at + 1]) * step**2 / 6
        found.append(a * knots[at] + b * knots[at + 1] + curved)
    return np.array(found)


def between(control: Array, step: int, samples: int) -> Array:
    """Straight lines between control points `step` samples apart."""
    return np.interp(np.arange(samples) / step, np.arange(len(control)), control)


def phase(frequency_hz: Array, rate_hz: float, start_turns: float) -> Array:
    """2 pi times the running sum of cycles."""
    return 2 * math.pi * (np.cumsum(frequency_hz.astype(np.float64) / rate_hz) + start_turns)


def audible(wave: Array, window: int, below_db: float) -> tuple[int, int]:
    """From the first to the last window within `below_db` of the loudest, without the fainter samples at the ends."""
    window = min(window, len(wave))
    square = [float(value) ** 2 for value in wave]
    power = [sum(square[at : at + window]) / window for at in range(len(wave) - window + 1)]
    least = max(power) * 10 ** (-below_db / 10)
    loud = [at for at, value in enumerate(power) if value >= least]
    first, last = loud[0], loud[-1] + window
    while square[first] < least:
        first += 1
    while square[last - 1] < least:
        last -= 1
    return first, last


def shares_below(sound: Array, rate_hz: float, frequencies_hz: Sequence[float]) -> list[float]:
    """Share of the energy below each frequency, from a spectrum padded to at least four times the length."""
    length = 4 * 2 ** math.ceil(math.log2(len(sound)))
    power = np.abs(np.fft.rfft(sound.astype(np.float64), length)) ** 2
    frequencies = np.arange(len(power)) * rate_hz / length
    return [float(power[frequencies < each].sum() / power.sum()) for each in frequencies_hz]


def share_below(sound: Array, rate_hz: float, frequency_hz: float) -> float:
    """Share of the energy below one frequency."""
    return shares_below(sound, rate_hz, [frequency_hz])[0]
