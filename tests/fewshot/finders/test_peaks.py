"""Boxes that stay, runs and peaks."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import fewshot as slow

from tymbal.fewshot.finders import peaks


@settings(max_examples=150, deadline=None)
@given(
    rows=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 12), st.integers(0, 9)), max_size=25),
    overlap=st.sampled_from([0.0, 0.3, 0.4, 0.9]),
)
def test_best_boxes_are_those_of_loops(rows: list[tuple[int, int, int]], overlap: float) -> None:
    starts = np.array([row[0] for row in rows], np.int64)
    stops = starts + np.array([row[1] for row in rows], np.int64)
    heights = np.array([row[2] for row in rows], np.float64)
    kept = peaks.best_boxes(starts, stops, heights, overlap).tolist()
    wanted = slow.kept_boxes(list(zip(starts.tolist(), stops.tolist(), strict=True)), heights.tolist(), overlap)
    shown = [(starts[each], stops[each], heights[each]) for each in kept]
    assert shown == [(starts[each], stops[each], heights[each]) for each in wanted]


def test_runs_close_small_gaps_and_drop_short_ones() -> None:
    above = np.array([0, 1, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 1, 1, 1], bool)
    starts, stops = peaks.runs(above, 1, 3)
    assert list(zip(starts.tolist(), stops.tolist(), strict=True)) == [(1, 6), (9, 15)]
    assert len(peaks.runs(np.zeros(4, bool), 1, 1)[0]) == 0


def test_peaks_are_first_of_a_plateau_and_the_edges_count() -> None:
    assert peaks.peaks(np.array([3.0, 1, 2, 2, 1, 5]), 1.5).tolist() == [0, 2, 5]
