"""What scores are worth: fitted on recordings held out of training, and kept in the detector's file.

Candidates of each kind (joined, forward alone, reverse alone) are scored by how often such a one is right (Platt 1999:
a logistic curve on the logit), and one threshold on that score is chosen by F1.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from tymbal.detection.boxes import UNKNOWN, Boxes, Floats, Ints, corners
from tymbal.detection.decoding import DecodingConfig, suppress
from tymbal.detection.methods import Candidates, Level
from tymbal.detection.sebb import StepSettings
from tymbal.evaluation.detection import match_boxes, match_by_score, overlapping_pairs

RIGHT_IOU = 0.5  # a candidate is right where it can be matched above this
F1_IOU = (0.5, 0.8)  # the threshold is the best for the mean of F1 at these
THRESHOLDS = np.round(np.arange(0.05, 1.0, 0.05), 2)
_CLIP = 1e-4


@dataclass(frozen=True)
class Calibration:
    """Slope and offset of each kind's logistic curve, and the threshold on what comes out of it.

    `active` : the level of activity that runs were cut at; None where the method has none. `steps` : how they were cut
    between changes of activity, where the method does that.
    """

    slope: tuple[float, ...]
    offset: tuple[float, ...]
    threshold: float
    active: float | None = None
    steps: StepSettings | None = None

    @property
    def level(self) -> Level | None:
        """How activity becomes runs; None where the method asks for no activity."""
        return self.active if self.steps is None else self.steps

    def score(self, candidates: Candidates) -> Boxes:
        """The boxes with calibrated scores."""
        x = _logit(candidates.boxes.score)
        a, b = np.asarray(self.slope)[candidates.kind], np.asarray(self.offset)[candidates.kind]
        return candidates.boxes.rescored(1 / (1 + np.exp(-(a * x + b))))

    def boxes(self, candidates: Candidates, decoding: DecodingConfig) -> Boxes:
        """All scored boxes, doubles among the kinds dropped; those above `threshold` are detections."""
        return suppress(self.score(candidates), decoding)


def calibrate(
    candidates: Sequence[Candidates],
    references: Sequence[Boxes],
    kinds: int,
    decoding: DecodingConfig,
    *,
    level: Level | None = None,
) -> tuple[Calibration, float]:
    """The calibration of some recordings' candidates by their references, and its F1 there (mean over `F1_IOU`)."""
    right = [_right(each.boxes, truth) for each, truth in zip(candidates, references, strict=True)]
    kind = np.concatenate([np.zeros(0, np.int64), *(each.kind for each in candidates)])
    score = np.concatenate([np.zeros(0), *(each.boxes.score for each in candidates)])
    known = np.concatenate([np.zeros(0), *right])
    curves = []
    for number in range(kinds):
        own = (kind == number) & ~np.isnan(known)
        curves.append(_platt(_logit(score[own]), known[own]))
    slope, offset = zip(*curves, strict=True)
    active, steps = (None, level) if isinstance(level, StepSettings) else (level, None)
    found = Calibration(slope, offset, 0.5, active, steps)
    boxes = [found.boxes(each, decoding) for each in candidates]
    threshold, best = best_threshold(boxes, references)
    return Calibration(slope, offset, threshold, active, steps), best


def best_threshold(boxes: Sequence[Boxes], references: Sequence[Boxes]) -> tuple[float, float]:
    """The threshold with the best mean F1 over `F1_IOU`, the middle of equals, and that F1."""
    told = _Told.of(references, boxes)
    values = np.array([np.mean([told.f1(float(each), iou) for iou in F1_IOU]) for each in THRESHOLDS])
    best = np.flatnonzero(values >= values.max() - 1e-9)
    return float(THRESHOLDS[best[len(best) // 2]]), float(values.max())


def f1_score(references: Sequence[Boxes], boxes: Sequence[Boxes], threshold: float, iou: float) -> float:
    """F1 over recordings of the boxes from `threshold` on; labels must agree, and what finds an event of unknown
    class counts neither way. 0 where there is nothing to find and nothing found. The IoU is that of areas where all
    boxes of both sides have bounds in frequency, else that of times."""
    return _Told.of(references, boxes).f1(threshold, iou)


@dataclass(frozen=True)
class _Told:
    """References and detections of many recordings, each with the number of its recording."""

    truth: Boxes
    found: Boxes
    truth_of: Ints
    found_of: Ints

    @classmethod
    def of(cls, references: Sequence[Boxes], boxes: Sequence[Boxes]) -> _Told:
        numbers = np.arange(len(references))
        return cls(
            Boxes.join(references),
            Boxes.join(boxes),
            np.repeat(numbers, [len(each) for each in references]),
            np.repeat(numbers, [len(each) for each in boxes]),
        )

    def f1(self, threshold: float, iou: float) -> float:
        kept = self.found.score >= threshold
        found, found_of = self.found.take(kept), self.found_of[kept]
        known = self.truth.label != UNKNOWN
        classes = int(max(self.truth.label.max(initial=0), found.label.max(initial=0))) + 1
        wanted, told = corners(self.truth, found)
        matched = match_boxes(
            wanted[known],
            told,
            minimum_iou=iou,
            reference_group=self.truth_of[known] * classes + self.truth.label[known],
            prediction_group=found_of * classes + found.label,
        ).prediction
        excused = 0
        if not known.all():
            left = np.setdiff1d(np.arange(len(found)), matched)
            excused = len(
                match_boxes(
                    wanted[~known],
                    told[left],
                    minimum_iou=iou,
                    reference_group=self.truth_of[~known],
                    prediction_group=found_of[left],
                ).iou
            )
        return float(2 * len(matched) / max(int(known.sum()) + len(found) - excused, 1))


def _right(boxes: Boxes, truth: Boxes) -> Floats:
    """1 for candidates that are right, served in order of score; 0 for others; NaN for those of unknown class."""
    known = truth.label != UNKNOWN
    wanted, told = corners(truth, boxes)
    pairs = overlapping_pairs(
        wanted[known],
        told,
        minimum_iou=RIGHT_IOU,
        reference_group=truth.label[known],
        prediction_group=boxes.label,
    )
    right = np.zeros(len(boxes))
    right[match_by_score(pairs, boxes.score, int(known.sum())).prediction] = 1.0
    if not known.all():
        near = overlapping_pairs(wanted[~known], told, minimum_iou=RIGHT_IOU).prediction
        right[near] = np.where(right[near] == 1.0, 1.0, np.nan)
    return right


def _logit(score: Floats) -> Floats:
    clipped = np.clip(score, _CLIP, 1 - _CLIP)
    return np.asarray(np.log(clipped / (1 - clipped)))


def _platt(x: Floats, right: Floats, steps: int = 50) -> tuple[float, float]:
    """Slope and offset by Newton's method, drawn to 1 and 0 as ten candidates would: few say little."""
    theta, prior = np.array([1.0, 0.0]), np.array([1.0, 0.0])
    design = np.stack([x, np.ones_like(x)], axis=1)
    pull = np.diag([2.5, 2.5])
    for _ in range(steps):
        p = 1 / (1 + np.exp(-np.clip(design @ theta, -40, 40)))
        gradient = design.T @ (p - right) + pull @ (theta - prior)
        hessian = (design * (p * (1 - p))[:, None]).T @ design + pull
        step = np.linalg.solve(hessian, gradient)
        theta = theta - step
        if np.abs(step).max() < 1e-10:
            break
    return max(float(theta[0]), 0.05), float(theta[1])


def best_level(
    levels: Sequence[Level],
    at: Callable[[Level], Sequence[Candidates]],
    references: Sequence[Boxes],
    kinds: int,
    decoding: DecodingConfig,
) -> Calibration:
    """The calibration at the level of activity that gives the best F1; `at` gives candidates at a level."""
    tried = [calibrate(at(level), references, kinds, decoding, level=level) for level in levels]
    return max(tried, key=lambda pair: pair[1])[0]
