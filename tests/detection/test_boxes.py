"""Boxes and which of them overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from tests.detection.strategies import boxes, intervals
from tests.reference.detectors import iou, pairs

from tymbal.detection import Boxes, overlapping
from tymbal.errors import DataError


@settings(max_examples=60, deadline=None)
@given(boxes(most=25), boxes(most=25))
def test_overlapping_finds_what_every_pair_tried_finds(a: Boxes, b: Boxes) -> None:
    for above in (0.0, 0.5):
        first, second, found = overlapping(a, b, above=above)
        assert list(zip(first.tolist(), second.tolist(), strict=True)) == pairs(intervals(a), intervals(b), above)
        wanted = [iou(intervals(a)[i], intervals(b)[j]) for i, j in zip(first, second, strict=True)]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


@settings(max_examples=20, deadline=None)
@given(boxes())
def test_order_does_not_depend_on_the_order_before(given_boxes: Boxes) -> None:
    shuffled = given_boxes.take(np.random.default_rng(0).permutation(len(given_boxes)))
    np.testing.assert_array_equal(given_boxes.sorted().onset_s, shuffled.sorted().onset_s)
    np.testing.assert_array_equal(given_boxes.sorted().offset_s, shuffled.sorted().offset_s)


def test_columns_of_other_lengths_are_refused() -> None:
    with pytest.raises(DataError, match="equal lengths"):
        Boxes.make([0.0, 1.0], [1.0])


def test_joining_keeps_all() -> None:
    joined = Boxes.join([Boxes.make([0.0], [1.0], label=[2]), Boxes.none(), Boxes.make([3.0], [4.0], low_hz=[100.0])])
    assert joined.label.tolist() == [2, 0]
    assert np.isnan(joined.low_hz[0])
    assert joined.low_hz[1] == 100.0
