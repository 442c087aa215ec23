"""Slow twins of the few-shot finders: loops over frames, shifts and templates, float64."""

from __future__ import annotations

import numpy as np


def correlation(
    pixels: np.ndarray,
    templates: list[np.ndarray],
    befores: list[tuple[int, int]],
    bands: np.ndarray,
    shifts: int,
    doubt: float,
) -> np.ndarray:
    """Best correlation of any template at any shift of bands, the event's middle on each frame, (frames,).

    befores : (frames before the onset, length of the event) of each template. Beyond the picture is 0.
    """
    frames, width = pixels.shape
    best = np.full(frames, -1.0)
    for template, (before, length) in zip(templates, befores, strict=True):
        template = template.astype(np.float64)
        own = np.sum(template**2)
        for shift in range(-shifts, shifts + 1):
            for middle in range(frames):
                window = np.zeros(template.shape)
                for row in range(len(template)):
                    at = middle - before - length // 2 + row
                    for column, band in enumerate(bands + shift):
                        if 0 <= at < frames and 0 <= band < width:
                            window[row, column] = pixels[at, band]
                spread = np.sum((window - window.mean()) ** 2)
                product = np.sum(template * window)
                best[middle] = max(best[middle], product / np.sqrt(own * (spread + doubt * own) + 1e-9))
    return best


def linear_scores(pixels: np.ndarray, weights: np.ndarray, offsets: np.ndarray, bias: float, smooth: int) -> np.ndarray:
    """The filter of the discriminant frame by frame, then the moving average, (frames,)."""
    frames = len(pixels)
    raw = np.full(frames, bias)
    for frame in range(frames):
        for tap, offset in enumerate(offsets):
            if 0 <= frame + offset < frames:
                raw[frame] += float(np.dot(pixels[frame + offset].astype(np.float64), weights[tap]))
    if smooth < 2:
        return raw
    return np.array([np.mean(raw[max(0, t - smooth // 2) : t - smooth // 2 + smooth]) for t in range(frames)])


def kept_boxes(boxes: list[tuple[int, int]], heights: list[float], overlap: float) -> list[int]:
    """Numbers of the boxes that stay, in order of start: the highest first, the earlier of equals."""
    order = sorted(range(len(boxes)), key=lambda each: (-heights[each], boxes[each][0], each))
    taken: list[int] = []
    for each in order:
        start, stop = boxes[each]
        fits = True
        for other in taken:
            first, last = boxes[other]
            shared = min(stop, last) - max(start, first)
            if shared > 0 and shared > overlap * min(stop - start, last - first):
                fits = False
        if fits:
            taken.append(each)
    return sorted(taken, key=lambda each: (boxes[each][0], each))
