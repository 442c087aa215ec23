"""Detectors judged on a corpus, beside their ceiling."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from tests.detection.conftest import SMALL, TRUTH_GRID, Bursts, burst_sound

from tymbal.detection import Boxes, Detector, ceiling, evaluate
from tymbal.detection.evaluating import bounded


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


@pytest.mark.parametrize("method", ["both", "forward"])
def test_bounds_survive_targets_decoder_and_fusion(method: str) -> None:
    """Two calls at one time, one above the other, are two boxes at native ultrasonic rates too."""
    detector = Detector(SMALL, method=method, bounds=True, classes=False)
    detector.labels_ = ("event",)
    truth = Boxes.make([1.0, 1.0, 1.5], [1.2, 1.2, 1.7], low_hz=[23e3, 60e3, 40e3], high_hz=[27e3, 90e3, 187e3])
    best = ceiling(detector, truth, TRUTH_GRID, 3.0, 187_500.0)
    assert len(best) == 3
    order = np.lexsort((best.low_hz, best.onset_s))
    np.testing.assert_allclose(best.low_hz[order], truth.low_hz)
    np.testing.assert_allclose(best.high_hz[order], truth.high_hz)


def test_boxes_are_judged_as_areas_where_all_have_bounds(bursts: Bursts) -> None:
    events = bursts.corpus.events
    assert bounded(Detector(SMALL, bounds=True), events)
    assert not bounded(Detector(SMALL), events)
    assert not bounded(Detector(SMALL, bounds=True, method="segments"), events)
    missing = events.with_columns(low_hz=pl.when(pl.int_range(pl.len()) == 0).then(None).otherwise("low_hz"))
    assert not bounded(Detector(SMALL, bounds=True), missing)
