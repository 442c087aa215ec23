"""Peaks, suppression, and truth through targets and back."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.strategies import boxes, intervals, rounded
from tests.reference.detectors import hard, soft

from tymbal.detection import Boxes, DecodingConfig, EdgeMaps, TargetConfig, decode_edges, edge_targets, suppress
from tymbal.detection.decoding import find_peaks
from tymbal.errors import UsageError
from tymbal.units import FrameGrid

GRID = FrameGrid(0.02, 0.007, 0.04)


@settings(max_examples=60, deadline=None)
@given(boxes(labels=3), st.sampled_from(["forward", "reverse"]))
def test_targets_decode_to_the_truth(events: Boxes, direction: str) -> None:
    targets = edge_targets(events, GRID, 230, direction, TargetConfig(slots=12))  # type: ignore[arg-type]
    found = decode_edges(EdgeMaps.of_targets(targets, 3), GRID, direction, floor=0.9)  # type: ignore[arg-type]
    assert rounded(found) == rounded(events)


def test_bounds_in_frequency_come_back() -> None:
    events = Boxes.make([0.1, 0.6], [0.2, 0.9], low_hz=[1e3, 2e3], high_hz=[4e3, 5e3])
    targets = edge_targets(events, GRID, 60, "forward", nyquist_hz=8000.0)
    found = decode_edges(EdgeMaps.of_targets(targets), GRID, "forward", floor=0.5, nyquist_hz=8000.0)
    np.testing.assert_allclose(found.low_hz, events.low_hz)
    np.testing.assert_allclose(found.high_hz, events.high_hz)


def test_peaks_need_no_spacing_and_may_lie_at_the_ends() -> None:
    heat = np.array([[0.9, 0.1, 0.8, 0.2, 0.2, 0.7], [0.0, 0.5, 0.5, 0.04, 0.01, 0.04]])
    slots, frames = find_peaks(heat, 0.05)
    assert list(zip(slots.tolist(), frames.tolist(), strict=True)) == [(0, 0), (0, 2), (0, 5), (1, 1)]


@settings(max_examples=60, deadline=None)
@given(boxes(most=20), st.sampled_from([0.0, 0.3, 0.7]))
def test_hard_suppression_is_that_of_the_twin(given_boxes: Boxes, above: float) -> None:
    ordered = given_boxes.sorted()
    kept = hard(intervals(ordered), ordered.score.tolist(), ordered.label.tolist(), above)
    found = suppress(given_boxes, DecodingConfig(suppress_iou=above))
    np.testing.assert_array_equal(found.onset_s, ordered.onset_s[kept])
    np.testing.assert_array_equal(found.score, ordered.score[kept])


@settings(max_examples=60, deadline=None)
@given(boxes(most=20))
def test_soft_suppression_is_that_of_the_twin_and_reports_the_score_it_ends_with(given_boxes: Boxes) -> None:
    ordered = given_boxes.sorted()
    wanted = np.array(soft(intervals(ordered), ordered.score.tolist(), ordered.label.tolist()))
    found = suppress(given_boxes, DecodingConfig(suppression="soft", floor=0.05))
    np.testing.assert_allclose(found.score, wanted[wanted >= 0.05], rtol=1e-9)


def test_boxes_of_other_classes_are_left_alone() -> None:
    both = Boxes.make([0.0, 0.0], [1.0, 1.0], score=[0.9, 0.8], label=[0, 1])
    for way in ("hard", "soft"):
        assert suppress(both, DecodingConfig(suppression=way)).score.tolist() == [0.9, 0.8]  # type: ignore[arg-type]


def test_only_peaks_of_the_own_frames_are_kept() -> None:
    heat = np.array([[0.9, 0.1, 0.8, 0.2]])
    zeros = np.zeros_like(heat)
    found = decode_edges(EdgeMaps(heat, zeros, zeros), GRID, "forward", floor=0.5, keep=slice(1, 3))
    assert found.score.tolist() == [0.8]


def test_settings_out_of_range() -> None:
    with pytest.raises(UsageError, match="suppress_iou"):
        DecodingConfig(suppress_iou=2.0).check()
