"""A buzz: a narrow band whose amplitude beats faster than the ear counts, as in many insects and birds."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from tymbal.synthesis.families import shapes
from tymbal.synthesis.voices import Voice

FASTER = 3.0  # a buzz beats faster than a trill repeats


def render(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> shapes.Samples:
    """One syllable, shape (samples,): a noisy band around f0, half of `width_octaves` wide, beating fully."""
    carrier = shapes.noise_band(voice.f0_hz, 0.5 * voice.width_octaves, samples, rate_hz, rng)
    beat_hz = min(FASTER * voice.repeat_hz, rate_hz / 32)
    turn = 2 * math.pi * beat_hz / rate_hz
    beat = (0.5 - 0.5 * np.cos(np.float32(turn) * np.arange(samples, dtype=np.float32))) ** 2
    wave: shapes.Samples = carrier * beat * shapes.envelope(voice, samples, rate_hz)
    return wave
