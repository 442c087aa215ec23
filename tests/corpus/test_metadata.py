from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tymbal.corpus.identify import recordings_table
from tymbal.corpus.metadata import join_metadata, read_metadata
from tymbal.corpus.tables import RECORDINGS
from tymbal.errors import AnnotationError


def recordings(*names: str) -> pl.DataFrame:
    blank = dict.fromkeys(RECORDINGS)
    return recordings_table([{**blank, "recording": n, "duration_s": 2.0, "recorder": "header"} for n in names])


@pytest.mark.parametrize(
    "text", ["recording,site\na.wav,S\n", "\ufeffrecording;site\r\na.wav;S\r\n", "recording\tsite\na.wav\tS"]
)
def test_delimiters_marks_and_line_ends(tmp_path: Path, text: str) -> None:
    path = tmp_path / "m.csv"
    path.write_bytes(text.encode("utf-8"))
    assert read_metadata(path).rows() == [("a.wav", "S")]


def test_cells_stay_text_and_blank_ones_are_null(tmp_path: Path) -> None:
    path = tmp_path / "m.csv"
    path.write_text('recording,take,note\na.wav,01,"x, y"\nb.wav,,\n')
    assert read_metadata(path).rows() == [("a.wav", "01", "x, y"), ("b.wav", None, None)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("file,site\na,b\n", "needs a column 'recording'"),
        ("", "empty"),
        ("recording,site\na.wav\n", "row 2 has 1 cells where the header has 2"),
        ("recording,site,site\na,b,c\n", "different names"),
    ],
)
def test_tables_that_do_not_fit_are_refused(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "m.csv"
    path.write_text(text)
    with pytest.raises(AnnotationError, match=says):
        read_metadata(path)


def test_a_missing_table_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"gone\.csv: cannot be read: no such file or directory\. Check the path"):
        read_metadata(tmp_path / "gone.csv")
    (tmp_path / "latin.csv").write_bytes("recording,site\na.wav,Süd\n".encode("latin-1"))
    with pytest.raises(AnnotationError, match=r"latin\.csv: cannot be read as text: .* Save it as UTF-8 CSV"):
        read_metadata(tmp_path / "latin.csv")


def test_tables_add_up_and_say_where_they_disagree() -> None:
    one = pl.DataFrame({"recording": ["a.wav", "b.wav"], "cat": ["x", None], "recorder": ["told", None]})
    two = pl.DataFrame(
        {"recording": ["b.wav", "a.wav", "a.wav"], "cat": ["y", "z", "z"], "duration_s": ["2", "3", "3"]}
    )
    table, faults = join_metadata(recordings("a.wav", "b.wav"), [("one", one), ("two", two)])
    assert table.select("recording", "cat", "recorder", "duration_s").rows() == [
        ("a.wav", "x", "told", 2.0),
        ("b.wav", "y", "header", 2.0),
    ]
    codes = [fault.code for _, fault in faults]
    assert codes == ["repeated_recording", "metadata_conflict", "metadata_disagrees"]
    assert "a.wav has 2, the table says 3" in faults[-1][1].message
