"""Average precision of scored boxes, from one pass: a greedy match by score serves every threshold at once.

Matching is COCO's (predictions in descending score take the free reference of highest IoU), with two differences: an
IoU must exceed the threshold, as everywhere here, and equal scores are one step of the curve, so that their order does
not matter. AP is the area under the precision envelope at every recall that occurs (all points, not 101).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from tymbal.errors import DataError
from tymbal.evaluation.counting import divide, mean_defined
from tymbal.evaluation.detection.boxes import Booleans, Floats, Integers
from tymbal.evaluation.detection.outcomes import FALSE, TRUE, judge
from tymbal.evaluation.detection.problem import DetectionProblem

_CELLS = 1 << 22  # thresholds times resamples held at once


def average_precision(right: Booleans, scores: Floats, positives: float) -> float:
    """AP of one class: right (m,) whether each prediction found a reference, positives = references there are.

    The sum over references found, in descending score, of the highest precision at that recall or beyond, over all
    references; NaN without any.
    """
    if not positives:
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    hits, ranked = np.cumsum(right[order]), scores[order]
    last = np.flatnonzero(np.r_[np.diff(ranked) != 0, True]) if len(ranked) else np.zeros(0, dtype=np.int64)
    precision = hits[last] / (last + 1.0)
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    return float((np.diff(hits[last], prepend=0) * envelope).sum() / positives)


class RankedBoxes:
    """Mean over classes of AP; called with multiplicities (resamples, units) -> (resamples,), as `Prepared` wants.

    Classes without a reference that counts are in `left_out`; one that drops out of a resample is left out of it.
    """

    statistics: Floats | None = None

    def __init__(self, problem: DetectionProblem, minimum_iou: float) -> None:
        refuse_unscored(problem)
        outcomes = judge(problem, minimum_iou, by_score=True)
        truth, said, units = problem.references, outcomes.predictions, problem.units
        held = np.bincount(truth.label[outcomes.counted], minlength=len(problem.labels))
        self.kept = tuple(np.flatnonzero(held).tolist())
        self.left_out = tuple(np.flatnonzero(held == 0).tolist())
        unit, owner = problem.unit_of(said), problem.unit_of(truth)
        judged = (outcomes.state == TRUE) | (outcomes.state == FALSE)
        self._classes = []
        for number in self.kept:
            chosen = judged & (said.label == number)
            right = (outcomes.state == TRUE)[chosen]
            positives = np.bincount(owner[outcomes.counted & (truth.label == number)], minlength=units)
            self._classes.append((*_steps(right, said.score[chosen], unit[chosen], units), positives.astype(float)))

    def per_class(self, weights: Floats) -> Floats:
        """(resamples, kept classes), NaN where a class is absent from a resample."""
        columns = np.ascontiguousarray(weights.T)
        found = np.full((len(weights), len(self._classes)), np.nan)
        for number, (true, reached, positives) in enumerate(self._classes):
            block = max(_CELLS // max(true.shape[0], 1), 1)
            for start in range(0, len(weights), block):
                part = columns[:, start : start + block]
                found[start : start + block, number] = _area(true @ part, reached @ part, positives @ part)
        return found

    def __call__(self, weights: Floats) -> Floats:
        return mean_defined(self.per_class(weights))


def _steps(right: Booleans, scores: Floats, unit: Integers, units: int) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Per distinct score of a hit, descending, and unit: hits at it, predictions in [it, the next higher)."""
    thresholds = np.unique(scores[right])[::-1]
    count = len(thresholds)
    above = count - np.searchsorted(thresholds[::-1], scores, side="right")

    def table(chosen: Booleans) -> sparse.csr_array:
        return sparse.csr_array((np.ones(int(chosen.sum())), (above[chosen], unit[chosen])), shape=(count, units))

    return table(right), table(above < count)


def _area(true: Floats, reached: Floats, positives: Floats) -> Floats:
    """AP (resamples,) from hits and predictions at each step, (steps, resamples)."""
    if not len(true):
        return divide(np.zeros_like(positives), positives)
    below = np.cumsum(reached, axis=0)
    precision = np.divide(np.cumsum(true, axis=0), below, out=np.zeros_like(below), where=below > 0)
    envelope = np.maximum.accumulate(precision[::-1], axis=0)[::-1]
    return divide((true * envelope).sum(axis=0), positives)


def refuse_unscored(problem: DetectionProblem) -> None:
    """DataError where a prediction has no score to rank it by."""
    missing = int(np.isnan(problem.predictions.score).sum())
    if missing:
        raise DataError(
            f"{missing} of {len(problem.predictions)} predictions have no score",
            where="predictions",
            mend="Ranking needs a score for each; metrics of decisions (f1, precision, recall) do not.",
        )
