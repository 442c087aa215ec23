"""What the families share: contours, phases and envelopes on a coarse control grid, brought to samples."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tymbal.synthesis.voices import HIGHEST, LOWEST, Voice

STEP = 16  # samples from one control point to the next: 1 ms at 16 kHz, far finer than any contour bends
SPLINE_PLACES = 1025
Samples = NDArray[np.float32]
Control = NDArray[np.float64]


def control_points(samples: int) -> int:
    """Control points that bracket `samples` samples."""
    return -(-samples // STEP) + 1


def control_times(points: int, rate_hz: float) -> Control:
    """Seconds of the control points, shape (points,)."""
    return np.arange(points, dtype=np.float64) * (STEP / rate_hz)


def to_samples(control: Control, samples: int) -> NDArray[np.float64]:
    """Straight lines between control points, shape (..., points) -> (..., samples)."""
    ramp = np.arange(STEP) / STEP
    rise = np.diff(control, axis=-1)
    lines = control[..., :-1, None] + rise[..., None] * ramp
    return lines.reshape(*control.shape[:-1], -1)[..., :samples]


def smooth_contour(knots: tuple[float, ...], places: Control) -> Control:
    """A natural cubic spline through evenly spaced knots, at `places` in 0 … 1."""
    if len(knots) == 1:
        return np.full(len(places), knots[0])
    fine = _spline_table(len(knots)) @ np.asarray(knots)
    return np.asarray(np.interp(places, np.linspace(0.0, 1.0, len(fine)), fine))


@lru_cache(maxsize=32)
def _spline_table(knots: int) -> Control:
    """What each knot adds to the spline at many even places, shape (places, knots): splines are linear in their knots,
    and SciPy takes longer to make one than the call it bends takes to render."""
    from scipy.interpolate import CubicSpline

    spline = CubicSpline(np.linspace(0.0, 1.0, knots), np.eye(knots), bc_type="natural")
    return np.asarray(spline(np.linspace(0.0, 1.0, SPLINE_PLACES)))


def frequency(voice: Voice, places: Control, times_s: Control, rate_hz: float, rng: Generator) -> Control:
    """Instantaneous frequency in Hz at control points, within what the rate can carry.

    `places` (0 … 1) say where on the contour each point is, `times_s` drive the vibrato.
    """
    octaves = smooth_contour(voice.contour, places)
    if voice.vibrato_octaves > 0:
        start = rng.uniform(0.0, 2 * math.pi)
        octaves = octaves + voice.vibrato_octaves * np.sin(2 * math.pi * voice.vibrato_hz * times_s + start)
    return np.clip(voice.f0_hz * 2.0**octaves, LOWEST * rate_hz, HIGHEST * rate_hz)


def phase(frequency_hz: NDArray[np.float64], rate_hz: float, rng: Generator) -> Samples:
    """Phase in 0 … 2 pi of a sine of that frequency at each sample, from a random start; float32 after reduction."""
    turns = np.cumsum(frequency_hz / rate_hz) + rng.random()
    turns -= np.floor(turns)
    return (2 * math.pi * turns).astype(np.float32)


def envelope(voice: Voice, samples: int, rate_hz: float) -> Samples:
    """Raised-cosine attack and release (at least 1 ms, at most half of it each) around 1, shape (samples,)."""
    shape = np.ones(samples, dtype=np.float32)
    shortest = max(2, round(0.001 * rate_hz))
    rise = min(max(round(voice.attack * samples), shortest), samples // 2)
    fall = min(max(round(voice.release * samples), shortest), samples // 2)
    if rise:
        shape[:rise] = 0.5 - 0.5 * np.cos(math.pi * (np.arange(rise) + 0.5) / rise)
    if fall:
        shape[samples - fall :] *= 0.5 + 0.5 * np.cos(math.pi * (np.arange(fall) + 0.5) / fall)
    return shape


def tremble(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> Samples | float:
    """Amplitude modulation 1 - depth … 1, or 1 where the voice has none."""
    if voice.am_depth <= 0 or voice.am_hz <= 0:
        return 1.0
    start = rng.uniform(0.0, 2 * math.pi)
    times = control_times(control_points(samples), rate_hz)
    wave = 1.0 - voice.am_depth * (0.5 - 0.5 * np.cos(2 * math.pi * voice.am_hz * times + start))
    return to_samples(wave, samples).astype(np.float32)


def noise_band(centre_hz: float, width_octaves: float, samples: int, rate_hz: float, rng: Generator) -> Samples:
    """Gaussian noise in a band with raised-cosine edges over the outer quarters of its width in octaves."""
    import scipy.fft

    length = scipy.fft.next_fast_len(max(samples, 16), real=True)
    frequencies = np.arange(1, length // 2 + 1) * (rate_hz / length)
    far = np.abs(np.log2(frequencies / centre_hz)) / (width_octaves / 2)
    gain = 0.5 + 0.5 * np.cos(math.pi * np.clip((far - 0.5) / 0.5, 0.0, 1.0))
    gain[frequencies > 1.05 * HIGHEST * rate_hz] = 0.0
    if not gain.any():  # a band narrower than the resolution of so short a sound
        gain[int(np.argmin(far))] = 1.0
    spectrum = np.zeros(length // 2 + 1, dtype=np.complex64)
    spectrum[1:] = gain * rng.standard_normal(2 * len(gain), dtype=np.float32).view(np.complex64)
    found: Samples = scipy.fft.irfft(spectrum, length)[:samples]
    return found / np.float32(max(float(np.sqrt(np.mean(found**2))), 1e-12))
