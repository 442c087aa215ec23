"""The losses of pre-training in plain float64, one clip and one frame at a time."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def mixed_picture(first: Array, second: Array, portion: float) -> Array:
    """Decibels to power and back: picture = (dB + 60) / 20."""
    found = np.zeros_like(first)
    for place in np.ndindex(first.shape):
        a, b = (10 ** ((20 * each[place] - 60) / 10) for each in (first, second))
        found[place] = (10 * math.log10((1 - portion) * a + portion * b) + 60) / 20
    return found


def power_db(picture: Array) -> float:
    """The decibels of all of a picture's power."""
    return 10 * math.log10(sum(10 ** ((20 * each - 60) / 10) for each in picture.ravel()))


def resized_crop(picture: Array, top: float, left: float, tall: float, wide: float, silence: float) -> Array:
    """Bilinear, point by point; beyond the picture there is silence."""
    frames, bands = picture.shape

    def at(row: int, column: int) -> float:
        return picture[row, column] if 0 <= row < frames and 0 <= column < bands else silence

    found = np.zeros_like(picture)
    for i in range(frames):
        y = (top + tall * (i + 0.5) / frames) * frames - 0.5
        for j in range(bands):
            x = (left + wide * (j + 0.5) / bands) * bands - 0.5
            low_y, low_x = math.floor(y), math.floor(x)
            dy, dx = y - low_y, x - low_x
            found[i, j] = (
                at(low_y, low_x) * (1 - dy) * (1 - dx)
                + at(low_y + 1, low_x) * dy * (1 - dx)
                + at(low_y, low_x + 1) * (1 - dy) * dx
                + at(low_y + 1, low_x + 1) * dy * dx
            )
    return found


def focal(logits: Array, labels: Array, gamma: float) -> float:
    """The mean over all entries."""
    total = 0.0
    for logit, label in zip(logits.ravel(), labels.ravel(), strict=True):
        p = 1 / (1 + math.exp(-logit))
        total += -label * (1 - p) ** gamma * math.log(p) - (1 - label) * p**gamma * math.log(1 - p)
    return total / logits.size


def contrastive(points: Array, alike: NDArray[np.bool_], temperature: float) -> float:
    """Equation 2 of 2004.11362, the mean over points that have positives."""
    n, each = len(points), []
    for i in range(n):
        positives = [p for p in range(n) if p != i and alike[i, p]]
        if not positives:
            continue
        total = sum(math.exp(points[i] @ points[a] / temperature) for a in range(n) if a != i)
        shares = [math.log(math.exp(points[i] @ points[p] / temperature) / total) for p in positives]
        each.append(-sum(shares) / len(positives))
    return float(np.mean(each)) if each else 0.0


def coding_rate(points: Array, precision: float) -> float:
    """By the singular values of the points."""
    n, dim = points.shape
    values = np.linalg.svd(points, compute_uv=False)
    return float(sum(0.5 * math.log(1 + dim / (n * precision) * value**2) for value in values))


def codes(tokens: Array, mask: NDArray[np.bool_], projection: Array, codebook: Array) -> NDArray[np.int64]:
    """The nearest code of every real token of one clip, by distance between unit vectors; -1 elsewhere."""
    real = tokens[mask]
    scaled = (tokens - real.mean(0)) / (real.std(0) + 1e-5)
    found = np.full(len(tokens), -1)
    for index in np.flatnonzero(mask):
        point = scaled[index] @ projection
        point = point / np.linalg.norm(point)
        found[index] = int(np.argmin([np.linalg.norm(point - code / np.linalg.norm(code)) for code in codebook]))
    return found


def standardised(values: Array, mask: NDArray[np.bool_]) -> Array:
    """Instance norm over one clip's real frames."""
    real = values[mask]
    found = np.zeros_like(values)
    found[mask] = (real - real.mean(0)) / np.sqrt(real.var(0) + 1e-5)
    return found
