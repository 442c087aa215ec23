"""Collar-based measures: an event is found where onset and offset are near enough (Mesaros et al. 2016, section 3.2).

As sed_eval's event-based metrics with optimal matching: same label, |onset difference| <= collar, |offset difference|
<= max(collar, share of the reference's duration), as many pairs as can be. Frequencies count for nothing.
"""

from __future__ import annotations

import numpy as np

from tymbal.evaluation.counting import Counted
from tymbal.evaluation.detection.boxes import (
    TIE,
    Booleans,
    Floats,
    Integers,
    Pairs,
    common_axis,
    expanded,
    no_pairs,
    pairwise_iou,
)
from tymbal.evaluation.detection.counts import Decisions, error_rate_of, f1_of
from tymbal.evaluation.detection.matching import assign
from tymbal.evaluation.detection.problem import UNKNOWN, Boxes, DetectionProblem


def near_pairs(
    references: Floats,
    predictions: Floats,
    *,
    collar_s: float,
    collar_share: float,
    reference_group: Integers,
    prediction_group: Integers,
) -> Pairs:
    """Every pair of one group with onset and offset within the collars (inclusive), and its IoU; boxes (n, 2) in s."""
    if not len(references) or not len(predictions):
        return no_pairs()
    base = common_axis(references, predictions, reference_group, prediction_group)
    shift = (0.0, 0.0) if base is None else (base[reference_group], base[prediction_group])
    key = predictions[:, 0] + shift[1]
    order = np.argsort(key, kind="stable")
    ranked, wanted = key[order], references[:, 0] + shift[0]
    reach = collar_s + TIE + 8 * float(np.spacing(np.abs(ranked).max() + np.abs(wanted).max()))
    start = np.searchsorted(ranked, wanted - reach, side="left")
    count = np.searchsorted(ranked, wanted + reach, side="right") - start
    parts = []
    for left, place in expanded(start, count):
        right = order[place]
        one, two = references[left], predictions[right]
        away = np.abs(one - two)
        allowed = np.maximum(collar_s, collar_share * (one[:, 1] - one[:, 0]))
        kept = (away[:, 0] <= collar_s + TIE) & (away[:, 1] <= allowed + TIE)
        kept &= reference_group[left] == prediction_group[right]
        parts.append((left[kept], right[kept], pairwise_iou(one[kept], two[kept])))
    if not parts:
        return no_pairs()
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Pairs(columns[0].astype(np.int64), columns[1].astype(np.int64), columns[2])


def collar_counts(problem: DetectionProblem) -> Decisions:
    """Matches label by label; then false and missed of different labels that lie within the collars are substitutions.

    What unknown references and the want of coverage excuse is left out, as by IoU.
    """
    if "collar" not in problem.cache:
        problem.cache["collar"] = _collar_counts(problem)
    counts: Decisions = problem.cache["collar"]
    return counts


def _collar_counts(problem: DetectionProblem) -> Decisions:
    truth, said, classes = problem.references, problem.decided(), len(problem.labels)
    counted = truth.label != UNKNOWN
    if problem.covered_s is not None:
        counted &= truth.covered
    pairs = _match(problem, truth, said, counted, np.ones(len(said), bool), classes)
    missed, left = counted.copy(), np.ones(len(said), dtype=bool)
    missed[pairs.reference], left[pairs.prediction] = False, False
    left[_match(problem, truth, said, ~counted, left, 0).prediction] = False
    left &= said.covered
    swapped = _match(problem, truth, said, missed, left, 0)
    place = (truth.place, said.place)

    def table(side: int, rows: Integers | Booleans) -> Integers:
        return np.bincount(problem.recording[place[side][rows]], minlength=len(problem.recordings))

    return Decisions(table(0, pairs.reference), table(1, left), table(0, missed), table(0, swapped.reference))


def _match(
    problem: DetectionProblem, truth: Boxes, said: Boxes, ours: Booleans, theirs: Booleans, classes: int
) -> Pairs:
    """Largest matching within the collars among some of both sides; by label where `classes` is not 0."""
    left, right = np.flatnonzero(ours), np.flatnonzero(theirs)
    groups = [
        side.place[rows] * classes + side.label[rows] if classes else side.place[rows]
        for side, rows in ((truth, left), (said, right))
    ]
    pairs = near_pairs(
        truth.boxes[left, :2],
        said.boxes[right, :2],
        collar_s=problem.settings.collar_s,
        collar_share=problem.settings.collar_share,
        reference_group=groups[0],
        prediction_group=groups[1],
    )
    matched = assign(pairs, len(left), len(right))
    return Pairs(left[matched.reference], right[matched.prediction], matched.iou)


def prepare_collar_f1(problem: DetectionProblem, _: float) -> Counted:
    """F1 of the events of all classes together."""
    return f1_of(problem, collar_counts(problem))


def prepare_collar_error_rate(problem: DetectionProblem, _: float) -> Counted:
    """(substitutions + deletions + insertions) / references; may exceed 1."""
    return error_rate_of(problem, collar_counts(problem))
