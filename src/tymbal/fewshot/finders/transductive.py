"""The discriminant that also learns from the recording it searches: surely alike frames join the examples.

Frames of the recording above the median score of the examples count as inside, frames below the 90th percentile of the
sound around them as around, and the discriminant is fitted again, twice. A reservoir holds patches of the recording,
thinned evenly, so that memory does not grow with its length.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.fewshot.finders.contract import Floats, Frames, Kind, Pixels
from tymbal.fewshot.finders.lda import (
    CurveResponse,
    Lda,
    Moments,
    around_moments,
    build,
    direction,
    inside_patches,
    patches,
    tap_offsets,
)
from tymbal.fewshot.support import Support

ROUNDS = 2
HELD = 3000  # patches of each kind in the reservoir
QUIET = 0.9  # quantile of the score around the examples below which a frame of the recording is surely other sound


@dataclass(frozen=True)
class Transductive:
    """The inductive discriminant, the moments it came from, and the scores from which frames of a recording count."""

    base: Lda
    inside: Moments
    around: Moments
    counts: tuple[int, int]
    high: float
    low: float

    @property
    def reach(self) -> int:
        return self.base.reach

    def respond(self, pixels: Pixels) -> CurveResponse:
        return self.base.respond(pixels)

    def adapted(self, pictures: Iterable[Pixels]) -> Transductive:
        """The same after a look at these pictures."""
        alike, other = Reservoir(HELD), Reservoir(HELD)
        for pixels in pictures:
            curve = self.base.curve(pixels)
            alike.add(pixels, np.flatnonzero(curve > self.high).astype(np.int64), self.base.offsets)
            other.add(pixels, np.flatnonzero(curve < self.low).astype(np.int64), self.base.offsets)
        if not len(alike.rows()) or not len(other.rows()):
            return self
        rows = np.concatenate([alike.rows(), other.rows()])
        base = self.base
        for _ in range(ROUNDS):
            score = rows @ base.weights.reshape(-1) + base.bias
            inside = joined(self.inside, self.counts[0], rows[score > self.high])
            around = joined(self.around, self.counts[1], rows[score < self.low])
            weights, bias = direction(inside, around)
            base = replace(base, weights=weights.reshape(base.weights.shape), bias=bias)
        return replace(self, base=base)

    def state(self) -> dict[str, NDArray[Any]]:
        parts = {f"base/{name}": value for name, value in self.base.state().items()}
        return {
            **parts,
            "inside_mean": self.inside.mean,
            "inside_covariance": self.inside.covariance,
            "around_mean": self.around.mean,
            "around_covariance": self.around.covariance,
            "counts": np.array(self.counts, dtype=np.int64),
            "levels": np.array([self.high, self.low]),
        }


class Reservoir:
    """At most `most` patches, evenly out of all that were added: when full, every second one goes."""

    def __init__(self, most: int) -> None:
        self._most, self._step, self._seen = most, 1, 0
        self._rows: list[Floats] = []
        self._held = 0

    def add(self, pixels: Pixels, at: Frames, offsets: Frames) -> None:
        """Patches of `pixels` at these frames."""
        first = -self._seen % self._step
        self._seen += len(at)
        kept = at[first :: self._step]
        while self._held + len(kept) > self._most:
            if self._rows:
                self._rows = [np.concatenate(self._rows)[::2]]
            self._step *= 2
            self._held = sum(map(len, self._rows))
            kept = at[-(self._seen - len(at)) % self._step :: self._step]
        if len(kept):
            self._rows.append(patches(pixels, kept, offsets))
            self._held += len(kept)

    def rows(self) -> Floats:
        """What is held, (n, features); (0, 0) where nothing is."""
        return np.concatenate(self._rows) if self._rows else np.zeros((0, 0))


def joined(known: Moments, count: int, rows: Floats) -> Moments:
    """Moments of `count` known patches and of `rows`, which weigh no more than the known ones together."""
    if not len(rows):
        return known
    new = Moments.of(rows)
    share = min(len(rows), count) / (count + min(len(rows), count))
    mean = (1 - share) * known.mean + share * new.mean
    away, near = known.mean - mean, new.mean - mean
    spread = (1 - share) * (known.covariance + np.outer(away, away))
    return Moments(mean, spread + share * (new.covariance + np.outer(near, near)))


def fit(support: Support, shots: Sequence[int]) -> Transductive:
    """The discriminant of these examples, ready to look at a recording; the support counts as its first one."""
    offsets = tap_offsets(support)
    rows = inside_patches(support, shots, offsets)
    inside, around = Moments.of(rows), around_moments(support, tuple(offsets.tolist()))
    weights, bias = direction(inside, around)
    base = build(support, offsets, weights, bias)
    curves = [base.curve(stretch.picture.pixels)[stretch.free] for stretch in support.stretches]
    quiet = np.concatenate(curves)
    low = float(np.quantile(quiet, QUIET)) if len(quiet) else 0.0
    places = [support.places[number] for number in shots]
    scores = [base.curve(support.stretches[p.stretch].picture.pixels)[p.start : p.stop] for p in places]
    high = max(float(np.median(np.concatenate(scores))), low + 1e-6)
    return Transductive(base, inside, around, (len(rows), max(len(quiet), 8)), high, low)


def load(state: Mapping[str, NDArray[Any]]) -> Transductive:
    smooth, fill, shortest = state["base/numbers"].tolist()
    base = Lda(state["base/weights"], state["base/offsets"], float(state["base/bias"]), smooth, fill, shortest)
    high, low = state["levels"].tolist()
    first, second = state["counts"].tolist()
    inside = Moments(state["inside_mean"], state["inside_covariance"])
    around = Moments(state["around_mean"], state["around_covariance"])
    return Transductive(base, inside, around, (first, second), high, low)


KIND = Kind("transductive", fit, load, "the discriminant, refitted on what is surely alike in the recording searched")
