"""A trill: the contour swept again and again, with silence between elements."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from tymbal.synthesis.families import shapes
from tymbal.synthesis.voices import Voice


def render(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> shapes.Samples:
    """One syllable, shape (samples,): `repeat_hz` elements a second, each sounding for `duty` of its time."""
    points = shapes.control_points(samples)
    times = shapes.control_times(points, rate_hz)
    elements = max(1, math.floor(samples / rate_hz * voice.repeat_hz + 0.5))
    place = np.minimum(np.arange(points) / max(points - 1, 1) * elements, elements - 1e-9)
    inside = (place - np.floor(place)) / voice.duty
    pitch = shapes.frequency(voice, np.minimum(inside, 1.0), times, rate_hz, rng)
    swell = np.where(inside < 1.0, np.sin(math.pi * np.minimum(inside, 1.0)) ** 0.8, 0.0)
    swell[-1] = 0.0
    wave = np.sin(shapes.phase(shapes.to_samples(pitch, samples), rate_hz, rng))
    wave *= shapes.to_samples(swell, samples).astype(np.float32)
    return wave * shapes.envelope(voice, samples, rate_hz)
