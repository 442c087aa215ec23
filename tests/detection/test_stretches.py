"""Candidates of a recording are joined and scored stretch by stretch: the boxes are those of one go."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.strategies import boxes

from tymbal.detection import METHODS, Boxes, Calibration, DetectorConfig, inference
from tymbal.detection.inference import Finder, cuts


class Held(Finder):
    """A finder that has found these."""

    def __init__(self, method: str, edges: dict, runs: Boxes) -> None:  # type: ignore[type-arg]
        self._config, self._found = DetectorConfig(method=method), (edges, runs.sorted())

    def _held(self, level: object) -> tuple[dict, Boxes]:  # type: ignore[type-arg]
        return self._found


@settings(max_examples=60, deadline=None)
@given(
    method=st.sampled_from(sorted(METHODS)),
    forward=boxes(most=30, end_s=8.0),
    reverse=boxes(most=30, end_s=8.0),
    runs=boxes(most=10, end_s=8.0),
    size=st.integers(1, 9),
)
def test_stretches_give_the_boxes_of_the_whole(
    method: str, forward: Boxes, reverse: Boxes, runs: Boxes, size: int
) -> None:
    way = METHODS[method]
    held = {"forward": forward.sorted(), "reverse": reverse.sorted()}
    finder = Held(method, {name: held[name] for name in way.directions}, runs if way.activity else Boxes.none())
    kinds = len(way.kinds)
    calibration = Calibration((0.9, 1.1, 1.3)[:kinds], (0.1, -0.2, 0.3)[:kinds], 0.5)
    whole = finder.boxes(calibration)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inference, "STRETCH", size)
        parts = finder.boxes(calibration)
    for name in ("onset_s", "offset_s", "score", "label"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))


@settings(max_examples=60, deadline=None)
@given(parts=st.lists(boxes(most=20, end_s=8.0), min_size=1, max_size=3), size=st.integers(1, 9))
def test_no_box_spans_a_cut(parts: list[Boxes], size: int) -> None:
    everything = Boxes.join(parts).sorted()
    for moment in cuts(parts, size):
        assert not ((everything.onset_s < moment) & (everything.offset_s > moment)).any()


def test_cuts_lie_at_every_gap_that_is_due() -> None:
    apart = Boxes.make(np.arange(10.0), np.arange(10.0) + 0.5)
    assert cuts([apart], 3) == [3.0, 6.0, 9.0]
    over = Boxes.make([0.2], [9.9])
    assert cuts([apart, over], 3) == []
    assert cuts([Boxes.none()], 3) == []
