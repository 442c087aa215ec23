"""Which finders to trust, and from which score on: every example in turn is left out and looked for.

Each fold fits all finders without one example (without a tenth of them where there are many), lets them propose boxes
in the whole support, and asks what they make of the example left out and of the sound that is none. From this come a
threshold for each finder, a common scale for their scores, and the finder or fusion that does best.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tymbal.fewshot.finders import Adaptable, Fitted, find_kind
from tymbal.fewshot.finders.contract import Floats, Frames
from tymbal.fewshot.finders.peaks import best_boxes
from tymbal.fewshot.support import Stretch, Support, without

IOU = 0.3
FOLDS = 10
SHARED = 0.4  # of the shorter of two boxes may be shared before the lower one goes
SOFT = 0.1  # of the way from threshold to the examples: how sharply a threshold counts while it is chosen
LEVEL = 2.0  # log odds of the score of a median example left out: 0.88
SINGLE = 0.55  # way from a median false box to the example's own score, where there is one example alone
LEAST_WAY = 0.6  # of the way from sound at random to examples left out: no threshold lies lower
FALSE_WEIGHT = 2.0  # of a false box of a fusion in F1: there is far more other sound than the support shows
FALSE_COST = 0.02  # of a false box for each example, besides
FUSION_LOSS = 0.2  # of F1 on so few examples is chance: a fusion is kept unless a finder does better by more
SHARPNESS = 2.0  # of the weights of a fusion: F1 to this power
BOUNDS = (-3.0, 1.5)  # of a finder's log odds in a fusion, by LEVEL: none that is sure outvotes one that hears nothing
ALIKE = 0.65  # of the way from false boxes to examples left out: what may be an example that nobody marked


@dataclass(frozen=True)
class Calibration:
    """score = logistic(LEVEL * (rating - threshold) / spread): 0.5 at the threshold; no probability.

    f1 : softened F1 of the examples left out, at the threshold.
    """

    threshold: float
    spread: float
    f1: float

    def odds(self, rating: Floats) -> Floats:
        """Log odds of the score."""
        return np.asarray(LEVEL * (rating - self.threshold) / self.spread)


@dataclass(frozen=True)
class Boxes:
    """Candidates in one stretch: by whom, and what every finder makes of them (n, finders)."""

    starts: Frames
    stops: Frames
    by: Frames
    ratings: Floats

    def kept(self, height: Floats) -> Frames:
        """Numbers of those that stay when the highest takes out what overlaps it."""
        return best_boxes(self.starts, self.stops, height, SHARED)

    def take(self, rows: NDArray[np.int64] | NDArray[np.bool_]) -> Boxes:
        return Boxes(self.starts[rows], self.stops[rows], self.by[rows], self.ratings[rows])


@dataclass(frozen=True)
class Fold:
    """What finders that had not seen the examples `out` propose in every stretch."""

    out: tuple[int, ...]
    boxes: tuple[Boxes, ...]
    ground: Floats  # what each finder makes of sound taken at random, (finders,)


def candidates(responses: Sequence[object]) -> Boxes:
    """All boxes that any of the finders' answers to one picture proposes, each rated by all."""
    proposed = [response.propose() for response in responses]  # type: ignore[attr-defined]
    starts = np.concatenate([each[0] for each in proposed]).astype(np.int64)
    stops = np.concatenate([each[1] for each in proposed]).astype(np.int64)
    by = np.repeat(np.arange(len(proposed)), [len(each[0]) for each in proposed])
    ratings = [response.rate(starts, stops) for response in responses]  # type: ignore[attr-defined]
    return Boxes(starts, stops, by, np.stack(ratings, axis=1) if len(starts) else np.zeros((0, len(proposed))))


def leave_out(support: Support, names: Sequence[str]) -> list[Fold]:
    """Every fold of the support; a single example is looked for by itself."""
    count = len(support.places)
    groups = [tuple(range(first, count, min(FOLDS, count))) for first in range(min(FOLDS, count))]
    folds = []
    for out in groups:
        rest = [number for number in range(count) if number not in out] or list(out)
        fitted = [_looked(find_kind(name).fit(support, rest), support) for name in names]
        boxes, level = [], []
        for stretch in support.stretches:
            responses = [each.respond(stretch.picture.pixels) for each in fitted]
            boxes.append(candidates(responses))
            level.append(np.stack([each.rate(*_anywhere(support, stretch)) for each in responses], axis=1))
        ratings = np.concatenate(level)
        folds.append(Fold(out, tuple(boxes), np.median(ratings, axis=0) if len(ratings) else np.zeros(len(names))))
    return folds


def _looked(model: Fitted, support: Support) -> Fitted:
    """The model after a look at the support, where it takes one: there the example left out is unmarked sound."""
    if not isinstance(model, Adaptable):
        return model
    return model.adapted(stretch.picture.pixels for stretch in support.stretches)


def _anywhere(support: Support, stretch: Stretch) -> tuple[Frames, Frames]:
    """Boxes as long as a median example all along the free frames of a stretch."""
    length = max(2, round(support.median_frames))
    starts = np.arange(0, max(stretch.picture.frames - length, 1), max(1, length // 2), dtype=np.int64)
    starts = starts[stretch.free[np.minimum(starts + length // 2, stretch.picture.frames - 1)]]
    return starts, starts + length


def iou(start: int, stop: int, starts: Frames, stops: Frames) -> Floats:
    """Intersection over union of one box with many."""
    shared = np.maximum(0, np.minimum(stops, stop) - np.maximum(starts, start))
    return np.asarray(shared / np.maximum((stops - starts) + (stop - start) - shared, 1))


def held_out(
    support: Support, fold: Fold, heights: Sequence[Floats], own: Sequence[NDArray[np.bool_]], ground: float
) -> Sample:
    """Heights of the boxes on the examples left out (-inf: none), and of boxes on what is no example.

    heights, own : per stretch, of each box, and which boxes count at all.
    """
    found: list[float] = []
    false: list[float] = []
    for number, boxes in enumerate(fold.boxes):
        rows = np.flatnonzero(own[number])
        rows = rows[boxes.take(rows).kept(heights[number][rows])]
        starts, stops, height = boxes.starts[rows], boxes.stops[rows], heights[number][rows]
        here = [(index, place) for index, place in enumerate(support.places) if place.stretch == number]
        near = np.zeros(len(rows), bool)
        for index, place in here:
            fits = iou(place.start, place.stop, starts, stops) > IOU
            near |= fits | ((starts < place.stop) & (stops > place.start) & (index not in fold.out))
            if index in fold.out:
                found.append(float(height[fits].max()) if fits.any() else -math.inf)
        false += height[~near & _free(support, number, starts, stops)].tolist()
    return Sample(tuple(found), tuple(false), ground)


def _free(support: Support, stretch: int, starts: Frames, stops: Frames) -> NDArray[np.bool_]:
    """Boxes most of whose frames are known to be no example."""
    free = support.stretches[stretch].free
    sums = np.concatenate([[0], np.cumsum(free)])
    low, high = np.clip(starts, 0, len(free)), np.clip(stops, 0, len(free))
    return np.asarray(sums[high] - sums[low] > 0.5 * (stops - starts))


@dataclass(frozen=True)
class Sample:
    """Heights of one fold: of examples left out, and of false boxes."""

    found: tuple[float, ...]
    false: tuple[float, ...]
    ground: float


def calibrated(samples: Sequence[Sample], false_weight: float = 1.0) -> Calibration:
    """The threshold at which the softened F1 over all folds is greatest; in the middle where several are.

    false_weight : how many false boxes a false box counts as.
    """
    found = np.array([each for sample in samples for each in sample.found])
    false = np.array([each for sample in samples for each in sample.false])
    heard = found[np.isfinite(found)]
    if not len(heard):
        top = float(false.max(initial=0.0))
        return Calibration(top + 1.0, 1.0, 0.0)
    middle = float(np.median(heard))
    low = float(np.median([sample.ground for sample in samples]))
    low = min(low, float(heard.min()), middle - 1e-3)
    if len(found) < 2:
        threshold = low + SINGLE * (middle - low)
        return Calibration(threshold, middle - threshold, 0.5)
    width = middle - low
    tried = np.linspace(low + LEAST_WAY * width, middle + max(0.25 * width, float(false.max(initial=low)) - low), 161)
    soft = SOFT * width
    hits = _rise(heard[None, :], tried, soft).sum(axis=1)
    wrong = false_weight * _rise(false[None, :], tried, soft).sum(axis=1) / len(samples)
    f1 = hits / (hits + 0.5 * (wrong + len(found) - hits))
    worth = f1 - FALSE_COST * wrong / len(found)  # where nothing separates them, rather few boxes than all
    at = worth >= float(worth.max()) - 1e-9
    threshold, best = float(np.mean(tried[at])), float(f1[at].max())
    return Calibration(threshold, max(middle - threshold, 0.15 * width), best)


def _rise(values: Floats, tried: Floats, soft: float) -> Floats:
    return np.asarray(1 / (1 + np.exp(np.clip((tried[:, None] - values) / soft, -40, 40))))


@dataclass(frozen=True)
class Choice:
    """The finders that decide, their weights (sum 1), how each is calibrated, and how their sum is."""

    names: tuple[str, ...]
    weights: tuple[float, ...]
    calibrations: tuple[Calibration, ...]
    total: Calibration
    table: tuple[tuple[str, float | None], ...]  # every finder and fusion that was tried, and its F1 if measured
    notes: tuple[str, ...] = ()

    def height(self, boxes: Boxes) -> Floats:
        """The weighted log odds of each box, calibrated anew."""
        return self.total.odds(weighted(boxes.ratings, self.calibrations, self.weights))


def weighted(ratings: Floats, calibrations: Sequence[Calibration], weights: Sequence[float]) -> Floats:
    """Weighted sum of log odds, each cut at BOUNDS times the level of a median example."""
    total = np.zeros(len(ratings))
    for column, (calibration, weight) in enumerate(zip(calibrations, weights, strict=True)):
        total += weight * np.clip(calibration.odds(ratings[:, column]), BOUNDS[0] * LEVEL, BOUNDS[1] * LEVEL)
    return total


def by_finder(support: Support, folds: Sequence[Fold], count: int) -> list[list[Sample]]:
    """Samples of each of `count` finders by itself: its own boxes, its own ratings."""
    return [
        [
            held_out(
                support,
                fold,
                [boxes.ratings[:, column] for boxes in fold.boxes],
                [boxes.by == column for boxes in fold.boxes],
                float(fold.ground[column]),
            )
            for fold in folds
        ]
        for column in range(count)
    ]


def cleared(support: Support, names: Sequence[str]) -> tuple[Support, list[Fold], tuple[str, ...]]:
    """The support without stretches that look like examples nobody marked, its folds, and what to tell about it.

    After the last example nobody may have gone on marking, so what looks ALIKE there is unknown, not false. Up to the
    last example marks are taken to be complete, unless far more looks alike than was marked.
    """
    folds = leave_out(support, names)
    levels = []
    for samples in by_finder(support, folds, len(names)):
        found = np.array([each for sample in samples for each in sample.found if math.isfinite(each)])
        low = float(np.median([sample.ground for sample in samples]))
        levels.append((low, float(np.median(found)) if len(found) else math.inf))
    alike: list[tuple[int, int, int, bool]] = []
    for number, stretch in enumerate(support.stretches):
        boxes = folds[0].boxes[number]
        part = [(boxes.ratings[:, at] - low) / max(high - low, 1e-9) for at, (low, high) in enumerate(levels)]
        height = np.mean(np.clip(part, -1, 1), axis=0) if len(boxes.starts) else np.zeros(0)
        rows = np.flatnonzero((height > ALIKE) & _free(support, number, boxes.starts, boxes.stops))
        rows = rows[boxes.take(rows).kept(height[rows])]
        for start, stop in zip(boxes.starts[rows].tolist(), boxes.stops[rows].tolist(), strict=True):
            if not stretch.sure[max(start, 0) : max(stop, 0)].any():
                alike.append((number, start, stop, bool(stretch.doubtful[min(start, len(stretch.doubtful) - 1)])))
    inside = [each for each in alike if not each[3]]
    notes: tuple[str, ...] = ()
    if len(inside) <= 2 * len(support.places) + 3:
        alike = [each for each in alike if each[3]]
    else:
        notes = (f"{len(inside)} sounds between the examples are as much like them: taken for calls nobody marked",)
    if not alike:  # nothing to clear: the folds are those of the support itself
        return support, folds, notes
    support = without(support, [each[:3] for each in alike])
    return support, leave_out(support, names), notes


def choose(support: Support, names: Sequence[str]) -> Choice:
    """Leave the examples out, calibrate every finder and their fusion, and keep what does best."""
    return pick(options(support, names))


def options(support: Support, names: Sequence[str]) -> tuple[Choice, ...]:
    """Each finder by itself, in the order of `names`, then their fusion where there are several."""
    support, folds, notes = cleared(support, names)
    single = [calibrated(samples) for samples in by_finder(support, folds, len(names))]
    measured = len(support.places) > 1  # a single example cannot be left out
    table = [(name, each.f1 if measured else None) for name, each in zip(names, single, strict=True)]
    known = [find_kind(name).share for name in names]
    shares = np.array([share * max(each.f1, 0.02) ** SHARPNESS for share, each in zip(known, single, strict=True)])
    weights = tuple((shares / shares.sum()).tolist())
    fused = _fused(support, folds, single, weights)
    if len(names) > 1:
        table.append(("+".join(names), fused.f1 if measured else None))
    found = [
        Choice((name,), (1.0,), (each,), Calibration(0.0, LEVEL, each.f1), tuple(table), notes)
        for name, each in zip(names, single, strict=True)
    ]
    return (*found, Choice(tuple(names), weights, tuple(single), fused, tuple(table), notes))[: len(table)]


def _fused(
    support: Support, folds: Sequence[Fold], single: Sequence[Calibration], weights: Sequence[float]
) -> Calibration:
    """The fusion calibrated as one finder is, on the boxes of all."""
    samples = []
    for fold in folds:
        heights = [weighted(boxes.ratings, single, weights) for boxes in fold.boxes]
        everything = [np.ones(len(boxes.starts), bool) for boxes in fold.boxes]
        ground = float(weighted(fold.ground[None, :], single, weights)[0])
        samples.append(held_out(support, fold, heights, everything, ground))
    return calibrated(samples, FALSE_WEIGHT)


def pick(found: Sequence[Choice]) -> Choice:
    """The fusion, unless a finder by itself is better by FUSION_LOSS or more; else the best finder."""
    best = max(found, key=lambda each: each.total.f1)
    fused = found[-1]
    return fused if fused.total.f1 > best.total.f1 - FUSION_LOSS else best
