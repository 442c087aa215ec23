from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import WORD, put

from tymbal.annotations import make_coverage, make_events, read_events, write_events
from tymbal.annotations.tables import COVERAGE
from tymbal.errors import AnnotationError

LABELS = st.one_of(st.none(), st.lists(WORD.filter(lambda word: ";" not in word), min_size=1, max_size=3))


@given(st.lists(st.tuples(WORD, st.floats(0, 99), st.floats(0.1, 9), LABELS), max_size=5))
@settings(max_examples=40, deadline=None)
def test_there_and_back(tmp_path_factory: pytest.TempPathFactory, rows: list[tuple]) -> None:
    import polars as pl

    schema = {"recording": pl.String(), "start_s": pl.Float64(), "end_s": pl.Float64(), "labels": pl.List(pl.String())}
    frame = pl.DataFrame(
        [(name, a, a + length, labels) for name, a, length, labels in rows], schema=schema, orient="row"
    )
    coverage = make_coverage(frame)
    path = tmp_path_factory.mktemp("coverage") / "c.csv"
    write_events(make_events({}), path, format="coverage", coverage=coverage)
    read = read_events(path)
    assert read.format == "coverage"
    assert read.events.height == 0
    assert read.coverage.select(list(COVERAGE)).equals(coverage)


def test_open_ends_and_backward_rows(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "recording,start_s,end_s,labels\na.wav,,,owl; frog\nb.wav,5,3,\n"))
    assert read.coverage.select("recording", "start_s", "end_s", "labels").rows() == [
        ("a.wav", None, None, ["owl", "frog"])
    ]
    assert [(fault.code, "row 3" in fault.message) for fault in read.faults] == [("end_before_begin", True)]


def test_a_table_with_labels_of_events_is_no_coverage(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "recording,start_s,end_s,label\na.wav,1,2,owl\n"))
    assert read.format == "csv"
    assert read.events.height == 1


def test_events_cannot_be_written_as_coverage(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="1 events, which a coverage table cannot hold"):
        write_events(make_events({"label": ["x"]}), tmp_path / "c.csv", format="coverage")
