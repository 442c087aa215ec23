"""A train of pulses: damped resonances struck again and again, as frogs, insects and echolocators do."""

from __future__ import annotations

import math

import numpy as np
from numpy.random import Generator

from tymbal.synthesis.families import shapes
from tymbal.synthesis.voices import Voice

UNEVEN = 0.02  # of a period: standard deviation of when a pulse is struck


def render(voice: Voice, samples: int, rate_hz: float, rng: Generator) -> shapes.Samples:
    """One syllable, shape (samples,): `repeat_hz` pulses a second that ring at f0 and die away in `decay_s`."""
    tail = max(8, min(round(7 * voice.decay_s * rate_hz), samples))
    period = rate_hz / voice.repeat_hz
    number = max(1, math.floor((samples - tail) / period) + 1)
    starts = np.arange(number) * period + UNEVEN * period * rng.standard_normal(number)
    begins = np.clip(np.floor(starts), 0, samples - tail).astype(np.int64)
    times = np.arange(tail, dtype=np.float32)
    place = (begins + tail / 2) / samples
    pitch = shapes.frequency(voice, place, place * samples / rate_hz, rate_hz, rng).astype(np.float32)
    decay = np.exp(-times / np.float32(voice.decay_s * rate_hz)) * (1 - np.exp(-times / np.float32(2.0)))
    rings = np.sin(np.float32(2 * math.pi / rate_hz) * pitch[:, None] * times) * decay  # [pulses, tail]
    wave = np.zeros(samples, dtype=np.float32)
    np.add.at(wave, begins[:, None] + np.arange(tail), rings)
    return wave * shapes.envelope(voice, samples, rate_hz)
