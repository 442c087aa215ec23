from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import EVENT, WORD, put, table, there_and_back

from tymbal.annotations import make_events, read_events
from tymbal.errors import AnnotationError

HELD = ["event_id", "recording", "channel", "onset_s", "offset_s", "low_hz", "high_hz", "label", "score", "source"]


@given(
    rows=st.lists(EVENT, max_size=6),
    channel=st.one_of(st.none(), st.integers(1, 64)),
    note=st.one_of(st.none(), WORD),
    whole=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_events_to_csv_and_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict], channel: int | None, note: str | None, whole: bool
) -> None:
    events = table(
        rows, channel=pl.lit(channel, dtype=pl.Int32), score=pl.lit(0.25), source=pl.lit("x.txt"), note=pl.lit(note)
    )
    if whole:
        events = events.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in ("onset_s", "offset_s"))
    back = there_and_back(events, tmp_path_factory.mktemp("csv") / "t.csv", "csv")
    assert back.events.select(HELD).equals(events.select(HELD))
    assert back.events["note"].fill_null("").to_list() == [note or ""] * len(rows)
    assert not [fault for fault in back.faults if fault.code != "duplicate"]


def test_labels_of_digits_and_words_that_look_like_nothing_stay_text(tmp_path: Path) -> None:
    labels = ["NaN", "None", "0", "01", "null", "nan", "1e5", 'he said "x", twice', "a;b"]
    events = make_events({"recording": ["r"] * 9, "onset_s": [1.0] * 9, "offset_s": [2.0] * 9, "label": labels})
    assert there_and_back(events, tmp_path / "t.csv", "csv").events["label"].to_list() == labels


@pytest.mark.parametrize(
    ("header", "row", "expected"),
    [
        ("onset_s,offset_s,label", "1,2,x", ("t", 1.0, 2.0, None, None, "x")),
        (
            "recording,begin_time_s,end_time_s,low_freq_hz,high_freq_hz,label",
            "r.wav,1,2,3,4,x",
            ("r.wav", 1.0, 2.0, 3.0, 4.0, "x"),
        ),
        (",name,start_seconds,stop_seconds", "0,x,1,2", ("t", 1.0, 2.0, None, None, "x")),
        ("file;start;end;species", "r.wav;1,5;2;x", ("r.wav", 1.5, 2.0, None, None, "x")),
        ("onset_ms,offset_ms,label", "1000,2500,x", ("t", 1.0, 2.5, None, None, "x")),
        ("start,duration,label", "1,2,x", ("t", 1.0, 3.0, None, None, "x")),
        (
            "sound.files,selec,start,end,bottom.freq,top.freq",
            "r.wav,1,1,2,3,4.5",
            ("r.wav", 1.0, 2.0, 3000.0, 4500.0, None),
        ),
        ("recording,individual,label", "r.wav,A,x", ("r.wav", None, None, None, None, "x")),
        ("filename,fold,category", "r.wav,1,x", ("r.wav", None, None, None, None, "x")),
    ],
)
def test_spellings(tmp_path: Path, header: str, row: str, expected: tuple) -> None:
    read = read_events(put(tmp_path, f"{header}\n{row}\n"))
    assert read.format == "csv"
    columns = ["recording", "onset_s", "offset_s", "low_hz", "high_hz", "label"]
    assert read.events.select(columns).rows() == [expected]


def test_other_columns_ride_along_as_written(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "recording,label,session,digit\nr.wav,x,01,7\n"))
    assert read.events.select("session", "digit").row(0) == ("01", "7")


def test_a_label_column_can_be_named(tmp_path: Path) -> None:
    path = put(tmp_path, "recording,label,Individual\nr.wav,x,A\n")
    read = read_events(path, label_column="individual")
    assert read.events["label"].to_list() == ["A"]
    assert read.events["label (column 2)"].to_list() == ["x"]
    with pytest.raises(AnnotationError, match=r"no column 'species'.*recording, label, Individual"):
        read_events(path, label_column="species")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recording,onset_s,label\nr,1,x\n", "no column of offsets"),
        ("recording,offset_s,label\nr,1,x\n", "no column of onsets"),
        ("individual,weight\nA,1\n", "no known format has the columns 'individual', 'weight'"),
        ("x\n1\n", "no known format"),
    ],
)
def test_tables_without_the_columns_are_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AnnotationError, match=said) as caught:
        read_events(put(tmp_path, text))
    assert "t.csv" in str(caught.value)
    assert caught.value.mend


def test_a_missing_label_among_others_is_named(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "onset_s,offset_s,label\n1,2,x\n3,4,\n"))
    assert [(fault.code, "row 3" in fault.message) for fault in read.faults] == [("blank_label", True)]


def test_a_short_row_is_named(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "onset_s,offset_s,label\n1,2,x\n3\n"))
    assert [fault.code for fault in read.faults if "row 3" in fault.message] == ["blank_label", "short_row", "bad_time"]


SETS = ["boobook_owl", "hermit_hummingbirds", "zebra_finch_song", "ultrasonic_misc", "bats_neotropical", "spinetail"]
SETS += ["template_survey", "fasd13_fewshot", "bengalese_finch_song"]


@pytest.mark.parametrize("name", SETS)
def test_annotations_of_the_real_sets(data: Callable[[str], Path], name: str) -> None:
    path = data(name) / "annotations.csv"
    read = read_events(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert read.format == "csv"
    assert read.events.height == len(lines) - 1
    assert read.events["onset_s"].null_count() == 0
    assert read.events["recording"].to_list() == [line.split(",")[0] for line in lines[1:]]


@pytest.mark.parametrize("name", ["cat_meows", "spoken_digits", "esc50_subset", "reef_fish", "orca_call_catalogue"])
def test_clip_lists_of_the_real_sets(data: Callable[[str], Path], name: str) -> None:
    path = data(name) / "clips.csv"
    read = read_events(path)
    lines = path.read_text(encoding="utf-8").splitlines()
    assert read.events.height == len(lines) - 1
    assert read.events["onset_s"].null_count() == read.events.height
    assert read.faults == ()
    for column in ("individual", "session", "fold"):
        if column in lines[0].split(","):
            at = lines[0].split(",").index(column)
            assert read.events[column].to_list() == [line.split(",")[at] for line in lines[1:]]
