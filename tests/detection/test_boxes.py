"""Boxes and which of them overlap."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.strategies import boxes, intervals
from tests.reference.detectors import area_iou, iou, pairs

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


def banded(found: Boxes, seed: int) -> Boxes:
    """The boxes with random bands, many of them shared."""
    random = np.random.default_rng(seed)
    low = random.choice([20e3, 25e3, 60e3], len(found)) * random.uniform(0.9, 1.1, len(found))
    return Boxes.make(
        found.onset_s,
        found.offset_s,
        score=found.score,
        label=found.label,
        low_hz=low,
        high_hz=low * random.choice([1.2, 2.0], len(found)),
    )


@settings(max_examples=60, deadline=None)
@given(boxes(most=25), boxes(most=25), st.integers(0, 1000))
def test_overlap_of_areas_is_that_of_every_pair_tried(a: Boxes, b: Boxes, seed: int) -> None:
    a, b = banded(a, seed), banded(b, seed + 1)
    rows = [list(zip(s.onset_s, s.offset_s, s.low_hz, s.high_hz, strict=True)) for s in (a, b)]
    for above in (0.0, 0.5):
        wanted = {
            (i, j): area_iou(x, y) ** 0.5
            for i, x in enumerate(rows[0])
            for j, y in enumerate(rows[1])
            if area_iou(x, y) ** 0.5 > above + 1e-6
        }
        first, second, found = overlapping(a, b, above=above)
        assert list(zip(first.tolist(), second.tolist(), strict=True)) == list(wanted)
        np.testing.assert_allclose(found, list(wanted.values()), rtol=1e-9)


def test_one_box_without_bounds_makes_all_of_them_intervals() -> None:
    a = Boxes.make([0.0], [1.0], low_hz=[10.0], high_hz=[20.0])
    b = Boxes.make([0.0], [1.0], low_hz=[30.0], high_hz=[40.0])
    assert len(overlapping(a, b)[0]) == 0
    assert overlapping(a, Boxes.make([0.0], [1.0]))[2].tolist() == [1.0]


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
