"""Linear discriminant on patches of a picture: frames inside examples against frames around them.

A patch is the picture at a few taps that span a median example. Principal components, a shrunk pooled covariance and
Fisher's direction together are one linear filter over taps and bands, so a frame costs as much as one small product.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.fewshot.finders.contract import Floats, Frames, Kind, Pixels
from tymbal.fewshot.finders.peaks import runs
from tymbal.fewshot.support import Support

TAPS = 7
SPAN = 1.0  # of a median example is spanned by the taps
COMPONENTS = 40
SHRINKAGE = 0.3
SMOOTHING = 0.25  # of a median example
MOST_AROUND = 4000  # patches around the examples
LEVELS = (0.35, 0.5, 0.65)  # between the mean around (0) and inside (1) the examples; each gives boxes
FILL = 0.3  # gaps below this share of the shortest example are closed
SHORTEST = 0.5  # of the shortest example: boxes below it go


@dataclass(frozen=True)
class Lda:
    """weights (taps, bands) at offsets (taps,), `bias`; 0 is the mean score around the examples and 1 that inside."""

    weights: Floats
    offsets: Frames
    bias: float
    smooth: int
    fill: int
    shortest: int

    @property
    def reach(self) -> int:
        return int(np.abs(self.offsets).max()) + self.smooth + 4 * self.shortest

    def curve(self, pixels: Pixels) -> Floats:
        """Score of each frame, smoothed, (frames,)."""
        products = pixels @ self.weights.T.astype(np.float32)  # (frames, taps)
        most = int(np.abs(self.offsets).max())
        padded = np.pad(products, ((most, most), (0, 0)))
        scores = np.full(len(pixels), self.bias)
        for tap, offset in enumerate(self.offsets):
            scores += padded[most + offset : most + offset + len(pixels), tap]
        return smoothed(scores, self.smooth)

    def respond(self, pixels: Pixels) -> CurveResponse:
        return CurveResponse(self.curve(pixels), self.fill, self.shortest)

    def state(self) -> dict[str, NDArray[Any]]:
        numbers = np.array([self.smooth, self.fill, self.shortest], dtype=np.int64)
        return {"weights": self.weights, "offsets": self.offsets, "bias": np.array(self.bias), "numbers": numbers}


@dataclass(frozen=True)
class CurveResponse:
    """Boxes from a curve of frames: runs above several levels, rated by the curve's mean in them."""

    curve: Floats
    fill: int
    shortest: int

    def propose(self) -> tuple[Frames, Frames]:
        found = [runs(self.curve > level, self.fill, self.shortest) for level in LEVELS]
        boxes = np.unique(np.concatenate([np.stack(each, axis=1) for each in found]), axis=0)
        return boxes[:, 0], boxes[:, 1]

    def rate(self, starts: Frames, stops: Frames) -> Floats:
        frames = len(self.curve)
        sums = np.concatenate([[0.0], np.cumsum(self.curve)])
        low = np.clip(starts, 0, frames - 1)
        high = np.clip(stops, low + 1, frames)
        return np.asarray((sums[high] - sums[low]) / (high - low))


def smoothed(curve: Floats, width: int) -> Floats:
    """Moving average over `width` frames, shorter at the ends."""
    if width < 2:
        return curve
    sums = np.concatenate([[0.0], np.cumsum(curve)])
    at = np.arange(len(curve))
    low, high = np.maximum(at - width // 2, 0), np.minimum(at - width // 2 + width, len(curve))
    return np.asarray((sums[high] - sums[low]) / (high - low))


def patches(pixels: Pixels, frames: Frames, offsets: Frames) -> Floats:
    """Patches at these frames, (n, taps * bands); beyond the picture is floor."""
    at = frames[:, None] + offsets[None, :]
    inside = (at >= 0) & (at < len(pixels))
    found = pixels[np.clip(at, 0, len(pixels) - 1)] * inside[:, :, None]
    return np.asarray(found.reshape(len(frames), len(offsets) * pixels.shape[1]), dtype=np.float64)


@dataclass(frozen=True)
class Moments:
    """Mean (features,) and covariance (features, features) of patches."""

    mean: Floats
    covariance: Floats

    @classmethod
    def of(cls, found: Floats) -> Moments:
        away = found - found.mean(axis=0)
        return cls(found.mean(axis=0), away.T @ away / len(found))


def direction(inside: Moments, around: Moments) -> tuple[Floats, float]:
    """Weights (features,) and bias of the discriminant, scaled so that the class means lie at 1 and 0."""
    gap = inside.mean - around.mean
    covariance = 0.5 * (inside.covariance + around.covariance)
    _, vectors = np.linalg.eigh(covariance + 0.25 * np.outer(gap, gap))
    basis = vectors[:, ::-1][:, : min(COMPONENTS, len(gap))]
    within = basis.T @ covariance @ basis
    within = (1 - SHRINKAGE) * within + (SHRINKAGE * np.trace(within) / len(within) + 1e-9) * np.eye(len(within))
    weights = basis @ np.linalg.solve(within, basis.T @ gap)
    weights = weights / max(float(weights @ gap), 1e-12)
    return weights, -float(weights @ around.mean)


def tap_offsets(support: Support) -> Frames:
    """Offsets of the taps in frames, around the frame itself."""
    half = SPAN * support.median_frames / 2
    return np.unique(np.round(np.linspace(-half, half, TAPS)).astype(np.int64))


def inside_patches(support: Support, shots: Sequence[int], offsets: Frames) -> Floats:
    """Patches inside the examples (n, features)."""
    found = []
    for place in (support.places[number] for number in shots):
        at = np.arange(place.start, place.stop, dtype=np.int64)
        found.append(patches(support.stretches[place.stretch].picture.pixels, at, offsets))
    return np.concatenate(found)


@lru_cache(maxsize=2)
def around_moments(support: Support, offsets: tuple[int, ...]) -> Moments:
    """Moments of patches around the examples; kept, as every example left out needs them again."""
    taps = np.array(offsets, dtype=np.int64)
    free = sum(int(stretch.free.sum()) for stretch in support.stretches)
    step = max(1, -(-free // MOST_AROUND))
    found = []
    for stretch in support.stretches:
        at = np.flatnonzero(stretch.free)
        kept = np.unique(np.concatenate([at[::step], np.flatnonzero(stretch.sure)]))
        found.append(patches(stretch.picture.pixels, kept, taps))
    around = np.concatenate(found)
    if len(around) < 8:  # the floor: all that is known where examples fill their recording
        around = np.zeros((8, around.shape[1]))
    return Moments.of(around)


def build(support: Support, offsets: Frames, weights: Floats, bias: float) -> Lda:
    """The filter with the lengths that follow from the examples."""
    return Lda(
        weights.reshape(len(offsets), -1),
        offsets,
        bias,
        max(1, round(SMOOTHING * support.median_frames)),
        round(FILL * support.shortest),
        max(1, round(SHORTEST * support.shortest)),
    )


def fit(support: Support, shots: Sequence[int]) -> Lda:
    """The discriminant of these examples against all free frames of the support."""
    offsets = tap_offsets(support)
    inside = Moments.of(inside_patches(support, shots, offsets))
    weights, bias = direction(inside, around_moments(support, tuple(offsets.tolist())))
    return build(support, offsets, weights, bias)


def load(state: Mapping[str, NDArray[Any]]) -> Lda:
    smooth, fill, shortest = state["numbers"].tolist()
    return Lda(state["weights"], state["offsets"], float(state["bias"]), smooth, fill, shortest)


KIND = Kind("lda", fit, load, "linear discriminant on patches, inside the examples against around them")
