"""A pure tone along its contour: whistles, many songbird notes."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from tymbal.synthesis.families import shapes
from tymbal.synthesis.voices import Voice


def render(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> shapes.Samples:
    """One syllable, shape (samples,)."""
    points = shapes.control_points(samples)
    times = shapes.control_times(points, rate_hz)
    pitch = shapes.frequency(voice, np.linspace(0.0, 1.0, points), times, rate_hz, rng)
    wave = np.sin(shapes.phase(shapes.to_samples(pitch, samples), rate_hz, rng))
    return wave * shapes.envelope(voice, samples, rate_hz) * shapes.tremble(voice, samples, rate_hz, rng)
