"""Prototypes: what is nearer to the mean of the examples than to any block of the sound around them.

After prototypical networks (Snell, Swersky and Zemel 2017) as few-shot detection uses them: one positive prototype,
one negative prototype for each block of sound around the examples, so that every kind of other sound has its own.
Works on any picture: band levels, or the frames of an encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.fewshot.finders.contract import Floats, Frames, Kind, Pixels
from tymbal.fewshot.finders.lda import (
    FILL,
    SHORTEST,
    SMOOTHING,
    CurveResponse,
    inside_patches,
    patches,
    smoothed,
    tap_offsets,
)
from tymbal.fewshot.support import Support

BLOCK = 1.0  # of a median example: the length of a block of other sound
MOST = 64  # negative prototypes
CHUNK = 2_000_000  # numbers of patches compared at once


@dataclass(frozen=True)
class Prototypes:
    """Unit vectors: `positive` (features,) and `negatives` (n, features) of patches at `offsets`; see `Lda`."""

    positive: Floats
    negatives: Floats
    offsets: Frames
    low: float
    gain: float
    smooth: int
    fill: int
    shortest: int

    @property
    def reach(self) -> int:
        return int(np.abs(self.offsets).max()) + self.smooth + 4 * self.shortest

    def raw(self, pixels: Pixels, at: Frames) -> Floats:
        """Cosine to the positive prototype less the greatest to a negative one, at some frames (n,)."""
        found = np.empty(len(at))
        size = max(16, CHUNK // len(self.positive))
        for start in range(0, len(at), size):
            rows = unit(patches(pixels, at[start : start + size], self.offsets))
            against = (rows @ self.negatives.T).max(axis=1) if len(self.negatives) else np.zeros(len(rows))
            found[start : start + size] = rows @ self.positive - against
        return found

    def respond(self, pixels: Pixels) -> CurveResponse:
        raw = self.raw(pixels, np.arange(len(pixels), dtype=np.int64))
        return CurveResponse(smoothed((raw - self.low) * self.gain, self.smooth), self.fill, self.shortest)

    def state(self) -> dict[str, NDArray[Any]]:
        return {
            "positive": self.positive,
            "negatives": self.negatives,
            "offsets": self.offsets,
            "line": np.array([self.low, self.gain]),
            "numbers": np.array([self.smooth, self.fill, self.shortest], dtype=np.int64),
        }


def unit(rows: Floats) -> Floats:
    """Rows of length 1; zeros stay."""
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9))


def blocks_around(support: Support, offsets: Frames) -> Floats:
    """Mean patch of each block of free frames (n, features), at most MOST, evenly through the support."""
    length = max(2, round(BLOCK * support.median_frames))
    found = []
    for stretch in support.stretches:
        for start in range(0, stretch.picture.frames, length):
            at = start + np.flatnonzero(stretch.free[start : start + length])
            if 2 * len(at) >= length:
                found.append((bool(stretch.sure[at].any()), stretch, at))
    sure = [each for each in found if each[0]][:MOST]
    rest = [each for each in found if not each[0]]
    step = max(1, -(-len(rest) // max(1, MOST - len(sure))))
    kept = [*sure, *rest[::step]]
    means = [patches(stretch.picture.pixels, at, offsets).mean(axis=0) for _, stretch, at in kept]
    return np.stack(means) if means else np.zeros((0, len(offsets) * support.stretches[0].picture.pixels.shape[1]))


def fit(support: Support, shots: Sequence[int]) -> Prototypes:
    """Prototypes of these examples, scaled so that 0 is the level around the examples and 1 that inside."""
    offsets = tap_offsets(support)
    inside = inside_patches(support, shots, offsets)
    positive = unit(inside).mean(axis=0)
    lengths = (
        max(1, round(SMOOTHING * support.median_frames)),
        round(FILL * support.shortest),
        max(1, round(SHORTEST * support.shortest)),
    )
    model = Prototypes(unit(positive), unit(blocks_around(support, offsets)), offsets, 0.0, 1.0, *lengths)
    around = [model.raw(s.picture.pixels, np.flatnonzero(s.free)[::7].astype(np.int64)) for s in support.stretches]
    places = [support.places[number] for number in shots]
    within = [
        model.raw(support.stretches[p.stretch].picture.pixels, np.arange(p.start, p.stop, dtype=np.int64))
        for p in places
    ]
    rest = np.concatenate(around)
    low = float(np.median(rest)) if len(rest) else -1.0
    high = float(np.mean(np.concatenate(within)))
    return Prototypes(model.positive, model.negatives, offsets, low, 1 / max(high - low, 1e-6), *lengths)


def load(state: Mapping[str, NDArray[Any]]) -> Prototypes:
    low, gain = state["line"].tolist()
    smooth, fill, shortest = state["numbers"].tolist()
    return Prototypes(state["positive"], state["negatives"], state["offsets"], low, gain, smooth, fill, shortest)


KIND = Kind("prototypes", fit, load, "nearness to the mean example against nearness to blocks of other sound")
