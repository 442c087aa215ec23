"""Prototypes against a loop."""

from __future__ import annotations

import numpy as np
import pytest

from tymbal.fewshot.finders import prototypes


def test_raw_scores_are_cosines_of_loops() -> None:
    random = np.random.default_rng(1)
    offsets = np.array([-2, 0, 3])
    positive = prototypes.unit(random.standard_normal(12))
    negatives = prototypes.unit(random.standard_normal((4, 12)))
    model = prototypes.Prototypes(positive, negatives, offsets, 0.0, 1.0, 1, 0, 1)
    pixels = random.standard_normal((20, 4)).astype(np.float32)
    found = model.raw(pixels, np.arange(20))
    for frame in range(20):
        rows = [pixels[frame + o] if 0 <= frame + o < 20 else np.zeros(4) for o in offsets]
        patch = np.concatenate(rows).astype(np.float64)
        patch /= np.linalg.norm(patch)
        assert found[frame] == pytest.approx(patch @ positive - max(patch @ each for each in negatives))
