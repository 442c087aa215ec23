from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import EVENT, put, table, there_and_back

from tymbal.annotations import make_events, read_events, write_events
from tymbal.errors import AnnotationError

HELD = ["onset_s", "offset_s", "low_hz", "high_hz", "label"]


@given(st.lists(EVENT, max_size=6))
@settings(max_examples=60, deadline=None)
def test_events_to_labels_and_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    events = table(rows)
    back = there_and_back(events, tmp_path_factory.mktemp("audacity") / "t.txt", "audacity").events
    assert back.select(HELD).equals(events.select(HELD))


def test_spectral_selections_scores_and_blank_labels(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "1,5\t2\tx\n\\\t100\t-1\n3\t4\n5\t6\ty\t0.75\n", "t.txt"))
    assert read.format == "audacity"
    assert read.events.select(HELD).rows() == [
        (1.5, 2.0, 100.0, None, "x"),
        (3.0, 4.0, None, None, ""),
        (5.0, 6.0, None, None, "y"),
    ]
    assert read.events["score"].to_list() == [None, None, 0.75]
    assert [fault.code for fault in read.faults] == ["decimal_comma", "blank_label"]


def test_lines_that_are_no_label_are_named(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "1\t2\tx\nfoo\tbar\tbaz\n", "t.txt"), format="audacity")
    assert read.events.height == 1
    assert [(fault.code, "row 2" in fault.message) for fault in read.faults] == [("not_a_label", True)]
    with pytest.raises(AnnotationError, match="no line holds an onset"):
        read_events(put(tmp_path, "foo\tbar\tbaz\n", "t.txt"), format="audacity")


def test_an_empty_track_is_no_event_when_asked_for_by_name(tmp_path: Path) -> None:
    assert read_events(put(tmp_path, "", "t.txt"), format="audacity").events.height == 0


def test_a_file_of_two_recordings_is_refused(tmp_path: Path) -> None:
    events = make_events({"recording": ["a", "b"], "onset_s": [0.0] * 2, "offset_s": [1.0] * 2})
    with pytest.raises(AnnotationError, match="one file per recording"):
        write_events(events, tmp_path / "t.txt", format="audacity")


def test_counts_of_real_tracks_against_their_lines(data: Callable[[str], Path]) -> None:
    paths = sorted((data("annotation_formats") / "files/audacity").rglob("*.txt"))
    assert len(paths) == 23
    for path in paths:
        lines = [line for line in path.read_text(encoding="utf-8").splitlines() if line]
        labels = [line for line in lines if not line.startswith("\\")]
        read = read_events(path)
        assert read.format == "audacity"
        assert read.events.height == len(labels), path
        assert read.events["high_hz"].is_not_null().sum() == len(lines) - len(labels)
        assert read.events["label"].to_list() == [line.split("\t")[2] for line in labels]
        assert read.events["onset_s"].sum() == pytest.approx(sum(float(line.split("\t")[0]) for line in labels))
        assert read.faults == ()


def test_low_and_high_are_not_swapped(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "1\t2\tx\n\\\t100\t900\n", "t.txt"))
    assert read.events.select(pl.col("low_hz"), pl.col("high_hz")).row(0) == (100.0, 900.0)
