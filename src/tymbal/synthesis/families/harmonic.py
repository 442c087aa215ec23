"""A stack of harmonics: a source whose partials fall off, a filter with resonances (Fant 1960)."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from tymbal.synthesis.families import shapes
from tymbal.synthesis.voices import HIGHEST, Voice

MOST = 40  # partials
RESONANCE_DB = 18.0  # of a formant above the rest of the filter


def filter_db(voice: Voice, frequency_hz: shapes.Control) -> shapes.Control:
    """The filter at given frequencies: one Gaussian bump in octaves for each formant."""
    gain = np.zeros_like(frequency_hz)
    for formant_hz in voice.formants_hz:
        away = np.log2(frequency_hz / formant_hz) / (voice.formant_octaves / 2)
        gain = gain + RESONANCE_DB * np.exp(-0.5 * away**2)
    return gain


def render(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> shapes.Samples:
    """One syllable, shape (samples,): partial k at k times the contour, none above the highest frequency allowed."""
    points = shapes.control_points(samples)
    times = shapes.control_times(points, rate_hz)
    pitch = shapes.frequency(voice, np.linspace(0.0, 1.0, points), times, rate_hz, rng)
    angle = shapes.phase(shapes.to_samples(pitch, samples), rate_hz, rng)
    top_hz = HIGHEST * rate_hz
    partials = np.arange(1, max(1, min(MOST, int(top_hz / pitch.min()))) + 1)
    place_hz = partials[:, None] * pitch  # [partials, points]
    level_db = -voice.rolloff_db * np.log2(partials)[:, None] + filter_db(voice, place_hz)
    gain = 10.0 ** ((level_db - level_db.max()) / 20)
    gain *= np.clip((top_hz - place_hz) / (0.05 * top_hz), 0.0, 1.0)  # fades out below the limit, without a click
    gain[0] = np.maximum(gain[0], 1e-3)
    wave = np.zeros(samples, dtype=np.float32)
    for number, amplitude in zip(partials, gain, strict=True):
        if amplitude.max() > 1e-3:
            wave += shapes.to_samples(amplitude, samples).astype(np.float32) * np.sin(np.float32(number) * angle)
    return wave * shapes.envelope(voice, samples, rate_hz) * shapes.tremble(voice, samples, rate_hz, rng)
