from __future__ import annotations

import math
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.annotations import verdict

from tymbal.annotations import clean_events, make_events


def one(**columns: Any) -> pl.DataFrame:
    base = {"recording": "rec.wav", "onset_s": 1.0, "offset_s": 2.0, "source": "dir/t.txt"}
    frame = pl.DataFrame({name: [value] for name, value in (base | columns).items()}, strict=False)
    return make_events(frame.with_columns(source_row=pl.lit(7)))


def codes(faults: Any) -> list[str]:
    return [fault.code for fault in faults]


@pytest.mark.parametrize(
    ("columns", "code"),
    [
        ({"onset_s": None}, "bad_time"),
        ({"offset_s": math.inf}, "bad_time"),
        ({"onset_s": math.nan}, "bad_time"),
        ({"onset_s": 3.0}, "end_before_begin"),
        ({"onset_s": 2.0}, "zero_duration"),
        ({"onset_s": -2.0, "offset_s": -1.0}, "before_start"),
        ({"onset_s": 20.0, "offset_s": 21.0}, "beyond_end"),
        ({"onset_s": 1000.0, "offset_s": 2000.0}, "milliseconds"),
    ],
)
def test_impossible_events_go_and_are_named(columns: dict[str, Any], code: str) -> None:
    kept, faults = clean_events(one(**columns), {"rec.wav": 10.0})
    assert kept.height == 0
    assert codes(faults) == [code]
    assert faults[0].message.startswith("t.txt, row 7: ")


@pytest.mark.parametrize(
    ("columns", "code", "expected"),
    [
        ({"onset_s": -0.5}, "negative_begin", {"onset_s": 0.0}),
        ({"offset_s": 11.0}, "over_end", {"offset_s": 10.0}),
        ({"low_hz": 5e3, "high_hz": 1e3}, "low_above_high", {"low_hz": 1e3, "high_hz": 5e3}),
        ({"low_hz": -1.0, "high_hz": 1e3}, "bad_frequency", {"low_hz": 0.0, "high_hz": 1e3}),
        ({"low_hz": 1.0, "high_hz": math.inf}, "bad_frequency", {"low_hz": 1.0, "high_hz": None}),
        ({"low_hz": 1e3, "high_hz": 24e3}, "above_nyquist", {"low_hz": 1e3, "high_hz": 8e3}),
        ({"low_hz": 9e3, "high_hz": 24e3}, "above_nyquist", {"low_hz": None, "high_hz": None}),
        ({"label": "  "}, "blank_label", {"label": None}),
        ({"label": " x "}, "label_spaces", {"label": "x"}),
    ],
)
def test_events_that_can_be_corrected_are(columns: dict[str, Any], code: str, expected: dict[str, Any]) -> None:
    kept, faults = clean_events(one(**columns), {"rec.wav": 10.0}, {"rec.wav": 16_000})
    assert codes(faults) == [code]
    row = kept.row(0, named=True)
    assert {name: row[name] for name in expected} == expected
    again, none = clean_events(kept, {"rec.wav": 10.0}, {"rec.wav": 16_000})
    assert none == ()
    assert again.equals(kept)


def test_sound_events_are_left_alone() -> None:
    events = one(low_hz=0.0, high_hz=8e3, label="bird", offset_s=10.0 + 1e-9)
    kept, faults = clean_events(events, {"rec.wav": 10.0}, {"rec.wav": 16_000})
    assert faults == ()
    assert kept["offset_s"].item() <= 10.0 + 1e-9


def test_labels_of_whole_recordings_stay() -> None:
    kept, faults = clean_events(one(onset_s=None, offset_s=None, label="x"), {"rec.wav": 10.0})
    assert kept.height == 1
    assert faults == ()


def test_without_a_duration_nothing_is_said_of_the_end() -> None:
    kept, faults = clean_events(one(onset_s=1e6, offset_s=2e6), {"other.wav": 10.0})
    assert kept.height == 1
    assert faults == ()


def test_negative_zero_becomes_zero() -> None:
    kept, faults = clean_events(one(onset_s=-0.0))
    assert math.copysign(1, kept["onset_s"].item()) == 1
    assert faults == ()


def test_a_few_events_past_the_end_are_not_milliseconds() -> None:
    events = make_events(
        {"recording": ["r"] * 3, "onset_s": [1.0, 2.0, 20.0], "offset_s": [1.5, 3.0, 21.0], "source": ["t"] * 3}
    )
    kept, faults = clean_events(events, {"r": 10.0})
    assert kept.height == 2
    assert codes(faults) == ["beyond_end"]


def test_real_tables_in_milliseconds_are_found(data: Any) -> None:
    """DAS wrote start_seconds in milliseconds; the recording lasts about 40 s."""
    from tymbal.annotations import read_events

    path = data("annotation_formats") / "files/simple_csv/steinfath/bl26lb16_190412_0721.20144_annotations.csv"
    read = read_events(path, recording="r.wav")
    assert "milliseconds" in codes(read.cleaned({"r.wav": 40.0}).faults)


def test_duplicates_are_named_and_kept() -> None:
    events = pl.concat([one(), one(), one(label="other")])
    kept, faults = clean_events(events)
    assert kept.height == 3
    assert codes(faults) == ["duplicate"]


def test_faults_are_grouped_by_file_and_without_rows_name_the_event() -> None:
    events = pl.concat([one(onset_s=3.0), one(onset_s=3.0, source="dir/u.txt")])
    _, faults = clean_events(events)
    assert [fault.message.split(",")[0] for fault in faults] == ["t.txt", "u.txt"]
    _, faults = clean_events(make_events({"event_id": ["e9"], "onset_s": [3.0], "offset_s": [2.0]}))
    assert faults[0].message.startswith("events, e9: ")


TIMES = st.one_of(st.none(), st.floats(-3, 15).map(lambda x: round(x, 2)), st.sampled_from([math.inf, 0.0, 10.0]))


@given(rows=st.lists(st.tuples(TIMES, TIMES), max_size=8), known=st.booleans())
@settings(max_examples=150, deadline=None)
def test_against_the_slow_twin(rows: list[tuple[float | None, float | None]], known: bool) -> None:
    events = make_events(
        pl.DataFrame(
            {"recording": ["r"] * len(rows), "onset_s": [a for a, _ in rows], "offset_s": [b for _, b in rows]},
            schema={"recording": pl.String(), "onset_s": pl.Float64(), "offset_s": pl.Float64()},
        )
    )
    kept, faults = clean_events(events, {"r": 10.0} if known else None)
    expected = [verdict(a, b, 10.0 if known else None) for a, b in rows]
    left = [(None, None) if v == "whole" else v for v in expected if v is not None]
    assert kept.select("onset_s", "offset_s").rows() == left
    assert (len(left) < len(rows)) <= bool(faults)
