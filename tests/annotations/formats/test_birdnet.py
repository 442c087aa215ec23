from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import EVENT, put, table, there_and_back
from tests.reference.annotations import cells

from tymbal.annotations import read_events, write_events

CSV = "Start (s),End (s),Scientific name,Common name,Confidence,File\n"
RAVEN = (
    "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tCommon Name\t"
    "Species Code\tConfidence\tBegin Path\tFile Offset (s)\n"
)


def test_its_csv(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, CSV + "0.0,3.0,Turdus merula,Eurasian Blackbird,0.8123,a/r.wav\n"))
    assert read.format == "birdnet"
    row = read.events.select("recording", "onset_s", "offset_s", "label", "score", "Scientific name").row(0)
    assert row == ("a/r.wav", 0.0, 3.0, "Eurasian Blackbird", 0.8123, "Turdus merula")
    assert read.coverage.height == 0
    latin = read_events(tmp_path / "t.csv", label_column="Scientific name")
    assert latin.events["label"].to_list() == ["Turdus merula"]


def test_an_older_csv_without_a_file_column_speaks_of_its_own_name(tmp_path: Path) -> None:
    text = "Start (s),End (s),Scientific name,Common name,Confidence\n0.0,3.0,T,B,0.8\n"
    read = read_events(put(tmp_path, text, "rec7.BirdNET.results.csv"))
    assert read.events["recording"].to_list() == ["rec7"]


def test_its_table_for_r(tmp_path: Path) -> None:
    text = "filepath,start,end,scientific_name,common_name,confidence,lat\n/d/r.wav,3,6,T m,B,0.5,1\n"
    read = read_events(put(tmp_path, text))
    assert read.format == "birdnet"
    assert read.events.select("recording", "onset_s", "label", "score").row(0) == ("/d/r.wav", 3.0, "B", 0.5)


def test_its_raven_table_of_several_files(tmp_path: Path) -> None:
    text = RAVEN + "1\tSpectrogram 1\t1\t0\t3.0\t0\t15000\tBlackbird\teurbla\t0.8\t/d/a.wav\t0\n"
    text += "2\tSpectrogram 1\t1\t63.0\t66.0\t0\t15000\tRobin\teurrob\t0.4\t/d/b.wav\t3.0\n"
    read = read_events(put(tmp_path, text, "x.BirdNET.selection.table.txt"))
    assert read.format == "birdnet"
    rows = read.events.select("recording", "onset_s", "offset_s", "label", "score").rows()
    assert rows == [("/d/a.wav", 0.0, 3.0, "Blackbird", 0.8), ("/d/b.wav", 3.0, 6.0, "Robin", 0.4)]
    write_events(read.events, tmp_path / "out.txt", format="raven")
    assert cells((tmp_path / "out.txt").read_text(encoding="utf-8")) == cells(text)


def test_nocall_is_no_event(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, RAVEN + "1\tSpectrogram 1\t1\t0\t3\t0\t15000\tnocall\tnocall\t1.0\t/d/a.wav\t0\n"))
    assert read.events.height == 0
    assert [fault.code for fault in read.faults] == ["nocall"]


@given(rows=st.lists(EVENT, min_size=1, max_size=5), score=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_events_to_birdnet_and_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict], score: float) -> None:
    events = table(rows, score=pl.lit(score))
    back = there_and_back(events, tmp_path_factory.mktemp("birdnet") / "t.csv", "birdnet").events
    held = ["recording", "onset_s", "offset_s", "label", "score"]
    assert back.select(held).equals(events.select(held))
