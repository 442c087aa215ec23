"""Examples without sound, for what only handles them."""

from __future__ import annotations

import numpy as np

from tymbal.fewshot.network.labels import NEG, POS, UNLABELLED
from tymbal.fewshot.network.scenes import Example


def make(number: int = 0, frames: int = 200, support: int = 150, bands: int = 12) -> Example:
    """Calls of 20 frames that are louder; `number` seeds it."""
    random = np.random.default_rng(number)
    sheet = random.integers(10, 25, (support + frames, bands)).astype(np.uint8)
    labels = np.full(support, NEG, np.uint8)
    labels[30:50] = labels[90:110] = POS
    labels[110:] = UNLABELLED
    sheet[:support][labels == POS] += 40
    target = np.zeros(frames, np.uint8)
    target[60:80] = POS
    query = sheet[support:]
    query[target == POS] += 40
    curves = random.normal(0, 1, (frames, 2)).astype(np.float16)
    return Example(sheet[:support], labels, query, target, curves, np.array([[59.5, 79.5]], np.float32), 20.0)
