"""Acceptance: the 35 broken tables and the 95 real files behave as their lists say."""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.annotations.formats.helpers import put

from tymbal.annotations import EVENTS, combine, match_recordings, read_events, write_events
from tymbal.errors import AnnotationError, UsageError

RECORDING, SECONDS, HERTZ = "rec.wav", 10.0, 16_000


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_broken_tables(data: Callable[[str], Path]) -> None:
    """Kind ok: read without a fault; suspect: read with faults; broken: refused. The events kept are counted."""
    rows = listed(data("broken") / "annotations.csv")
    assert len(rows) == 35
    for row in rows:
        path = data("broken") / row["file"]
        if row["kind"] == "broken":
            with pytest.raises(AnnotationError) as caught:
                read_events(path)
            assert path.name in str(caught.value)
            assert caught.value.mend
            continue
        names_itself = path.stem in ("wrong_recording_name", "dcase")
        read = read_events(path, recording=None if names_itself else RECORDING)
        cleaned = read.cleaned({RECORDING: SECONDS}, {RECORDING: HERTZ})
        _, lost = match_recordings(cleaned.events, [RECORDING])
        faults = [*cleaned.faults, *lost]
        assert cleaned.events.height == int(row["events_to_keep"]), path.name
        assert bool(faults) == (row["kind"] == "suspect"), (path.name, faults)
        assert all(path.name in fault.message for fault in faults)


def test_faults_of_broken_tables_name_the_row(data: Callable[[str], Path]) -> None:
    folder = data("broken") / "annotations"
    expected = {
        "short_row": "row 3",
        "nan_times": "rows 2, 3 and 4",
        "blank_label": "row 2",
        "comma_decimals": "row 2",
        "duplicates_and_overlaps": "row 3",
        "end_before_begin": "row 2",
    }
    for name, row in expected.items():
        faults = read_events(folder / f"{name}.txt").faults
        assert any(f"{name}.txt, {row}" in fault.message for fault in faults), name


def test_odd_labels_stay_text(data: Callable[[str], Path]) -> None:
    read = read_events(data("broken") / "annotations/odd_labels.txt").cleaned()
    labels = ["UNK", "NaN", "None", "0", "Ünïcode 鳥", 'he said "chirp"', "bird;call,song"]
    assert read.events["label"].to_list() == labels


def test_encodings_give_the_same_events(data: Callable[[str], Path]) -> None:
    folder = data("broken") / "annotations"
    good = read_events(folder / "good.txt").events.drop("source", "recording", "source_row")
    for name in ("bom", "crlf", "cr_only", "utf16", "no_final_newline", "blank_lines"):
        other = read_events(folder / f"{name}.txt").events.drop("source", "recording", "source_row")
        assert other.equals(good), name
    assert read_events(folder / "latin1.txt").events["label"].to_list() == ["Mésange"]


WRONG = {"missing_fields_in_header.csv", "no_onset_or_offset_column.csv"}
KINDS = {
    "Raven selection table": "raven",
    "Audacity labels": "audacity",
    "Audacity labels, extended": "audacity",
    "Praat TextGrid": "textgrid",
    "onset_s,offset_s,label CSV": "csv",
    "segment CSV": "csv",
    "DAS annotations CSV": "csv",
    "evsonganaly .not.mat": "notmat",
    "crowsetta generic CSV": "crowsetta-csv",
    "DCASE few-shot CSV (Starttime, Endtime, Q)": "dcase",
    "AOEF (soundevent) JSON": "aoef",
}


def test_the_real_files(data: Callable[[str], Path]) -> None:
    """Each of the 95 is recognised and read, or refused where it was made wrong; tables are counted by their lines."""
    rows = listed(data("annotation_formats") / "index.csv")
    assert len(rows) == 95
    for row in rows:
        path = data("annotation_formats") / row["file"]
        if path.name in WRONG:
            with pytest.raises(AnnotationError, match=path.name):
                read_events(path)
            continue
        read = read_events(path)
        assert read.format == KINDS[row["format"]], path
        assert read.events.columns[: len(EVENTS)] == list(EVENTS)
        assert set(read.events["source"].unique()) <= {str(path)}
        if read.format in ("csv", "crowsetta-csv"):
            with path.open(encoding="utf-8", newline="") as file:
                assert read.events.height == sum(1 for cells in csv.reader(file) if cells) - 1, path
            assert read.cleaned().events.height == read.events.height


def test_a_given_recording_replaces_a_single_name_and_fills_blanks(tmp_path: Path) -> None:
    one = put(tmp_path, "file,start,end,label\nx.wav,1,2,a\n,3,4,b\n")
    assert set(read_events(one).events["recording"]) == {"x.wav", "t"}
    assert set(read_events(one, recording="r.wav").events["recording"]) == {"r.wav"}
    two = put(tmp_path, "file,start,end,label\nx.wav,1,2,a\ny.wav,3,4,b\n,5,6,c\n")
    assert read_events(two, recording="r.wav").events["recording"].to_list() == ["x.wav", "y.wav", "r.wav"]


def test_what_is_no_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file"):
        read_events(tmp_path / "gone.txt")
    with pytest.raises(AnnotationError, match=r"folder|cannot be read"):
        read_events(tmp_path)


def refused(path: Path, format: str | None) -> AnnotationError | None:
    """The error that refuses a file, None where it is read (and cleaned)."""
    try:
        read_events(path, format=format).cleaned()
    except AnnotationError as error:
        return error
    return None


@given(
    st.one_of(st.binary(max_size=200), st.text(max_size=120).map(str.encode)), st.sampled_from([None, "raven", "csv"])
)
@settings(max_examples=200, deadline=None)
def test_any_bytes_are_read_or_refused_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, format: str | None
) -> None:
    path = tmp_path_factory.mktemp("any") / "t.txt"
    path.write_bytes(content)
    error = refused(path, format)
    assert error is None or ("t.txt" in str(error) and error.mend)


DAMAGED = [
    "raven/callsync/2020_10_27_132148.Table.1.selections.txt",
    "audacity/spinetail.txt",
    "dcase/carrion_crow_rosa.csv",
]
DAMAGED += ["textgrid/praatio/mary.TextGrid", "notmat/gy6or6_baseline_230312_0809.141.cbin.not.mat"]
DAMAGED += ["aoef/example_evaluation_set.json", "simple_csv/hmbg/BB_bs1_ 2011-07-10 21_49_51 025.csv"]


@pytest.mark.parametrize("name", DAMAGED)
def test_real_files_cut_and_flipped_are_read_or_refused_and_nothing_else(
    data: Callable[[str], Path], tmp_path: Path, name: str
) -> None:
    whole = (data("annotation_formats") / "files" / name).read_bytes()
    path = tmp_path / Path(name).name
    for at in range(1, 40):
        cut = whole[: len(whole) * at // 40]
        flipped = bytearray(whole)
        flipped[(at * 7919) % len(whole)] ^= 1 << (at % 8)
        for content in (cut, bytes(flipped)):
            path.write_bytes(content)
            error = refused(path, None)
            assert error is None or path.name in str(error)


def test_combining_keeps_columns_faults_and_distinct_ids(tmp_path: Path) -> None:
    a = read_events(put(tmp_path, "onset_s,offset_s,label,x\n1,2,a,1\n", "a.csv"))
    b = read_events(put(tmp_path, "3\t3\tb\n", "b.txt"))
    both = combine([a, b])
    assert both.format == "several"
    assert both.events["event_id"].n_unique() == 2
    assert both.events["x"].to_list() == ["1", None]
    assert both.faults == b.faults
    with pytest.raises(UsageError, match="nothing to combine"):
        combine([])


def test_unwritable_formats_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'aoef' is only read"):
        write_events(pl.DataFrame({"label": ["x"]}), tmp_path / "x.json", format="aoef")
    assert list(tmp_path.iterdir()) == []


def test_ten_thousand_rows_and_a_folder_of_small_tables_are_fast(data: Callable[[str], Path], tmp_path: Path) -> None:
    """Well under a second for 10,000 rows; per small file within a few times of reading bare cells with polars."""
    begin = time.process_time()
    assert read_events(data("broken") / "annotations/ten_thousand_events.txt").events.height == 10_000
    assert time.process_time() - begin < 0.5
    small = data("annotation_formats") / "files/raven/chronister/Recording_1_Segment_02.Table.1.selections.txt"
    path = put(tmp_path, small.read_text(encoding="utf-8"), small.name)
    ours, bare = (_seconds(read, path) for read in (read_events, lambda p: pl.read_csv(p, separator="\t")))
    assert ours < 6 * bare


def _seconds(work: Callable[[Path], object], path: Path) -> float:
    best = float("inf")
    for _ in range(3):
        begin = time.process_time()
        for _ in range(50):
            work(path)
        best = min(best, time.process_time() - begin)
    return best
