from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import EVENT, put, table, there_and_back
from tests.reference.annotations import cells

from tymbal.annotations import combine, make_events, read_events, write_events
from tymbal.annotations.formats import raven_write
from tymbal.annotations.text import decode
from tymbal.errors import AnnotationError

HEAD = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)"
HELD = ["recording", "onset_s", "offset_s", "low_hz", "high_hz", "label", "score", "certainty", "annotator"]


@given(
    rows=st.lists(EVENT, min_size=1, max_size=6), channel=st.integers(1, 9), score=st.one_of(st.none(), st.just(0.5))
)
@settings(max_examples=60, deadline=None)
def test_events_to_raven_and_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict], channel: int, score: float | None
) -> None:
    events = table(
        rows, channel=pl.lit(channel, dtype=pl.Int32), score=pl.lit(score, dtype=pl.Float64), note=pl.lit("n")
    )
    back = there_and_back(events, tmp_path_factory.mktemp("raven") / "t.txt", "raven").events
    assert back.select(HELD).equals(events.select(HELD))
    assert back["channel"].to_list() == [channel] * len(rows)
    assert back["note"].to_list() == ["n"] * len(rows)


def test_a_table_of_nothing_has_the_columns_of_one_with_rows(tmp_path: Path) -> None:
    one = make_events(
        {
            "recording": ["X.wav"],
            "onset_s": [0.0],
            "offset_s": [1.0],
            "low_hz": [0.0],
            "high_hz": [4000.0],
            "score": [0.5],
            "label": ["a"],
        }
    )
    write_events(one, tmp_path / "one.txt", format="raven")
    write_events(one.clear(), tmp_path / "none.txt", format="raven")
    header = (tmp_path / "none.txt").read_text()
    assert header == (tmp_path / "one.txt").read_text().splitlines(keepends=True)[0]
    assert header.startswith(HEAD)
    assert "Score" in header


def test_pieces_give_the_table_of_the_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {
        "recording": ["X.wav"] * 7,
        "onset_s": [float(number) for number in range(7)],
        "offset_s": [number + 0.5 for number in range(7)],
        "score": [None] * 5 + [0.5, None],
        "label": ["a", None, "b"] * 2 + ["c"],
        "note": ["x"] * 7,
    }
    events = make_events(rows)
    write_events(events, tmp_path / "whole.txt", format="raven")
    monkeypatch.setattr(raven_write, "_PIECE", 3)
    write_events(events, tmp_path / "pieces.txt", format="raven")
    assert (tmp_path / "pieces.txt").read_bytes() == (tmp_path / "whole.txt").read_bytes()
    assert [row[0] for row in cells((tmp_path / "pieces.txt").read_text())[1:]] == [str(n) for n in range(1, 8)]


CELL = st.text(st.characters(blacklist_characters="\t\r\n\0", blacklist_categories=["Cs"]), max_size=4)
NUMBER = st.one_of(
    st.integers(0, 99).map(str),
    st.floats(0, 99).map(repr),
    st.sampled_from(["1.0", "01", " 2 ", "3e0", "+4", "1,5", "inf", "-Infinity", "nan", "1_0", ".5", "7.", "soon"]),
)
ROW = st.tuples(
    st.sampled_from(["1", "2", "x"]), st.sampled_from(["Waveform 1", "Spectrogram 1", ""]), NUMBER, NUMBER, CELL, CELL
)


@given(
    rows=st.lists(ROW, max_size=8),
    names=st.permutations(["Selection", "View", "Begin Time (s)", "End Time (s)", "Annotation", "Notes"]),
)
@settings(max_examples=150, deadline=None)
def test_raven_to_events_to_raven_keeps_every_cell(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, ...]], names: list[str]
) -> None:
    order = [
        ["Selection", "View", "Begin Time (s)", "End Time (s)", "Annotation", "Notes"].index(name) for name in names
    ]
    rows = [row for row in rows if {row[2], row[3]} - {"nan", "1_0", "soon"}]  # others hold no time at all: left out
    lines = ["\t".join(names), *("\t".join(row[at] for at in order) for row in rows)]
    folder = tmp_path_factory.mktemp("raven")
    path = put(folder, "\n".join(lines) + "\n", "X.txt")
    events = read_events(path).events
    write_events(events, folder / "Y.txt", format="raven")
    assert (folder / "Y.txt").read_text(encoding="utf-8") == path.read_text(encoding="utf-8")


def real_tables(data: Callable[[str], Path]) -> list[Path]:
    found = [
        *(data("annotation_formats") / "files/raven").rglob("*.txt"),
        *(data("boobook_owl") / "annotations").glob("*.txt"),
        *(data("fasd13_fewshot") / "annotations").glob("*.txt"),
        *(path for path in (data("broken") / "annotations").glob("*.txt") if "audacity" not in path.name),
    ]
    return sorted(path for path in found if path.stem not in ("empty", "missing_end", "no_header"))


def test_every_cell_of_every_real_table(data: Callable[[str], Path], tmp_path: Path) -> None:
    """Bytes, too, once encoding and line ends are made the same; by way of a Parquet file, as in a corpus."""
    paths = real_tables(data)
    assert len(paths) > 90
    for path in paths:
        read = read_events(path)
        read.events.write_parquet(tmp_path / "events.parquet")
        write_events(pl.read_parquet(tmp_path / "events.parquet"), tmp_path / "out.txt", format="raven")
        text, _, _ = decode(path.read_bytes(), path.name)
        assert cells((tmp_path / "out.txt").read_text(encoding="utf-8")) == cells(text), path


def test_a_comma_separated_table_keeps_its_cells(data: Callable[[str], Path], tmp_path: Path) -> None:
    path = data("broken") / "annotations/comma_separated.csv"
    write_events(read_events(path).events, tmp_path / "out.txt", format="raven")
    with path.open(encoding="utf-8") as file:
        assert cells((tmp_path / "out.txt").read_text(encoding="utf-8")) == list(csv.reader(file))


def test_by_way_of_csv_too(data: Callable[[str], Path], tmp_path: Path) -> None:
    path = data("annotation_formats") / "files/raven/chronister/Recording_1_Segment_03.Table.1.selections.txt"
    write_events(read_events(path).events, tmp_path / "t.csv", format="csv")
    write_events(read_events(tmp_path / "t.csv").events, tmp_path / "out.txt", format="raven")
    assert cells((tmp_path / "out.txt").read_text(encoding="utf-8")) == cells(path.read_bytes().decode())


def changed(tmp_path: Path, text: str, change: pl.Expr, **options: str) -> list[list[str]]:
    read = read_events(put(tmp_path, text, "X.txt"), **options)
    write_events(read.events.with_columns(change), tmp_path / "Y.txt", format="raven")
    return cells((tmp_path / "Y.txt").read_text(encoding="utf-8"))


ONE = f"{HEAD}\tSpecies\tDelta Time (s)\n1\tSpectrogram 1\t1\t1.00\t2.0\t10\t20.000\tbird\t1.0\n"


def test_only_the_cells_of_a_change_are_written_anew(tmp_path: Path) -> None:
    was = cells(ONE)
    assert changed(tmp_path, ONE, pl.lit("owl").alias("label")) == [was[0], [*was[1][:7], "owl", "1.0"]]
    moved = changed(tmp_path, ONE, pl.lit(2.5).alias("offset_s"))
    assert moved[1] == ["1", "Spectrogram 1", "1", "1.0", "2.5", "10", "20.000", "bird", "1.5"]
    assert changed(tmp_path, ONE, pl.lit(15.5).alias("high_hz"))[1][6] == "15.5"
    assert changed(tmp_path, ONE, pl.lit(0.5).alias("score")) == [[*was[0], "Score"], [*was[1], "0.5"]]


def test_a_forced_label_column_is_written_where_it_was_read(tmp_path: Path) -> None:
    text = f"{HEAD}\tAnnotation\tCall type\n1\tS\t1\t1\t2\t3\t4\tbird\talarm\n2\tS\t1\t3\t4\t3\t4\tbird\tsong\n"
    change = pl.col("label").replace({"song": "duet"})
    got = changed(tmp_path, text, change, label_column="Call type")
    assert [row[7:] for row in got[1:]] == [["bird", "alarm"], ["bird", "duet"]]


def test_moved_events_of_several_files_move_on_both_clocks(tmp_path: Path) -> None:
    text = f"{HEAD}\tBegin File\tFile Offset (s)\n1\tS\t1\t61.0\t62.0\t3\t4\tb.wav\t1.0\n"
    got = changed(tmp_path, text, pl.lit(0.5).alias("onset_s"))
    assert got[1][3:5] == ["60.5", "62.0"]
    assert got[1][8] == "0.5"


def test_all_views_of_a_changed_event_change(tmp_path: Path) -> None:
    rows = "".join(f"1\t{view} 1\t1\t1\t2\t3\t4\tbird\n" for view in ("Waveform", "Spectrogram"))
    got = changed(tmp_path, f"{HEAD}\tAnnotation\n{rows}", pl.lit("owl").alias("label"))
    assert [row[1::6] for row in got[1:]] == [["Waveform 1", "owl"], ["Spectrogram 1", "owl"]]


def test_events_from_elsewhere_join_a_raven_table(tmp_path: Path) -> None:
    raven = read_events(put(tmp_path, ONE, "X.txt"))
    audacity = read_events(put(tmp_path, "5.0\t6.0\towl\n", "X.labels.txt"))
    both = combine([raven, audacity])
    write_events(both.events, tmp_path / "Y.txt", format="raven")
    got = cells((tmp_path / "Y.txt").read_text(encoding="utf-8"))
    assert got[1] == cells(ONE)[1]
    assert got[2] == ["2", "Spectrogram 1", "", "5.0", "6.0", "", "", "owl", "1.0"]


def test_a_matched_name_does_not_rewrite_the_tables_own(tmp_path: Path) -> None:
    text = f"{HEAD}\tBegin File\n1\tS\t1\t1\t2\t3\t4\tX.wav\n"
    assert changed(tmp_path, text, pl.lit("site/X.flac").alias("recording")) == cells(text)


def test_tabs_and_newlines_in_labels_do_not_break_rows(tmp_path: Path) -> None:
    events = make_events({"onset_s": [1.0], "offset_s": [2.0], "label": ["a\tb\nc"]})
    assert there_and_back(events, tmp_path / "t.txt", "raven").events["label"].to_list() == ["a b c"]


def test_labels_of_whole_recordings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="Write them as csv"):
        write_events(make_events({"recording": ["r"], "label": ["x"]}), tmp_path / "t.txt", format="raven")
    assert not (tmp_path / "t.txt").exists()
