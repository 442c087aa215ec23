"""Detectors judged on a corpus, beside their ceiling."""

from __future__ import annotations

import numpy as np
from tests.detection.conftest import TRUTH_GRID, Bursts, burst_sound

from tymbal.detection import Boxes, Detector, ceiling, evaluate


def test_scores_come_with_the_ceiling_of_targets_and_decoder(fitted: Detector, bursts: Bursts) -> None:
    scores = evaluate(
        fitted, bursts.encoder, bursts.corpus, recordings=["4.wav"], metrics=["f1@0.5", "f1@0.8", "map@0.5"]
    )
    best, found = scores.oracle["f1@0.8"], scores.estimates["f1@0.5"]
    assert best is not None
    assert found is not None
    assert best.value == 1.0
    assert 0.6 < found.value <= 1.0
    assert scores.settings.threshold == fitted.calibration_.threshold
    assert scores.labels == ("high", "low")


def test_the_ceiling_loses_what_begins_and_ends_together(fitted: Detector) -> None:
    _, rows = burst_sound(3)
    onset = np.array([row["begin_time_s"] for row in rows], dtype=np.float64)
    truth = Boxes.make(onset, onset + 0.2)
    whole = ceiling(fitted, truth, TRUTH_GRID, 8.0)
    np.testing.assert_allclose(whole.onset_s, onset, atol=1e-9)
    fan = Boxes.make([1.0] * 4, 1.0 + 0.1 * 2.0 ** np.arange(4))
    assert len(ceiling(fitted, fan, TRUTH_GRID, 8.0)) == 4  # what has no slot forward is found from its end
    heap = Boxes.make([1.0] * 4, 1.2 + 1e-4 * np.arange(4))
    assert len(ceiling(fitted, heap, TRUTH_GRID, 8.0)) == 1
