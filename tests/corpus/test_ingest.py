from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from tymbal.annotations.tables import make_events
from tymbal.corpus.identify import recordings_table
from tymbal.corpus.ingest import find_tables, ingest, number_events
from tymbal.corpus.tables import RECORDINGS
from tymbal.errors import AnnotationError
from tymbal.jobs import SerialExecutor, Silent

BLANK = dict.fromkeys(RECORDINGS)
TABLE = recordings_table([{**BLANK, "recording": f"{n}.wav", "duration_s": 9.0, "sample_rate_hz": 8000} for n in "ab"])
RAVEN = "Selection\tView\tChannel\tBegin Time (s)\tEnd Time (s)\tLow Freq (Hz)\tHigh Freq (Hz)\tCall type\n"


def read(*paths: Path, label: str | None = None):  # type: ignore[no-untyped-def]
    return ingest(find_tables(paths), TABLE, label=label, executor=SerialExecutor(), progress=Silent())


def test_a_folder_of_tables_with_one_broken(tmp_path: Path) -> None:
    folder = tmp_path / "tables"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.Table.1.selections.txt").write_text(RAVEN + "1\tSpectrogram 1\t1\t0.5\t1.5\t100\t900\ttrill\n")
    (folder / "deep" / "b.txt").write_text("0.1\t0.2\tchirp\n")
    (folder / "broken.csv").write_bytes(b"\0\1\2\3" * 9)
    (folder / ".hidden.txt").write_text("x")
    (folder / "a.wav").write_bytes(b"")
    found = read(folder)
    assert found.events.select("recording", "label", "source").rows() == [
        ("a.wav", "trill", "tables/a.Table.1.selections.txt"),
        ("b.wav", "chirp", "tables/deep/b.txt"),
    ]
    assert [failure.item for failure in found.failures] == ["tables/broken.csv"]
    assert found.tables == 3


def test_arguments_without_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such table or folder"):
        find_tables([tmp_path / "gone"])
    with pytest.raises(AnnotationError, match="no annotation table in this folder"):
        find_tables([tmp_path])


def test_the_label_column_asked_for_is_read_where_it_hides_behind_another_name(tmp_path: Path) -> None:
    path = tmp_path / "e.csv"
    path.write_text("recording,onset_s,offset_s,species,kind\na.wav,0,1,robin,song\n")
    assert read(path).events["label"].to_list() == ["robin"]
    assert read(path, label="species").events["label"].to_list() == ["robin"]
    kind = read(path, label="kind").events
    assert kind["kind"].to_list() == ["song"]


def test_labels_of_one_table_are_not_claimed_for_another(tmp_path: Path) -> None:
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("recording,start_s,end_s,labels\na.wav,0,5,\n")
    two.write_text("recording,onset_s,offset_s,label\na.wav,1,2,owl\n")
    assert read(one).coverage["labels"].to_list() == [None]  # alone: whatever there is
    assert read(one, two).coverage["labels"].to_list() == [[]]  # beside others: the labels of that table, none


def test_ids_come_from_content() -> None:
    rows = {"recording": ["a", "a", "b"], "onset_s": [0.0, 0.0, 0.0], "offset_s": [1.0, 1.0, 1.0], "label": ["x"] * 3}
    ids = number_events(make_events(rows))["event_id"].to_list()
    assert ids[1] == f"{ids[0]}-2"
    assert ids[2] != ids[0]
    later = number_events(make_events(rows)[2:])["event_id"].to_list()
    assert later == [ids[2]]
    own = make_events(pl.DataFrame({**rows, "event_id": ["mine", "twice", "twice"]}))
    kept = number_events(own)["event_id"].to_list()
    assert kept[0] == "mine"
    assert len(set(kept)) == 3
    assert "twice" not in kept
