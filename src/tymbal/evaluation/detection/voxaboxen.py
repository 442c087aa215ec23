"""Voxaboxen's own scores, for comparison with numbers published by its rule; never our default.

Per recording boxes are matched whatever their class, as many as can be; a matched pair of equal labels is a hit, and
false and missed are what is left of each class's predictions and references. Two of its habits flatter: a class that
neither occurs nor is predicted has F1 = 1 and counts in the macro mean, and micro precision is 1 without a hit. A box
of the wrong class may take the match. Which of the largest matchings is taken decides hits of classes; theirs depends
on the order of edges, ours is that of the largest summed IoU.
"""

from __future__ import annotations

import numpy as np

from tymbal.evaluation.counting import Counted
from tymbal.evaluation.detection.boxes import Floats, Integers
from tymbal.evaluation.detection.counts import per_unit
from tymbal.evaluation.detection.matching import match_boxes
from tymbal.evaluation.detection.problem import UNKNOWN, DetectionProblem


def voxaboxen_counts(problem: DetectionProblem, minimum_iou: float) -> tuple[Integers, Integers, Integers]:
    """(true, false, missed), each (recordings, labels). Coverage counts for nothing; Unknown references excuse."""
    truth, said = problem.references, problem.decided()
    classes, shape = len(problem.labels), (len(problem.recordings), len(problem.labels))
    pairs = match_boxes(
        truth.boxes, said.boxes, minimum_iou=minimum_iou, reference_group=truth.place, prediction_group=said.place
    )

    def table(place: Integers, label: Integers) -> Integers:
        cells = problem.recording[place] * classes + label
        return np.bincount(cells, minlength=shape[0] * classes).reshape(shape)

    labels = truth.label[pairs.reference], said.label[pairs.prediction]
    hit, excused = labels[0] == labels[1], labels[0] == UNKNOWN
    known = truth.label != UNKNOWN
    true = table(truth.place[pairs.reference[hit]], labels[0][hit])
    false = table(said.place, said.label) - true - table(said.place[pairs.prediction[excused]], labels[1][excused])
    missed = table(truth.place[known], truth.label[known]) - true
    return true, false, missed


def prepare_voxaboxen_macro(problem: DetectionProblem, minimum_iou: float) -> Counted:
    """Mean of F1 over all classes, 1 for those with nothing to count."""
    parts = voxaboxen_counts(problem, minimum_iou)
    statistics = per_unit(problem, np.concatenate(parts, axis=1))

    def combine(total: Floats) -> Floats:
        true, false, missed = np.split(total, 3, axis=1)
        below = 2 * true + false + missed
        f1 = np.divide(2 * true, below, out=np.ones_like(below), where=below > 0)
        return np.asarray(f1.mean(axis=1))

    return Counted(statistics, combine)


def prepare_voxaboxen_micro(problem: DetectionProblem, minimum_iou: float) -> Counted:
    """F1 of the summed counts."""
    parts = [part.sum(axis=1) for part in voxaboxen_counts(problem, minimum_iou)]

    def combine(total: Floats) -> Floats:
        true, false, missed = total.T
        below = 2 * true + false + missed
        return np.asarray(np.divide(2 * true, below, out=np.ones_like(below), where=below > 0))

    return Counted(per_unit(problem, np.stack(parts, axis=1)), combine)
