"""What scores are worth: thresholds, unknown classes, and honest shares."""

from __future__ import annotations

import numpy as np
import pytest

from tymbal.detection import Boxes, DecodingConfig, f1_score
from tymbal.detection.calibrating import best_threshold, calibrate
from tymbal.detection.methods import Candidates

PLAIN = DecodingConfig(suppression="none")


def test_f1_counts_labels_and_leaves_unknown_ones_out() -> None:
    truth = [Boxes.make([0.0, 2.0, 4.0], [1.0, 3.0, 5.0], label=[0, 1, -1])]
    found = [Boxes.make([0.0, 2.0, 4.0, 6.0], [1.0, 3.0, 5.0, 7.0], label=[0, 0, 1, 1], score=[0.9, 0.8, 0.7, 0.1])]
    assert f1_score(truth, found, 0.5, 0.5) == pytest.approx(2 * 1 / (2 + 2))
    assert f1_score(truth, found, 0.0, 0.5) == pytest.approx(2 * 1 / (2 + 3))


def test_recordings_are_kept_apart() -> None:
    one, two = Boxes.make([0.0], [1.0]), Boxes.make([5.0], [6.0])
    assert f1_score([one, two], [two, one], 0.0, 0.5) == 0.0
    assert f1_score([one, two], [one, two], 0.0, 0.5) == 1.0
    assert f1_score([Boxes.none()], [Boxes.none()], 0.0, 0.5) == 0.0


def test_the_threshold_lies_in_the_middle_of_the_best() -> None:
    truth = [Boxes.make([0.0], [1.0])]
    found = [Boxes.make([0.0, 5.0], [1.0, 6.0], score=[0.8, 0.31])]
    threshold, value = best_threshold(found, truth)
    assert value == 1.0
    assert 0.5 <= threshold <= 0.65


def test_scores_become_shares_that_are_right() -> None:
    """Of one kind 90 % are right, of the other 20 %, whatever their raw scores say."""
    random = np.random.default_rng(0)
    onset = np.arange(2000.0)
    kind = random.integers(0, 2, 2000)
    right = random.random(2000) < np.where(kind == 0, 0.9, 0.2)
    boxes = Boxes.make(onset, onset + 0.5, score=random.uniform(0.45, 0.55, 2000))
    truth = Boxes.make(onset[right], onset[right] + 0.5)
    calibration, _ = calibrate([Candidates(boxes, kind)], [truth], 2, PLAIN)
    scores = calibration.score(Candidates(boxes, kind)).score
    assert scores[kind == 0].mean() == pytest.approx(0.9, abs=0.03)
    assert scores[kind == 1].mean() == pytest.approx(0.2, abs=0.03)
    assert (scores[kind == 0] >= calibration.threshold).all()
    assert (scores[kind == 1] < calibration.threshold).all()


def test_higher_scores_stay_higher_and_few_candidates_say_little() -> None:
    boxes = Boxes.make([0.0, 5.0], [1.0, 6.0], score=[0.9, 0.2])
    kind = np.zeros(2, dtype=np.int64)
    calibration, _ = calibrate([Candidates(boxes, kind)], [Boxes.make([5.0], [6.0])], 1, PLAIN)
    high, low = calibration.score(Candidates(boxes, kind)).score
    assert high > low
    assert calibration.slope[0] >= 0.05


def test_candidates_that_find_unknown_events_teach_nothing() -> None:
    boxes = Boxes.make([0.0, 5.0], [1.0, 6.0], score=[0.5, 0.5])
    kind = np.zeros(2, dtype=np.int64)
    known = Boxes.make([0.0], [1.0])
    both = Boxes.make([0.0, 5.0], [1.0, 6.0], label=[0, -1])
    without, _ = calibrate([Candidates(boxes, kind)], [known], 1, PLAIN)
    with_unknown, _ = calibrate([Candidates(boxes, kind)], [both], 1, PLAIN)
    assert with_unknown.offset[0] > without.offset[0]


def test_boxes_with_bounds_are_judged_as_areas() -> None:
    """Right in time, at another frequency: no find. Two calls at one time, one above the other: both are kept."""
    truth = [Boxes.make([0.0, 0.0], [1.0, 1.0], low_hz=[20.0, 60.0], high_hz=[30.0, 80.0])]
    found = [Boxes.make([0.0, 0.0], [1.0, 1.0], score=[0.9, 0.8], low_hz=[20.0, 90.0], high_hz=[30.0, 99.0])]
    assert f1_score(truth, found, 0.0, 0.5) == 0.5
    assert f1_score(truth, [Boxes.make([0.0, 0.0], [1.0, 1.0])], 0.0, 0.5) == 1.0  # told in time, judged in time
    candidates = Candidates(found[0], np.zeros(2, dtype=np.int64))
    calibration, value = calibrate([candidates], truth, 1, DecodingConfig())
    assert len(calibration.boxes(candidates, DecodingConfig())) == 2
    assert value == pytest.approx(2 / 3)  # the wrong one left out by the threshold
