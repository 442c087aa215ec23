"""Augmentations of pictures in plain float64, one clip, one frame and one band at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from tymbal.audio.frontends.mel import hz_to_mel

Array = NDArray[np.float64]


def power(picture: Array) -> Array:
    """Of pictures in (dB + 60) / 20, less the floor of -100 dB."""
    return np.maximum(10 ** ((20 * picture - 60) / 10) - 1e-10, 0.0)


def picture(values: Array) -> Array:
    """Of power."""
    return (10 * np.log10(values + 1e-10) + 60) / 20


def reverberated(clip: Array, decay_s: float, direct_db: float, delay_s: float, hop_s: float) -> Array:
    """Power (frames, bands) with the expected power of an exponential tail, lag by lag."""
    alpha = 6 * math.log(10) / decay_s

    def energy(begin_s: float, end_s: float) -> float:
        begin_s, end_s = max(begin_s, delay_s), max(end_s, delay_s)
        return math.exp(-alpha * (begin_s - delay_s)) - math.exp(-alpha * (end_s - delay_s))

    found = clip.copy()
    for frame in range(len(clip)):
        for lag in range(frame + 1):
            share = energy((lag - 0.5) * hop_s, (lag + 0.5) * hop_s)
            found[frame] += 10 ** (-direct_db / 10) * share * clip[frame - lag]
    return found


def clipped(sigma: float, limit: float) -> tuple[float, float]:
    """Gain of power and power of the distortion of clipped Gaussian sound, by integration over its density."""
    x = np.linspace(-12, 12, 200_001) * sigma
    density = np.exp(-((x / sigma) ** 2) / 2) / sigma / math.sqrt(2 * math.pi)
    step = x[1] - x[0]
    y = np.clip(x, -limit, limit)
    gain = float((x * y * density).sum() * step / (x * x * density).sum() / step)
    return gain**2, float((y * y * density).sum() * step - gain**2 * sigma**2)


def stretched(clip: Array, speed: float, pitch: float, start: float, low_hz: float, high_hz: float) -> Array:
    """(frames, bands) of a whole clip from frame `start` on, faster and higher, linear between frames and bands."""
    frames, bands = clip.shape
    mels = np.linspace(*hz_to_mel([low_hz, high_hz]), bands + 2)[1:-1]
    step = mels[1] - mels[0]

    def at(row: float, column: float) -> float:
        total = 0.0
        for i in (math.floor(row), math.floor(row) + 1):
            for j in (math.floor(column), math.floor(column) + 1):
                inside = 0 <= i < frames and 0 <= j < bands
                total += (1 - abs(row - i)) * (1 - abs(column - j)) * (clip[i, j] if inside else -2.0)
        return total

    found = np.zeros_like(clip)
    for i in range(frames):
        for j in range(bands):
            hertz = 700 * (10 ** (mels[j] / 2595) - 1) / pitch
            column = (2595 * math.log10(1 + hertz / 700) - mels[0]) / step
            found[i, j] = at(start + speed * (i + 0.5) - 0.5, column)
    return found


def quantised(clip: Array, places: Array, within: Array) -> Array:
    """(frames, bands): `places` (bands, levels - 1) sorted and `within` (bands, levels), all in 0-1."""
    found = np.zeros_like(clip)
    for band in range(clip.shape[1]):
        low, high = clip[:, band].min(), clip[:, band].max()
        rims = [low, *(low + (high - low) * places[band]), high]
        for frame in range(clip.shape[0]):
            piece = 0
            while piece + 2 < len(rims) and clip[frame, band] > rims[piece + 1]:
                piece += 1
            found[frame, band] = rims[piece] + within[band, piece] * (rims[piece + 1] - rims[piece])
    return found


def masked_branch(whole: float, logits: Array, clean: Array) -> float:
    """Half of the loss and the mean cross-entropy of the masked clip's logits with the clean one's probabilities."""
    total = 0.0
    for found, wanted in zip(logits.ravel(), clean.ravel(), strict=True):
        p, q = 1 / (1 + math.exp(-found)), 1 / (1 + math.exp(-wanted))
        total -= q * math.log(p) + (1 - q) * math.log(1 - p)
    return (whole + total / logits.size) / 2
