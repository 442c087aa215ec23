"""What every threshold would give: precision against recall, and whether scores are honest."""

from __future__ import annotations

import numpy as np
import polars as pl

from tymbal.evaluation.calibration import reliability
from tymbal.evaluation.detection.boxes import Booleans, Floats, Integers
from tymbal.evaluation.detection.counts import shares
from tymbal.evaluation.detection.matching import match_boxes
from tymbal.evaluation.detection.outcomes import FALSE, TRUE, judge
from tymbal.evaluation.detection.problem import UNKNOWN, DetectionProblem
from tymbal.evaluation.detection.ranking import refuse_unscored

POINTS = 400  # thresholds kept of a curve


def threshold_curve(problem: DetectionProblem, minimum_iou: float) -> pl.DataFrame:
    """One row per class (label null = all together) and threshold, descending: the decisions at that threshold.

    label, threshold, true, false, missed, precision, recall, f1; from one greedy match by score (`match_by_score`),
    which finds at most as much as the largest matching that f1@IoU counts. Of more than POINTS distinct scores evenly
    spaced ranks are kept, and those where F1 is best. Without coverage nothing is false: precision and F1 are null.
    """
    refuse_unscored(problem)
    outcomes = judge(problem, minimum_iou, by_score=True)
    truth, said = problem.references, outcomes.predictions
    judged = (outcomes.state == TRUE) | (outcomes.state == FALSE)
    parts = [_curve(None, outcomes.state[judged] == TRUE, said.score[judged], int(outcomes.counted.sum()))]
    for number, label in enumerate(problem.labels if len(problem.labels) > 1 else ()):
        chosen = judged & (said.label == number)
        held = int((outcomes.counted & (truth.label == number)).sum())
        parts.append(_curve(label, outcomes.state[chosen] == TRUE, said.score[chosen], held))
    whole = pl.concat(parts)
    if problem.covered_s is None:
        return whole.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in ("precision", "f1"))
    return whole


def _curve(label: str | None, right: Booleans, scores: Floats, held: int) -> pl.DataFrame:
    order = np.argsort(-scores, kind="stable")
    hits, ranked = np.cumsum(right[order]), scores[order]
    last = np.flatnonzero(np.r_[np.diff(ranked) != 0, True]) if len(ranked) else np.zeros(0, dtype=np.int64)
    true = hits[last].astype(np.float64)
    false, missed = last + 1 - true, held - true
    values = shares(true, false, missed)
    kept: Integers = np.arange(len(last))
    if len(last) > POINTS:
        spaced = np.linspace(0, len(last) - 1, POINTS).round().astype(np.int64)
        kept = np.unique(np.r_[spaced, np.nan_to_num(values["f1"], nan=-1.0).argmax()])
    counts = {"true": true, "false": false, "missed": missed}
    return pl.DataFrame(
        {
            "label": pl.Series([label] * len(kept), dtype=pl.String),
            "threshold": ranked[last][kept],
            **{name: column[kept].astype(np.int64) for name, column in counts.items()},
            **{name: values[name][kept] for name in ("precision", "recall", "f1")},
        }
    ).with_columns(pl.col("precision", "recall", "f1").fill_nan(None))


def detection_reliability(problem: DetectionProblem, minimum_iou: float) -> pl.DataFrame | None:
    """Of the detections scored about so much, how many were right: columns as `evaluation.reliability`.

    A detection is right where it found a reference in the greedy match by score; those that nobody can judge are left
    out. None where no detection was judged or scores are no probabilities.
    """
    refuse_unscored(problem)
    outcomes = judge(problem, minimum_iou, by_score=True)
    judged = (outcomes.state == TRUE) | (outcomes.state == FALSE)
    scores = outcomes.predictions.score[judged]
    if problem.covered_s is None or not len(scores) or scores.min() < 0 or scores.max() > 1:
        return None
    right = outcomes.state[judged] == TRUE
    units = problem.unit_of(outcomes.predictions)[judged]
    return reliability(right[:, None], scores[:, None], groups=units.tolist())


def confusions(problem: DetectionProblem, minimum_iou: float) -> pl.DataFrame:
    """One row per pair of labels that met: reference, prediction, events; null = missed, or explained by nothing.

    The decisions matched label by label; what is left over of both sides is then matched whatever its label.
    """
    outcomes = judge(problem, minimum_iou)
    truth, said = problem.references, outcomes.predictions
    left = np.flatnonzero(outcomes.counted & ~outcomes.found & (truth.label != UNKNOWN))
    right = np.flatnonzero(outcomes.state == FALSE)
    swapped = match_boxes(
        truth.boxes[left],
        said.boxes[right],
        minimum_iou=minimum_iou,
        reference_group=truth.place[left],
        prediction_group=said.place[right],
    )
    ours, theirs = truth.label[left].copy(), said.label[right].copy()
    pairs: list[tuple[int | None, int | None]] = [
        (label, label) for label in truth.label[outcomes.pairs.reference].tolist()
    ]
    pairs += zip(ours[swapped.reference].tolist(), theirs[swapped.prediction].tolist(), strict=True)
    pairs += [(label, None) for label in np.delete(ours, swapped.reference).tolist()]
    pairs += [(None, label) for label in np.delete(theirs, swapped.prediction).tolist()]
    names: dict[int | None, str | None] = {None: None, **dict(enumerate(problem.labels))}
    table = pl.DataFrame(
        [(names[one], names[two]) for one, two in pairs],
        schema={"reference": pl.String, "prediction": pl.String},
        orient="row",
    )
    return table.group_by("reference", "prediction").len("events").sort("reference", "prediction", nulls_last=True)
