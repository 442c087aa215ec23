"""A band of noise: hisses, screams, breath."""

from __future__ import annotations

from numpy.random import Generator

from tymbal.synthesis.families import shapes
from tymbal.synthesis.voices import Voice


def render(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> shapes.Samples:
    """One syllable, shape (samples,), `width_octaves` wide around f0; the contour is not heard."""
    wave = shapes.noise_band(voice.f0_hz, voice.width_octaves, samples, rate_hz, rng)
    return wave * shapes.envelope(voice, samples, rate_hz) * shapes.tremble(voice, samples, rate_hz, rng)
