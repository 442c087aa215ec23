"""Two directions brought together."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from tests.detection.strategies import boxes, intervals, rounded
from tests.reference.detectors import best_assignment

from tymbal.detection import Boxes, EdgeMaps, TargetConfig, decode_edges, edge_targets, fuse
from tymbal.detection.fusion import ORIGINS, assign
from tymbal.units import FrameGrid

GRID = FrameGrid(0.02, 0.0, 0.04)


@settings(max_examples=40, deadline=None)
@given(boxes(most=5, end_s=0.6, labels=1), boxes(most=5, end_s=0.6, labels=1))
def test_the_assignment_has_the_largest_sum(a: Boxes, b: Boxes) -> None:
    for above in (0.0, 0.5):
        first, second, iou = assign(a, b, above=above)
        assert len(set(first.tolist())) == len(first)
        assert len(set(second.tolist())) == len(second)
        np.testing.assert_allclose(iou.sum(), best_assignment(intervals(a), intervals(b), above), rtol=1e-9)


@settings(max_examples=30, deadline=None)
@given(boxes(most=12, labels=2))
def test_perfect_directions_give_the_truth_once(events: Boxes) -> None:
    parts = []
    for direction in ("forward", "reverse"):
        targets = edge_targets(events, GRID, 230, direction, TargetConfig(slots=12))  # type: ignore[arg-type]
        parts.append(decode_edges(EdgeMaps.of_targets(targets, 2), GRID, direction, floor=0.9))  # type: ignore[arg-type]
    found = fuse(*parts)
    assert (found.origin == ORIGINS.index("both")).all()
    assert rounded(found.boxes) == rounded(events)
    np.testing.assert_allclose(found.boxes.score, 1.0)


def test_a_pair_takes_each_edge_from_the_direction_that_finds_it() -> None:
    forward = Boxes.make([1.0, 5.0], [2.2, 6.0], score=[0.8, 0.6])
    reverse = Boxes.make([1.1, 8.0], [2.0, 9.0], score=[0.5, 0.4])
    found = fuse(forward, reverse)
    assert found.boxes.onset_s.tolist() == [1.0, 5.0, 8.0]
    assert found.boxes.offset_s.tolist() == [2.0, 6.0, 9.0]
    assert [ORIGINS[number] for number in found.origin] == ["both", "forward", "reverse"]
    np.testing.assert_allclose(found.boxes.score, [0.9 * (1 + 0.9 / 1.2) / 2, 0.6, 0.4])


def test_directions_that_disagree_about_a_label_are_one_event_of_the_surer_label() -> None:
    forward = Boxes.make([0.0], [1.0], label=[0], score=[0.6])
    found = fuse(forward, Boxes.make([0.0], [1.0], label=[1], score=[0.8])).boxes
    assert found.label.tolist() == [1]
    assert found.score.tolist() == [0.8]
    both = fuse(forward, Boxes.make([0.0, 0.1], [1.0, 1.1], label=[1, 0], score=[0.8, 0.5])).boxes
    assert sorted(both.label.tolist()) == [0, 1]
    assert dict(zip(both.label.tolist(), both.offset_s.tolist(), strict=True)) == {0: 1.1, 1: 1.0}


def test_the_larger_iou_wins_whatever_comes_first() -> None:
    first, second, _ = assign(Boxes.make([0.0, 0.1], [1.0, 1.1]), Boxes.make([0.1], [1.1]))
    assert (first.tolist(), second.tolist()) == ([1], [0])
