from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import EVENT, put, table

from tymbal.annotations import make_events, read_events, whole_coverage, write_events
from tymbal.errors import AnnotationError

HEAD = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tAnnotation\n"


def test_a_manifest_brings_its_tables_and_coverage(tmp_path: Path) -> None:
    put(tmp_path, HEAD + "1\tSpectrogram 1\t1\t1\t2\t3\t4\towl\n", "a.txt")
    put(tmp_path, HEAD, "b.txt")
    text = "fn,audio_fp,selection_table_fp\na,/d/a.wav,a.txt\nb,/d/b.wav,b.txt\nc,/d/c.wav,\n"
    read = read_events(put(tmp_path, text, "train.csv"))
    assert read.format == "voxaboxen"
    assert read.events.select("recording", "label", "fn").rows() == [("/d/a.wav", "owl", "a")]
    assert read.events["source"].to_list() == [str(tmp_path / "a.txt")]
    assert read.coverage["recording"].to_list() == ["/d/a.wav", "/d/b.wav"]
    assert [(fault.code, "row 4" in fault.message) for fault in read.faults] == [("no_table", True)]


def test_a_lost_table_is_an_error_that_names_it(tmp_path: Path) -> None:
    path = put(tmp_path, "fn,audio_fp,selection_table_fp\na,a.wav,gone.txt\n")
    with pytest.raises(AnnotationError, match=r"cannot read the selection table 'gone.txt'"):
        read_events(path)


@given(rows=st.lists(EVENT, min_size=1, max_size=5))
@settings(max_examples=25, deadline=None)
def test_events_to_a_manifest_and_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict]) -> None:
    events = table(rows, note=make_events({"label": ["n"] * len(rows)})["label"])
    path = tmp_path_factory.mktemp("voxaboxen") / "train.csv"
    write_events(events, path, format="voxaboxen", coverage=whole_coverage(["a/rec.wav", "b/rec.wav", "c?.wav"]))
    back = read_events(path)
    held = ["recording", "onset_s", "offset_s", "low_hz", "high_hz", "label", "note"]
    assert back.events.select(held).equals(events.select(held))
    assert back.coverage["recording"].to_list() == ["a/rec.wav", "b/rec.wav", "c?.wav"]
    names = sorted(file.name for file in path.with_name("train_tables").iterdir())
    assert names == ["a_rec.selections.txt", "b_rec.selections.txt", "c.selections.txt"]


def test_names_that_would_be_the_same_file_are_numbered(tmp_path: Path) -> None:
    events = make_events({"recording": ["a/b.wav", "a_b.wav"], "onset_s": [0.0] * 2, "offset_s": [1.0] * 2})
    write_events(events, tmp_path / "m.csv", format="voxaboxen")
    assert read_events(tmp_path / "m.csv").events["recording"].to_list() == ["a/b.wav", "a_b.wav"]


def test_events_without_a_recording_are_refused(tmp_path: Path) -> None:
    events = make_events({"onset_s": [0.0], "offset_s": [1.0]})
    with pytest.raises(AnnotationError, match="without a recording"):
        write_events(events, tmp_path / "m.csv", format="voxaboxen")
