from __future__ import annotations

from pathlib import Path

from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events

CLUSTER = "INDIR,FOLDER,IN FILE,CHANNEL,OFFSET,DURATION,Fmin,Fmean,Fmax,TOP1MATCH,TOP1DIST,MANUAL ID\n"


def test_clusters_with_and_without_a_manual_id(tmp_path: Path) -> None:
    text = CLUSTER + "C:\\d,s1\\,r.wav,0,1.5,0.5,500,700,900,bird.01,0.3,owl\nC:\\d,,q.wav,1,2,1,1,2,3,bird.02,0.4,\n"
    read = read_events(put(tmp_path, text))
    assert read.format == "kaleidoscope"
    columns = ["recording", "channel", "onset_s", "offset_s", "low_hz", "high_hz", "label", "annotator"]
    assert read.events.select(columns).rows() == [
        ("s1/r.wav", 1, 1.5, 2.0, 500.0, 900.0, "owl", None),
        ("q.wav", 2, 2.0, 3.0, 1.0, 3.0, "bird.02", "kaleidoscope"),
    ]
    assert read.events["TOP1DIST"].to_list() == ["0.3", "0.4"]
    auto = read_events(tmp_path / "t.csv", label_column="TOP1MATCH")
    assert auto.events["label"].to_list() == ["bird.01", "bird.02"]


def test_bat_tables_give_kilohertz_and_labels_of_whole_files(tmp_path: Path) -> None:
    text = "INDIR,FOLDER,IN FILE,AUTO ID*,Fmin,Fmax,MATCH RATIO,MANUAL ID\n/d,,r.wav,MYOLUC,38.5,80,0.9,\n"
    read = read_events(put(tmp_path, text, "id.csv"))
    row = read.events.select("onset_s", "offset_s", "low_hz", "high_hz", "label", "score").row(0)
    assert row == (None, None, 38_500.0, 80_000.0, "MYOLUC", 0.9)


def test_birdnets_imitation(tmp_path: Path) -> None:
    text = "INDIR,FOLDER,IN FILE,OFFSET,DURATION,scientific_name,common_name,confidence\n/d,s,r.wav,3,3,T m,Bird,0.8\n"
    read = read_events(put(tmp_path, text))
    row = read.events.select("recording", "onset_s", "offset_s", "label", "score").row(0)
    assert row == ("s/r.wav", 3.0, 6.0, "Bird", 0.8)
