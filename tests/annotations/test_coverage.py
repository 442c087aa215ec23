from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.annotations import STEP_S, raster

from tymbal.annotations import (
    CoverageIndex,
    covered_seconds,
    intersect_coverage,
    is_covered,
    make_coverage,
    make_events,
    merge_intervals,
    whole_coverage,
    within_coverage,
)
from tymbal.annotations.coverage import complement
from tymbal.errors import AnnotationError

END_S = 8.0
POINT = st.integers(0, int(END_S / STEP_S)).map(lambda step: step * STEP_S)
SPAN = st.tuples(POINT, POINT)
LABELS = st.one_of(st.none(), st.lists(st.sampled_from("ab"), min_size=1, unique=True))


@given(st.lists(SPAN, max_size=8))
@settings(max_examples=150, deadline=None)
def test_merging_against_the_raster(spans: list[tuple[float, float]]) -> None:
    merged = merge_intervals(spans)
    assert raster(map(tuple, merged.tolist()), END_S) == raster(spans, END_S)
    assert (merged[1:, 0] > merged[:-1, 1]).all()
    assert (merged[:, 1] > merged[:, 0]).all()
    rest = complement(merged, 0.0, END_S)
    assert raster(map(tuple, rest.tolist()), END_S) == [not inside for inside in raster(spans, END_S)]


def table(rows: list[tuple[tuple[float, float], list[str] | None]]) -> pl.DataFrame:
    schema = {"recording": pl.String(), "start_s": pl.Float64(), "end_s": pl.Float64(), "labels": pl.List(pl.String())}
    return make_coverage(pl.DataFrame([("r", a, b, labels) for (a, b), labels in rows], schema=schema, orient="row"))


@given(rows=st.lists(st.tuples(SPAN, LABELS), max_size=6), span=SPAN, label=st.sampled_from(["a", "b", None]))
@settings(max_examples=150, deadline=None)
def test_questions_against_the_raster(
    rows: list[tuple[tuple[float, float], list[str] | None]], span: tuple[float, float], label: str | None
) -> None:
    onset, offset = min(span), max(span) + STEP_S
    coverage = table(rows)
    mine = [s for s, labels in rows if labels is None or label in labels]
    inside = raster(mine, END_S + 1)
    at = range(round(onset / STEP_S), round(offset / STEP_S))
    wanted = all(inside[i] for i in at)
    assert is_covered(coverage, "r", onset, offset, label=label) == wanted
    assert covered_seconds(coverage, label=label) == pytest.approx(sum(inside) * STEP_S)
    event = make_events({"recording": ["r"], "onset_s": [onset], "offset_s": [offset], "label": [label]})
    assert within_coverage(event, coverage).height == wanted
    pieces = intersect_coverage(event, coverage).select("onset_s", "offset_s").rows()
    both = raster(pieces, END_S + 1)
    assert both == [inside[i] and i in at for i in range(len(both))]


def test_open_ends_channels_and_whole_recordings() -> None:
    coverage = make_coverage(
        {"recording": ["a", "b"], "channel": [None, 2], "start_s": [None, 1.0], "end_s": [None, None]}
    )
    assert is_covered(coverage, "a", 0.0, math.inf)
    assert is_covered(coverage, "a", 3.0, 4.0, channel=2)
    assert is_covered(coverage, "b", 1.0, 1e6, channel=2)
    assert not is_covered(coverage, "b", 1.0, 2.0, channel=1)
    assert not is_covered(coverage, "b", 1.0, 2.0)  # the mix holds channel 1 too
    assert not is_covered(coverage, "b", 0.5, 2.0, channel=2)
    assert not is_covered(coverage, "c", 0.0, 1.0)
    events = make_events({"recording": ["a", "b"], "label": ["x", "x"]})
    assert within_coverage(events, coverage)["recording"].to_list() == ["a"]
    assert intersect_coverage(events, coverage)["recording"].to_list() == ["a"]


def test_an_open_end_needs_a_duration_to_be_counted() -> None:
    coverage = whole_coverage(["a", "b"])
    assert covered_seconds(coverage, {"a": 2.0, "b": 3.0}) == 5.0
    with pytest.raises(AnnotationError, match=r"b: listened to until the end.*durations"):
        covered_seconds(coverage, {"a": 2.0})


def test_channels_of_one_recording_are_one_stretch_of_time() -> None:
    coverage = make_coverage({"recording": ["a", "a"], "channel": [1, 2], "start_s": [0.0, 0.0], "end_s": [5.0, 5.0]})
    assert covered_seconds(coverage) == 5.0


def test_whole_coverage_of_nothing_is_an_empty_table() -> None:
    assert whole_coverage([]).height == 0
    assert whole_coverage(["a"], ["x"], "me").row(0) == ("a", None, None, None, ["x"], "me")
    assert np.isfinite(covered_seconds(whole_coverage([])))


@given(st.lists(st.tuples(SPAN, LABELS), max_size=6), st.lists(st.sampled_from("ab"), unique=True))
@settings(max_examples=100, deadline=None)
def test_what_was_listened_to_for_all_labels_is_what_was_for_each(
    spans: list[tuple[tuple[float, float], list[str] | None]], labels: list[str]
) -> None:
    columns = {
        "recording": ["r"] * len(spans),
        "start_s": [span[0] for span, _ in spans],
        "end_s": [max(span) for span, _ in spans],
        "labels": [names for _, names in spans],
    }
    schema = {"recording": pl.String, "start_s": pl.Float64, "end_s": pl.Float64, "labels": pl.List(pl.String)}
    index = CoverageIndex(make_coverage(pl.DataFrame(columns, schema=schema)))
    found = raster(map(tuple, index.intervals_of_all("r", labels).tolist()), END_S)
    each = [raster(map(tuple, index.intervals("r", name).tolist()), END_S) for name in (labels or [None])]
    assert found == [all(inside) for inside in zip(*each, strict=True)]
