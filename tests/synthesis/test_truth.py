"""Overlaps counted in sorted lists equal those counted pair by pair; tables say what is known."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import synthesis as slow

from tymbal.annotations import CoverageIndex
from tymbal.synthesis.truth import Call, count_overlaps, coverage_table, events_table

spans_of = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 30)), max_size=40)


@settings(max_examples=200, deadline=None)
@given(spans_of)
def test_overlaps_equal_those_pair_by_pair(spans: list[tuple[int, int]]) -> None:
    onsets = np.array([onset for onset, _ in spans], dtype=np.int64)
    offsets = onsets + np.array([length for _, length in spans], dtype=np.int64)
    assert count_overlaps(onsets, offsets).tolist() == slow.overlaps(list(zip(onsets, offsets, strict=True)))


CALLS = [
    Call("b", "NEG", 3.0, 4.0, 1000.0, 2000.0, 3.0, 1, "tone"),
    Call("a", "UNK", 1.0, 2.0, 1000.0, 2000.0, -9.0, 0, "tone"),
    Call("a", "POS", 3.5, 6.0, 500.0, 900.0, 9.0, 1, "recorded", "x.wav@1.000"),
]


def test_events_are_in_order_with_their_columns() -> None:
    table = events_table(CALLS, "scene-000001")
    assert table["label"].to_list() == ["a", "b", "a"]
    assert table["certainty"].to_list() == ["unknown", None, None]
    assert table["recording"].unique().to_list() == ["scene-000001"]
    assert table["overlaps"].to_list() == [0, 1, 1]
    assert table["origin"].to_list()[2] == "x.wav@1.000"
    assert events_table([], "x").height == 0


def test_coverage_has_a_hole_for_the_label_that_is_unknown() -> None:
    index = CoverageIndex(coverage_table(CALLS, "r", 10.0, ("a", "b", "c")))
    assert index.covers("r", 1.2, 1.4, label="a") is False
    assert index.covers("r", 2.2, 9.4, label="a") is True
    assert index.covers("r", 0.0, 10.0, label="b") is True
    assert index.covers("r", 0.0, 10.0, label="c") is True
    whole = CoverageIndex(coverage_table(CALLS[:1], "r", 10.0, ("a", "b")))
    assert whole.covers("r", 0.0, 10.0, label="anything") is True
