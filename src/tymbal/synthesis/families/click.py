"""A click: one stroke of noise that dies away at once. Syllables are clicks in a row."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from tymbal.synthesis.families import shapes
from tymbal.synthesis.voices import Voice


def render(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> shapes.Samples:
    """One syllable, shape (samples,): silent after seven time constants, however long the syllable."""
    length = max(8, min(round(7 * voice.decay_s * rate_hz), samples))
    stroke = shapes.noise_band(voice.f0_hz, max(voice.width_octaves, 1.0), length, rate_hz, rng)
    times = np.arange(length, dtype=np.float32)
    wave = np.zeros(samples, dtype=np.float32)
    wave[:length] = stroke * np.exp(-times / np.float32(voice.decay_s * rate_hz)) * (1 - np.exp(-times / np.float32(2)))
    return wave
