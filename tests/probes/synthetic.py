"""Examples made of noise and known classes, for tests."""

from __future__ import annotations

import numpy as np
import polars as pl

from tymbal.annotations.tables import make_events
from tymbal.features import Examples


def make_examples(
    n: int = 60,
    *,
    classes: int = 3,
    dims: tuple[int, ...] = (5, 8),
    frames: tuple[int, ...] = (9, 6),
    strength: float = 1.5,
    seed: int = 0,
    groups: int = 12,
    garbage: float = 0.0,
) -> tuple[Examples, list[str], list[str]]:
    """Examples of layers a, b, ... whose means depend on the class; labels; groups of several examples.

    Every example has its own number of real frames; padded ones hold `garbage`.
    """
    rng, world = np.random.default_rng(seed), np.random.default_rng(99)  # noise is drawn anew, classes stay
    truth = np.arange(n) % classes
    features, masks = {}, {}
    share = rng.uniform(0.3, 1.0, n)
    for name, dim, length in zip("abcdef", dims, frames, strict=False):
        centers = strength * world.normal(size=(classes, dim))
        values = (centers[truth][:, None] + rng.normal(size=(n, length, dim))).astype(np.float32)
        real = np.maximum(1, np.round(share * length)).astype(int)
        mask = np.arange(length)[None] < real[:, None]
        values[~mask] = garbage
        features[name], masks[name] = values, mask
    labels = [f"kind{number}" for number in truth]
    # Consecutive runs of examples form a group, so that groups hold several classes.
    grouping = [f"g{index * groups // n:02d}" for index in range(n)]
    table = make_events(
        pl.DataFrame({"recording": [f"{group}.wav" for group in grouping], "label": labels, "group": grouping})
    )
    made = Examples(features, masks, table, encoder_checksum="c0ffee", provenance={"encoder": "synthetic"})
    return made, labels, grouping
