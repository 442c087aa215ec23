from __future__ import annotations

import polars as pl
import pytest

from tymbal.annotations.formats.raven_columns import event_times, label_column, pairs
from tymbal.annotations.sheet import parse_sheet


def floats(*values: float | None) -> pl.Series:
    return pl.Series(values, dtype=pl.Float64)


def test_times_with_and_without_file_offset() -> None:
    onset, offset = event_times(floats(1.0, 60.0), floats(2.0, 61.5), None, floats(1.0, 10.0))
    assert onset.to_list() == [1.0, 10.0]
    assert offset.to_list() == [2.0, 11.5]
    onset, offset = event_times(floats(1.0), None, floats(0.5), None)
    assert (onset.item(), offset.item()) == (1.0, 1.5)
    onset, offset = event_times(None, None, floats(0.5), floats(3.0))
    assert (onset.item(), offset.item()) == (3.0, 3.5)


@pytest.mark.parametrize(
    ("header", "row", "chosen"),
    [
        ("Annotation\tSpecies", "a\ta", 0),
        ("Species\tAnnotation", "a\ta", 1),
        ("Begin File\tWho", "x.wav\ta", 1),
        ("Selection\tPower (dB)", "1\t-3.5", None),
        ("View\tPeak Time", "Spectrogram 1\t12:30", None),
    ],
)
def test_choice_of_the_label_column(header: str, row: str, chosen: int | None) -> None:
    assert label_column(parse_sheet(f"{header}\n{row}\n", "t"))[0] == chosen


def test_pairs_are_rows() -> None:
    assert list(pairs(parse_sheet("a\tb\n1\t2\n3\t4\n", "t"), 0, 1)) == [("1", "2"), ("3", "4")]
