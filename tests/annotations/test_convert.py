from __future__ import annotations

from pathlib import Path

import pytest
from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events
from tymbal.annotations.convert import convert_tables
from tymbal.errors import AnnotationError, UsageError

LABELS = "1.0\t2.0\towl\n3.0\t3.0\tclick\n"
TWO = "recording,onset_s,offset_s,label\na/x.wav,1,2,owl\nb/x.wav,3,4,frog\n"


def test_one_table_to_one_file(tmp_path: Path) -> None:
    done = convert_tables([put(tmp_path, LABELS, "x.txt")], tmp_path / "out.csv", to="csv")
    assert done.written == (str(tmp_path / "out.csv"),)
    assert [(one.format, one.events) for one in done.converted] == [("audacity", 2)]
    assert [fault.code for fault in done.converted[0].faults] == ["zero_duration"]
    assert read_events(tmp_path / "out.csv").events["label"].to_list() == ["owl", "click"]


def test_cleaning_leaves_out_the_impossible(tmp_path: Path) -> None:
    convert_tables([put(tmp_path, LABELS, "x.txt")], tmp_path / "out.csv", to="csv", clean=True)
    assert read_events(tmp_path / "out.csv").events["label"].to_list() == ["owl"]


def test_several_tables_to_one_file_and_a_bad_one_listed(tmp_path: Path) -> None:
    tables = [put(tmp_path, LABELS, "x.txt"), put(tmp_path, "", "bad.txt"), put(tmp_path, LABELS, "y.txt")]
    done = convert_tables(tables, tmp_path / "all.csv", to="csv")
    assert read_events(tmp_path / "all.csv").events["recording"].to_list() == ["x", "x", "y", "y"]
    assert [failure.error for failure in done.failures] == ["AnnotationError"]
    assert "bad.txt" in done.failures[0].message


def test_several_tables_to_a_folder(tmp_path: Path) -> None:
    tables = [put(tmp_path, LABELS, "x.txt"), put(tmp_path, LABELS, "y.txt")]
    done = convert_tables(tables, tmp_path / "out", to="raven")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["x.selections.txt", "y.selections.txt"]
    assert len(done.written) == 2


def test_a_format_about_one_recording_gets_a_file_for_each(tmp_path: Path) -> None:
    done = convert_tables([put(tmp_path, TWO)], tmp_path / "out", to="audacity")
    assert sorted(Path(path).name for path in done.written) == ["x.txt", "x_2.txt"]
    assert (tmp_path / "out/x_2.txt").read_text(encoding="utf-8") == "3.0\t4.0\tfrog\n"


def test_one_file_about_two_recordings_in_such_a_format_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="one file per recording"):
        convert_tables([put(tmp_path, TWO)], tmp_path / "out.txt", to="audacity")


@pytest.mark.parametrize(
    ("names", "out", "to", "said"),
    [
        ([], "o.csv", "csv", "no tables given"),
        (["a.txt", "b.txt"], "o.txt", "audacity", "about one recording"),
        (["a.txt"], "o.json", "aoef", "only read, not written"),
        (["a.txt"], "o.csv", "cvs", "unknown annotation format"),
        (["a.txt", "A.Table.1.selections.txt"], "out", "csv", "would both be written as"),
    ],
)
def test_what_cannot_be_asked_for(tmp_path: Path, names: list[str], out: str, to: str, said: str) -> None:
    tables = [put(tmp_path, LABELS, name) for name in names]
    with pytest.raises(UsageError, match=said):
        convert_tables(tables, tmp_path / out, to=to)


def test_dcase_holes_survive(tmp_path: Path) -> None:
    text = "Audiofilename,Starttime,Endtime,Q\nr.wav,1.0,2.0,POS\nr.wav,3.0,4.0,UNK\n"
    convert_tables([put(tmp_path, text)], tmp_path / "u.csv", to="dcase")
    assert (tmp_path / "u.csv").read_text(encoding="utf-8") == text
