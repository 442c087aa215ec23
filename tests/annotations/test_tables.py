from __future__ import annotations

import math

import polars as pl
import pytest

from tymbal.annotations import COVERAGE, EVENTS, make_coverage, make_events
from tymbal.errors import AnnotationError


def test_columns_are_completed_typed_and_in_order() -> None:
    events = make_events({"Notes": ["n"], "offset_s": [2], "onset_s": [math.nan], "channel": [1]})
    assert events.columns == [*EVENTS, "Notes"]
    assert {name: events.schema[name] for name in EVENTS} == dict(EVENTS)
    assert events.row(0, named=True) | {"onset_s": None, "offset_s": 2.0, "event_id": "e1"} == events.row(0, named=True)


def test_missing_event_ids_are_numbered_and_given_ones_stay() -> None:
    assert make_events({"label": ["x"] * 10})["event_id"].to_list()[:2] == ["e01", "e02"]
    assert make_events({"event_id": ["a", None]})["event_id"].to_list() == ["a", "e2"]


def test_nothing_is_an_empty_table() -> None:
    assert make_events({}).schema == pl.Schema(EVENTS)
    assert make_coverage({}).schema == pl.Schema(COVERAGE)


def test_a_column_that_cannot_be_what_it_says_is_an_error() -> None:
    with pytest.raises(AnnotationError, match="a column does not hold what its name says"):
        make_events(pl.DataFrame({"onset_s": ["soon"]}))
