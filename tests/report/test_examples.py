"""Which examples are shown."""

from __future__ import annotations

import polars as pl

from tymbal.report.examples import pick, with_sureness

ROWS = pl.DataFrame(
    {
        "event_id": ["1", "2", "3", "4", "5", "6"],
        "recording": ["x", "x", "x", "y", "z", "z"],
        "reference": ["a", "a", "a", "b", "a", "b"],
        "predicted": ["b", "b", "b", "b", "a", "b"],
        "scores": [[0.1, 0.9], [0.2, 0.8], [0.3, 0.7], [0.4, 0.6], [0.95, 0.05], [0.3, 0.7]],
    }
)


def test_sureness_is_the_score_of_the_predicted_label() -> None:
    assert with_sureness(ROWS, ["a", "b"])["sureness"].to_list() == [0.9, 0.8, 0.7, 0.6, 0.95, 0.7]
    assert with_sureness(ROWS.drop("scores"), ["a", "b"])["sureness"].null_count() == 6


def test_wrong_ones_surest_first_but_not_all_of_one_recording() -> None:
    rows = with_sureness(ROWS, ["a", "b"])
    assert [row["event_id"] for row in pick(rows, right=False, wanted=2)] == ["1", "2"]
    more = pl.concat(
        [rows, rows.filter(pl.col("event_id") == "3").with_columns(event_id=pl.lit("7"), recording=pl.lit("q"))]
    )
    assert [row["event_id"] for row in pick(more, right=False, wanted=3)] == ["1", "2", "7"]
    assert [row["event_id"] for row in pick(more, right=False, wanted=9)] == ["1", "2", "7", "3"]


def test_right_ones_take_labels_in_turn() -> None:
    rows = with_sureness(ROWS, ["a", "b"])
    assert [row["event_id"] for row in pick(rows, right=True, wanted=9)] == ["5", "6", "4"]
