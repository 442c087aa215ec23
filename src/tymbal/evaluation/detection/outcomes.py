"""What became of every event at one IoU: found or missed, true or false, absorbed, or not to be known."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tymbal.evaluation.detection.boxes import Booleans, Integers, Pairs, overlapping_pairs
from tymbal.evaluation.detection.matching import assign, match_by_score
from tymbal.evaluation.detection.problem import UNKNOWN, Boxes, DetectionProblem

FALSE, TRUE, ABSORBED, NOT_LISTENED = 0, 1, 2, 3
STATES = ("false", "true", "absorbed", "not listened to")


@dataclass(frozen=True)
class Outcomes:
    """At one IoU.

    predictions : those that were judged, in their order; state (m,) index into STATES.
    counted (n,) : references that can be found or missed; found (n,).
    pairs : reference and prediction of each find. absorbing : reference and prediction of each that was absorbed.
    """

    predictions: Boxes
    state: Integers
    counted: Booleans
    found: Booleans
    pairs: Pairs
    absorbing: Pairs


def judge(problem: DetectionProblem, minimum_iou: float, *, by_score: bool = False) -> Outcomes:
    """Match what counts, label by label, then let what is left over be absorbed.

    by_score : match all predictions greedily by score (`match_by_score`), for curves over thresholds; else the
    predictions at or above the threshold, as many as can be (`match_boxes`).
    A prediction left over is absorbed by an unknown reference, or one outside coverage, one to one; of what is left
    then, what was listened to is false. Without any coverage nothing is false.
    """
    key = "outcomes", minimum_iou, by_score
    if key not in problem.cache:
        problem.cache[key] = _judge(problem, minimum_iou, by_score)
    found: Outcomes = problem.cache[key]
    return found


def _judge(problem: DetectionProblem, minimum_iou: float, by_score: bool) -> Outcomes:
    truth, said = problem.references, problem.predictions if by_score else problem.decided()
    classes = len(problem.labels)
    counted = truth.label != UNKNOWN
    if problem.covered_s is not None:
        counted &= truth.covered
    everything = np.ones(len(said), dtype=bool)
    groups = truth.place * classes + truth.label, said.place * classes + said.label
    pairs = _match(truth, said, counted, everything, groups, minimum_iou, by_score)
    state = np.full(len(said), NOT_LISTENED if problem.covered_s is None else FALSE, dtype=np.int64)
    state[~said.covered] = NOT_LISTENED
    state[pairs.prediction] = TRUE
    absorbing = _match(truth, said, ~counted, state != TRUE, (truth.place, said.place), minimum_iou, by_score)
    state[absorbing.prediction] = ABSORBED
    found = np.zeros(len(truth), dtype=bool)
    found[pairs.reference] = True
    return Outcomes(said, state, counted, found, pairs, absorbing)


def _match(
    truth: Boxes,
    said: Boxes,
    ours: Booleans,
    theirs: Booleans,
    groups: tuple[Integers, Integers],
    minimum_iou: float,
    by_score: bool,
) -> Pairs:
    left, right = np.flatnonzero(ours), np.flatnonzero(theirs)
    pairs = overlapping_pairs(
        truth.boxes[left],
        said.boxes[right],
        minimum_iou=minimum_iou,
        reference_group=groups[0][left],
        prediction_group=groups[1][right],
    )
    if by_score:
        matched = match_by_score(pairs, said.score[right], len(left))
    else:
        matched = assign(pairs, len(left), len(right))
    return Pairs(left[matched.reference], right[matched.prediction], matched.iou)


def class_counts(problem: DetectionProblem, outcomes: Outcomes) -> tuple[Integers, Integers, Integers]:
    """(true, false, missed), each (recordings, labels); references not counted and predictions not judged left out."""
    truth, said = problem.references, outcomes.predictions
    shape = len(problem.recordings), len(problem.labels)

    def table(side: Boxes, chosen: Booleans) -> Integers:
        cells = problem.recording[side.place[chosen]] * shape[1] + side.label[chosen]
        return np.bincount(cells, minlength=shape[0] * shape[1]).reshape(shape)

    missed = outcomes.counted & ~outcomes.found
    return table(said, outcomes.state == TRUE), table(said, outcomes.state == FALSE), table(truth, missed)
