from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.annotations.formats.helpers import put

from tymbal.annotations import read_events


def test_clips_of_zeros_and_ones_are_labels_with_coverage(tmp_path: Path) -> None:
    text = "file,start_time,end_time,owl,frog\na.wav,0,5,1,0\na.wav,5,10,True,1\nb.wav,0,5,0,0\n"
    read = read_events(put(tmp_path, text))
    assert read.format == "opensoundscape"
    rows = read.events.select("recording", "onset_s", "label", "score").rows()
    assert rows == [("a.wav", 0.0, "owl", None), ("a.wav", 5.0, "owl", None), ("a.wav", 5.0, "frog", None)]
    spans = read.coverage.select("recording", "start_s", "end_s", "labels").rows()
    assert spans == [(name, a, a + 5, ["owl", "frog"]) for name, a in (("a.wav", 0.0), ("a.wav", 5.0), ("b.wav", 0.0))]


def test_scores_are_one_event_per_cell_and_no_coverage(tmp_path: Path) -> None:
    text = "file,start_time,end_time,owl,frog\na.wav,0,5,0.25,-3.5\na.wav,5,10,,1\n"
    read = read_events(put(tmp_path, text))
    assert read.events.select("onset_s", "label", "score").rows() == [
        (0.0, "owl", 0.25),
        (0.0, "frog", -3.5),
        (5.0, "frog", 1.0),
    ]
    assert read.coverage.height == 0
    assert [fault.code for fault in read.faults] == ["score_range"]


def test_boxes(tmp_path: Path) -> None:
    text = "audio_file,annotation_file,annotation,start_time,end_time,low_f,high_f\na.wav,a.txt,owl,1,2,100,900\n"
    read = read_events(put(tmp_path, text))
    assert read.format == "opensoundscape"
    assert read.events.select("recording", "label", "low_hz", "annotation_file").row(0) == (
        "a.wav",
        "owl",
        100.0,
        "a.txt",
    )
    assert read.coverage.height == 0


def test_clips_with_a_column_of_words_are_a_plain_table(tmp_path: Path) -> None:
    read = read_events(put(tmp_path, "file,start_time,end_time,label\na.wav,0,5,owl\n"))
    assert read.events.select("recording", "label").row(0) == ("a.wav", "owl")


def test_a_real_table(data: Callable[[str], Path]) -> None:
    path = data("microphone_array") / "annotations/LOCA_2021_detections.csv"
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    read = read_events(path)
    assert read.events.height == sum(line.rstrip().endswith("1") for line in lines)
    assert set(read.events["label"]) == {"zeep"}
    assert read.coverage.height == len(lines)
