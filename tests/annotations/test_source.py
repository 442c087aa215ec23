from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.annotations.source import Reading, Source


def source(text: str, name: str = "X.Table.1.selections.txt") -> Source:
    return Source(Path(name), text.encode())


def test_the_head_is_seen_without_the_rest() -> None:
    table = source('"Begin Time (s)"\tLabel\n1\tx\n')
    assert table.header == ("begin time (s)", "label")
    assert table.keys == {"begin_time_s", "label"}
    assert table.default_recording == "X"
    assert Source(Path("a.txt"), b"", recording="r.wav").default_recording == "r.wav"


def test_binary_files_have_no_head() -> None:
    table = Source(Path("x.wav"), b"RIFF\0\0\0\0")
    assert table.first_lines == []
    assert table.keys == frozenset()


@given(st.lists(st.one_of(st.floats(allow_nan=False), st.integers(-1000, 1000)), min_size=1, max_size=10))
@settings(max_examples=60, deadline=None)
def test_numbers_read_back_exactly(values: list[float]) -> None:
    table = source("a\tb\n" + "".join(f"{value!r}\tx\n" for value in values))
    assert table.numbers(0, "a").to_list() == [float(value) for value in values]
    assert table.faults == []


def test_blanks_nan_commas_and_words_in_a_column_of_numbers() -> None:
    table = source("a\tb\n1,5\tx\n\tx\nnan\tx\nbird\tx\n1_000\tx\n 2 \tx\n")
    assert table.numbers(0, "a").to_list() == [1.5, None, None, None, None, 2.0]
    assert [fault.code for fault in table.faults] == ["decimal_comma", "not_a_number"]
    assert "row 2:" in table.faults[0].message
    assert "rows 5 and 6" in table.faults[1].message


def test_commas_that_part_cells_are_no_decimal_commas() -> None:
    table = source('a,b\n"1,5",x\n')
    assert table.numbers(0, "a").to_list() == [None]
    assert [fault.code for fault in table.faults] == ["not_a_number"]


def test_a_reading_is_one_frame() -> None:
    frame = Reading({"label": ["a"], "score": None}, {"Notes": pl.Series(["n"])}, [2]).frame()
    assert frame.columns == ["label", "source_row", "Notes"]


def test_errors_name_the_file_and_the_mend() -> None:
    error = source("").error("it is odd", mend="Mend it.")
    assert "X.Table.1.selections.txt" in str(error)
    assert str(error).endswith("Mend it.")
    assert isinstance(error, pytest.importorskip("tymbal.errors").AnnotationError)
