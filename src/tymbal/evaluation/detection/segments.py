"""Segment-based measures: which classes sound in which segment of a fixed grid (Mesaros et al. 2016, section 3.1).

As sed_eval: an event is active in every segment it touches. Two events of one class in one segment are one, so these
measures cannot see whether calls that overlap were told apart.
"""

from __future__ import annotations

import numpy as np

from tymbal.evaluation.counting import Counted
from tymbal.evaluation.detection.boxes import TIE, Booleans, Floats, Integers
from tymbal.evaluation.detection.counts import Decisions, error_rate_of, f1_of
from tymbal.evaluation.detection.problem import UNKNOWN, Boxes, DetectionProblem


def segment_counts(problem: DetectionProblem) -> Decisions:
    """Activity of references and predictions compared segment by segment.

    Segments count where their middle was listened to for the class, and not where only an unknown reference is active.
    """
    if "segments" not in problem.cache:
        problem.cache["segments"] = _segment_counts(problem)
    counts: Decisions = problem.cache["segments"]
    return counts


def _segment_counts(problem: DetectionProblem) -> Decisions:
    truth, said = problem.references, problem.decided()
    known = truth.label != UNKNOWN
    ours, theirs, excused = (_active(problem, side) for side in (truth.take(known), said, truth.take(~known)))
    classes = len(problem.labels)
    hidden = np.unique(excused[0] * _SEGMENTS + excused[2])
    cells = [_cells(problem, *side) for side in (ours, theirs)]
    free = ~np.isin(cells[1] // classes, hidden)  # excused where no known reference is active either
    true = np.intersect1d(cells[0], cells[1], assume_unique=True)
    missed = np.setdiff1d(cells[0], cells[1], assume_unique=True)
    false = np.setdiff1d(cells[1][free], cells[0], assume_unique=True)
    # of one segment as many are substitutions as are both false and missed
    where, number = np.unique(np.concatenate([false, missed]) // classes, return_inverse=True)
    each = [np.bincount(part, minlength=len(where)) for part in (number[: len(false)], number[len(false) :])]
    recordings = len(problem.recordings)

    def table(segments: Integers, weights: Integers | None = None) -> Integers:
        of = problem.recording[segments // _SEGMENTS]
        return np.bincount(of, weights=weights, minlength=recordings).astype(np.int64)

    return Decisions(
        table(true // classes), table(false // classes), table(missed // classes), table(where, np.minimum(*each))
    )


_SEGMENTS = 1 << 32  # more than a recording has segments


def _active(problem: DetectionProblem, side: Boxes) -> tuple[Integers, Integers, Integers]:
    """(place, label, segment) of each segment that each event touches."""
    length = problem.settings.segment_s
    first = np.floor(side.boxes[:, 0] / length + TIE).astype(np.int64)
    count = np.maximum(np.ceil(side.boxes[:, 1] / length - TIE).astype(np.int64) - first, 0)
    rows = np.repeat(np.arange(len(side)), count)
    segment = first[rows] + np.arange(len(rows)) - np.repeat(np.cumsum(count) - count, count)
    return side.place[rows], side.label[rows], segment


def _cells(problem: DetectionProblem, place: Integers, label: Integers, segment: Integers) -> Integers:
    """Sorted numbers of the (place, segment, class) that are active and were listened to."""
    kept: Booleans = segment >= 0
    if problem.listened is not None:
        middle: Floats = (segment.astype(np.float64) + 0.5) * problem.settings.segment_s
        kept &= problem.listened.holds(middle, place, label, problem.keys, problem.recordings)
    return np.unique((place * _SEGMENTS + segment)[kept] * len(problem.labels) + label[kept])


def prepare_segment_f1(problem: DetectionProblem, _: float) -> Counted:
    """F1 of the segments of all classes together."""
    return f1_of(problem, segment_counts(problem))


def prepare_segment_error_rate(problem: DetectionProblem, _: float) -> Counted:
    """(substitutions + deletions + insertions) / active references; may exceed 1."""
    return error_rate_of(problem, segment_counts(problem))
