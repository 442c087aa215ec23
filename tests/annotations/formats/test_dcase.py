from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import EVENT, put, table, there_and_back

from tymbal.annotations import covered_seconds, is_covered, make_events, read_events, within_coverage, write_events
from tymbal.errors import AnnotationError

HELD = ["recording", "onset_s", "offset_s", "label"]


def test_unknown_is_a_hole_and_no_event(tmp_path: Path) -> None:
    text = "Audiofilename,Starttime,Endtime,Q\nr.wav,1.0,2.0,POS\nr.wav,3.0,4.0,UNK\nr.wav,5.0,6.0,NEG\n"
    read = read_events(put(tmp_path, text))
    assert read.format == "dcase"
    assert read.faults == ()
    assert read.events.select(HELD).rows() == [("r.wav", 1.0, 2.0, "POS")]
    assert covered_seconds(read.coverage, {"r.wav": 10.0}, "POS") == 9.0
    assert not is_covered(read.coverage, "r.wav", 3.2, 3.5, label="POS")
    assert is_covered(read.coverage, "r.wav", 4.0, 1e9, label="POS")
    assert within_coverage(read.events, read.coverage).height == 1


def test_one_column_per_class(tmp_path: Path) -> None:
    text = "Audiofilename,Starttime,Endtime,AAA,BBB\nr.wav,1,2,POS,NEG\nr.wav,3,4,POS,POS\nr.wav,5,6,UNK,NEG\n"
    read = read_events(put(tmp_path, text))
    rows = read.events.select("onset_s", "label").rows()
    assert rows == [(1.0, "AAA"), (3.0, "AAA"), (3.0, "BBB")]
    assert not is_covered(read.coverage, "r.wav", 5.0, 6.0, label="AAA")
    assert is_covered(read.coverage, "r.wav", 5.0, 6.0, label="BBB")


def test_there_and_back_with_the_holes(tmp_path: Path) -> None:
    text = "Audiofilename,Starttime,Endtime,A,B\nr.wav,1.0,2.0,POS,NEG\nr.wav,3.0,4.0,NEG,UNK\nr.wav,5.0,6.0,NEG,POS\n"
    read = read_events(put(tmp_path, text))
    write_events(read.events, tmp_path / "u.csv", format="dcase", coverage=read.coverage)
    assert (tmp_path / "u.csv").read_text(encoding="utf-8") == text


@given(rows=st.lists(EVENT, max_size=6), certain=st.booleans())
@settings(max_examples=50, deadline=None)
def test_events_to_dcase_and_back(tmp_path_factory: pytest.TempPathFactory, rows: list[dict], certain: bool) -> None:
    events = table([row for row in rows if row["label"] not in ("Q", "Audiofilename", "Starttime", "Endtime")])
    if not certain:
        events = events.with_columns(certainty=pl.lit("unknown"))
    back = there_and_back(events, tmp_path_factory.mktemp("dcase") / "t.csv", "dcase")
    assert back.events.select(HELD).rows() == (events.select(HELD).rows() if certain else [])
    for recording, onset, offset, label in events.select(HELD).rows():
        assert is_covered(back.coverage, recording, onset, offset, label=label) == certain


def test_odd_words_and_missing_classes(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "Audiofilename,Starttime,Endtime,Q\nr.wav,1,2,POS\nr.wav,1,2,maybe\n"))
    assert [(fault.code, "row 3" in fault.message) for fault in read.faults] == [("unknown_word", True)]
    with pytest.raises(AnnotationError, match="no column holds POS, NEG or UNK"):
        read_events(put(tmp_path, "Audiofilename,Starttime,Endtime,label\nr.wav,1,2,x\n"))


def test_a_header_alone_is_coverage(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "Audiofilename,Starttime,Endtime,Q\n", "r7.csv"))
    assert read.coverage.select("recording", "labels").rows() == [("r7", ["POS"])]


@pytest.mark.parametrize("name", ["naranja", "rosa"])
def test_real_tables_against_their_lines(data: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    path = data("annotation_formats") / f"files/dcase/carrion_crow_{name}.csv"
    lines = [line.split(",") for line in path.read_text(encoding="utf-8").split()[1:]]
    positive, unknown = ([line for line in lines if line[2] == word] for word in ("POS", "UNK"))
    read = read_events(path)
    assert read.events["onset_s"].to_list() == [float(line[0]) for line in positive]
    holes = sum(float(line[1]) - float(line[0]) for line in unknown)
    lost = 1e4 - covered_seconds(read.coverage, {line[3]: 1e4 for line in lines}, "POS")
    assert lost == pytest.approx(holes)
    write_events(read.events, tmp_path / "t.csv", format="dcase", coverage=read.coverage)
    again = read_events(tmp_path / "t.csv")
    assert again.events.select(HELD).equals(read.events.select(HELD))
    assert again.coverage.drop("source").equals(read.coverage.drop("source"))


def test_nothing_at_all_can_be_written(tmp_path: Path) -> None:
    write_events(make_events({}), tmp_path / "t.csv", format="dcase")
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == "Audiofilename,Starttime,Endtime,Q\n"
