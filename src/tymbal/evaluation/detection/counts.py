"""F1, precision and recall of boxes at an IoU: sums over units, so that a resample is one matrix product."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from tymbal.evaluation.counting import Counted, divide, mean_defined
from tymbal.evaluation.detection.boxes import Floats, Integers
from tymbal.evaluation.detection.outcomes import class_counts, judge
from tymbal.evaluation.detection.problem import DetectionProblem

Share = Literal["f1", "precision", "recall"]


@dataclass(frozen=True)
class Decisions:
    """Per recording, all classes together; each (recordings,). The substituted are among false and missed too."""

    true: Integers
    false: Integers
    missed: Integers
    substituted: Integers


def shares(true: Floats, false: Floats, missed: Floats) -> dict[str, Floats]:
    """F1, precision and recall of counts of any shape; NaN where undefined.

    Recall and F1 need a reference, precision a prediction that was judged: a class that is absent has no score.
    """
    held = true + missed
    f1 = divide(2 * true, np.where(held > 0, 2 * true + false + missed, 0.0))
    return {"f1": f1, "precision": divide(true, true + false), "recall": divide(true, held)}


def prepare_micro(problem: DetectionProblem, minimum_iou: float, share: Share) -> Counted:
    """A share of the counts of all classes together."""
    sums = per_unit(problem, np.stack([part.sum(axis=1) for part in _counts(problem, minimum_iou)], axis=1))
    return Counted(sums, lambda total: shares(*total.T)[share])


def prepare_macro(problem: DetectionProblem, minimum_iou: float, share: Share) -> Counted:
    """Mean over classes of a share; classes without a reference that counts are left out."""
    parts = _counts(problem, minimum_iou)
    kept = np.flatnonzero((parts[0] + parts[2]).sum(axis=0))
    statistics = per_unit(problem, np.concatenate([part[:, kept] for part in parts], axis=1))
    absent = tuple(sorted(set(range(len(problem.labels))) - set(kept.tolist())))
    return Counted(statistics, _mean_of(share), absent)


def _mean_of(share: Share) -> Callable[[Floats], Floats]:
    def combine(total: Floats) -> Floats:
        """(resamples, 3 * classes) -> (resamples,)."""
        return mean_defined(shares(*np.split(total, 3, axis=1))[share])

    return combine


def _counts(problem: DetectionProblem, minimum_iou: float) -> tuple[Integers, Integers, Integers]:
    return class_counts(problem, judge(problem, minimum_iou))


def per_unit(problem: DetectionProblem, rows: Integers | Floats) -> Floats:
    """Sums within units of a row per recording: (recordings, k) -> (units, k)."""
    total = np.zeros((problem.units, rows.shape[1]))
    np.add.at(total, problem.unit, rows)
    return total


def f1_of(problem: DetectionProblem, counts: Decisions) -> Counted:
    """F1 of the counts of all classes together."""
    sums = per_unit(problem, np.stack([counts.true, counts.false, counts.missed], axis=1))
    return Counted(sums, lambda total: shares(*total.T)["f1"])


def error_rate_of(problem: DetectionProblem, counts: Decisions) -> Counted:
    """(substitutions + deletions + insertions) / references; may exceed 1."""
    errors = counts.false + counts.missed - counts.substituted
    sums = per_unit(problem, np.stack([errors, counts.true + counts.missed], axis=1))
    return Counted(sums, lambda total: divide(total[:, 0], total[:, 1]))
