from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.annotations.formats.helpers import put
from tests.reference.annotations import cells

from tymbal.annotations import read_events

HEAD = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"


def raven(tmp_path: Path, header: str, *rows: str, **options: str):
    return read_events(put(tmp_path, "\n".join([header, *rows]) + "\n", "X.Table.1.selections.txt"), **options)


@pytest.mark.parametrize("column", ["Annotation", "Species", "Common Name", "Call type", "annotation"])
def test_any_usual_label_column(tmp_path: Path, column: str) -> None:
    read = raven(tmp_path, f"{HEAD}\t{column}", "1\tSpectrogram 1\t1\t1\t2\t3\t4\tbird")
    assert read.events["label"].to_list() == ["bird"]
    assert read.events["recording"].to_list() == ["X"]
    assert read.faults == ()


def test_the_only_column_of_words_is_guessed_and_reported(tmp_path: Path) -> None:
    read = raven(tmp_path, f"{HEAD}\tWho\tDelta Time (s)", "1\tSpectrogram 1\t1\t1\t2\t3\t4\tbird\t1.0")
    assert read.events["label"].to_list() == ["bird"]
    assert [fault.code for fault in read.faults] == ["label_guessed"]
    assert "'Who'" in read.faults[0].message


def test_between_two_columns_of_words_nothing_is_guessed(tmp_path: Path) -> None:
    read = raven(tmp_path, f"{HEAD}\tWho\tWhere", "1\tSpectrogram 1\t1\t1\t2\t3\t4\tbird\ttree")
    assert read.events["label"].to_list() == [None]
    assert "'Who', 'Where'" in read.faults[0].message
    forced = raven(tmp_path, f"{HEAD}\tWho\tWhere", "1\tSpectrogram 1\t1\t1\t2\t3\t4\tbird\ttree", label_column="Where")
    assert forced.events["label"].to_list() == ["tree"]
    assert forced.faults == ()


def test_two_label_columns_that_disagree_are_reported(tmp_path: Path) -> None:
    header = f"{HEAD}\tSpecies\tAnnotation"
    same = raven(tmp_path, header, "1\tS\t1\t1\t2\t3\t4\tRugr\tRugr")
    assert same.faults == ()
    other = raven(tmp_path, header, "1\tS\t1\t1\t2\t3\t4\tRugr\tdrum")
    assert other.events["label"].to_list() == ["drum"]
    assert "'Species' could be meant too" in other.faults[0].message


def test_a_blank_annotation_column_gives_way_to_a_filled_one(tmp_path: Path) -> None:
    read = raven(tmp_path, f"{HEAD}\tAnnotation\tSpecies", "1\tS\t1\t1\t2\t3\t4\t\tRugr")
    assert read.events["label"].to_list() == ["Rugr"]


def test_views_of_one_selection_are_one_event_and_true_duplicates_are_not(tmp_path: Path) -> None:
    rows = [f"{n}\t{view} 1\t1\t{n}.0\t{n}.5\t0\t9\tx" for n in (1, 2) for view in ("Waveform", "Spectrogram")]
    read = raven(tmp_path, f"{HEAD}\tAnnotation", *rows, rows[0], rows[1])
    assert read.events.height == 3
    assert read.events["View"].to_list() == ["Spectrogram 1"] * 3
    assert json.loads(read.events["view_rows"][0]) == [[2, {"View": "Waveform 1"}]]
    assert [fault.code for fault in read.faults] == ["duplicate"]


def test_channels_and_labels_keep_selections_apart(tmp_path: Path) -> None:
    rows = [
        "1\tSpectrogram 1\t1\t1\t2\t3\t4\tx",
        "1\tSpectrogram 2\t2\t1\t2\t3\t4\tx",
        "1\tWaveform 1\t1\t1\t2\t3\t4\ty",
    ]
    read = raven(tmp_path, f"{HEAD}\tAnnotation", *rows)
    assert read.events["channel"].to_list() == [1, 2, 1]


def test_file_offset_goes_before_begin_time(tmp_path: Path) -> None:
    header = f"{HEAD}\tBegin File\tFile Offset (s)\tAnnotation"
    read = raven(
        tmp_path,
        header,
        "1\tS\t1\t1.5\t2.25\t3\t4\ta.wav\t1.5\tx",
        "2\tS\t1\t61.5\t63.0\t3\t4\tb.wav\t1.5\tx",
        "3\tS\t1\t70.0\t71.0\t3\t4\tb.wav\t\tx",
    )
    rows = read.events.select("recording", "onset_s", "offset_s").rows()
    assert rows == [("a.wav", 1.5, 2.25), ("b.wav", 1.5, 3.0), ("b.wav", 70.0, 71.0)]


def test_several_files_without_file_offset_are_reported(tmp_path: Path) -> None:
    header = f"{HEAD}\tBegin File\tAnnotation"
    read = raven(tmp_path, header, "1\tS\t1\t1\t2\t3\t4\ta.wav\tx", "2\tS\t1\t61\t62\t3\t4\tb.wav\tx")
    assert [fault.code for fault in read.faults] == ["no_file_offset"]


def test_begin_path_is_better_than_begin_file_and_end_file_tells_of_spans(tmp_path: Path) -> None:
    header = f"{HEAD}\tBegin File\tEnd File\tBegin Path\tFile Offset (s)\tAnnotation"
    read = raven(tmp_path, header, "1\tS\t1\t9\t11\t3\t4\ta.wav\tb.wav\tC:\\d\\a.wav\t9\tx")
    assert read.events["recording"].to_list() == ["C:\\d\\a.wav"]
    assert [fault.code for fault in read.faults] == ["spans_files"]
    assert "row 2" in read.faults[0].message


def test_delta_time_stands_in_for_a_missing_end(tmp_path: Path) -> None:
    read = raven(tmp_path, "Selection\tBegin Time (s)\tDelta Time (s)\tAnnotation", "1\t1.0\t0.5\tx")
    assert read.events["offset_s"].to_list() == [1.5]


def test_a_row_without_any_time_is_left_out_and_named(tmp_path: Path) -> None:
    read = raven(tmp_path, f"{HEAD}\tAnnotation", "1\tS\t1\t1\t2\t3\t4\tx", "2\tS\t1\t\t\t3\t4\tx")
    assert read.events.height == 1
    assert [(fault.code, "row 3" in fault.message) for fault in read.faults] == [("no_times", True)]


def test_a_header_alone_means_listened_and_nothing_found(tmp_path: Path) -> None:
    read = raven(tmp_path, f"{HEAD}\tAnnotation", recording="a/X.wav")
    assert read.events.height == 0
    assert read.coverage.select("recording", "start_s", "end_s", "labels").rows() == [("a/X.wav", None, None, None)]
    filled = raven(tmp_path, f"{HEAD}\tAnnotation", "1\tS\t1\t1\t2\t3\t4\tx")
    assert filled.coverage.height == 0


def test_every_cell_rides_along_even_under_taken_names(tmp_path: Path) -> None:
    read = raven(tmp_path, f"{HEAD}\tlabel\tNotes\tNotes", "01\tS\t1\t1.0\t2\t3\t4\tx\ta\tb")
    row = read.events.row(0, named=True)
    assert (row["Selection"], row["Begin Time (s)"], row["End Time (s)"]) == ("01", "1.0", "2")
    assert (row["label (column 8)"], row["Notes"], row["Notes (column 10)"]) == ("x", "a", "b")


TABLES = ["annotation_formats/files/raven", "boobook_owl/annotations", "fasd13_fewshot/annotations"]


@pytest.mark.parametrize("folder", TABLES)
def test_counts_of_real_tables_against_their_lines(data: Callable[[str], Path], folder: str) -> None:
    """Each line below the header is a row; where there are two views, each selection has two."""
    name, rest = folder.split("/", 1)
    paths = sorted((data(name) / rest).rglob("*.txt"))
    assert len(paths) > 15
    for path in paths:
        read = read_events(path)
        lines = cells(path.read_bytes().decode())[1:]
        views = {line[1].split()[0] for line in lines}
        assert read.format == "raven"
        assert read.events.height == len(lines) // max(len(views), 1), path
        assert read.events["onset_s"].to_list() == [float(line[3]) for line in lines[len(views) - 1 :: len(views) or 1]]


def test_the_birds_of_chronister_are_counted_right(data: Callable[[str], Path]) -> None:
    folder = data("annotation_formats") / "files/raven/chronister"
    for path in sorted(folder.iterdir()):
        read = read_events(path)
        words = [line[-1] for line in cells(path.read_bytes().decode())[1:]]
        assert read.events["label"].to_list() == words
