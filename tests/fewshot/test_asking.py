"""Which files a table of examples means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.annotations import table_of_recording
from tymbal.errors import DataError, InputPathError, NothingDoneError
from tymbal.fewshot.asking import ask, list_targets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("day1/x.wav", "day2/x.wav", "day2/y.wav"):
        path = tmp_path / "rec" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.zeros((16_000, 2 if name.endswith("y.wav") else 1)), 8000)
    return tmp_path / "rec"


def table(path: Path, *rows: str) -> Path:
    path.write_text("recording,onset_s,offset_s,label,channel\n" + "\n".join(rows) + "\n")
    return path


def test_folders_are_walked_and_names_stay_apart(folder: Path) -> None:
    assert [target.name for target in list_targets([folder])] == ["day1/x.wav", "day2/x.wav", "day2/y.wav"]
    both = list_targets([folder / "day1", folder / "day2"])
    assert [target.name for target in both] == ["day1/x.wav", "day2/x.wav", "day2/y.wav"]
    same = list_targets([folder / "day1" / "x.wav", folder / "day2" / "x.wav"])
    assert len({target.name for target in same}) == 2
    with pytest.raises(NothingDoneError, match="no recordings were found"):
        list_targets([])


def test_an_ambiguous_name_is_told_and_a_clear_one_is_used(folder: Path, tmp_path: Path) -> None:
    found = ask([folder], table(tmp_path / "t.csv", "x.wav,0.1,0.2,a,1", "day2/x.wav,0.3,0.4,a,1", "y.wav,0.5,0.6,a,2"))
    assert "'x.wav' fits 2 recordings" in found.faults[0].message
    shots = found.prompts[0].shots
    assert [(Path(shot.recording).parent.name, shot.channel) for shot in shots] == [("day2", None), ("day2", 2)]


def test_every_fault_is_told_where_no_example_is_left(folder: Path, tmp_path: Path) -> None:
    rows = ("day1/x.wav,7,8,a,1", "nope.wav,1,2,a,1")
    with pytest.raises(DataError, match=r"lies outside the recording, which is 2\.000 s long.*'nope\.wav' is no recor"):
        ask([folder], table(tmp_path / "t.csv", *rows))


def test_unknown_rows_of_a_dcase_table_are_neither_examples_nor_counter_examples(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    rows = ("day1/x.wav,0.1,0.2,POS", "day1/x.wav,0.5,0.8,UNK", "day1/x.wav,1.0,1.2,POS")
    path.write_text("Audiofilename,Starttime,Endtime,Q\n" + "\n".join(rows) + "\n")
    (prompt,) = ask([folder], path).prompts
    assert [(shot.onset_s, shot.offset_s) for shot in prompt.unknown] == [(0.5, 0.8)]
    assert len(prompt.shots) == 2


def test_each_recording_is_searched_once_and_has_a_table_of_its_own(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = folder / "day1"
    assert [target.name for target in list_targets([day, day / "x.wav", folder / "day2" / ".." / "day1"])] == [
        "day1/x.wav"
    ]
    monkeypatch.chdir(folder / "day2")
    (folder / "day2" / "day1").mkdir()
    soundfile.write("day1/x.wav", np.zeros(100), 8000)
    found = list_targets([Path("day1/x.wav"), Path("../day1/x.wav")])
    assert len({table_of_recording(target.name) for target in found}) == 2
    assert [target.name for target in list_targets([Path(), Path("../day1")])] == [
        "day2/day1/x.wav",
        "day2/x.wav",
        "day2/y.wav",
        "day1/x.wav",
    ]
    with pytest.raises(InputPathError, match=r"nowhere.*no such file or folder"):
        list_targets([Path("nowhere")])


def test_the_folder_named_for_the_sounds_settles_what_a_name_means(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither two recordings of that name nor one that happens to lie in the working folder stand in its way."""
    monkeypatch.chdir(folder / "day1")
    path = table(tmp_path / "t.csv", "x.wav,0.1,0.2,a,1")
    with pytest.raises(DataError, match=r"fits 2 recordings.*--sounds FOLDER"):
        ask([folder], path)
    found = ask([folder], path, sounds=folder / "day2")
    assert [Path(shot.recording).parent.name for shot in found.prompts[0].shots] == ["day2"]


def test_a_channel_that_is_not_there_costs_its_row_alone(folder: Path, tmp_path: Path) -> None:
    rows = ("day2/y.wav,0.1,0.2,a,3", "day2/y.wav,0.3,0.4,a,0", "day2/y.wav,0.5,0.6,a,2", "day1/x.wav,0.5,0.6,a,9")
    found = ask([folder], table(tmp_path / "t.csv", *rows))
    assert [shot.channel for shot in found.prompts[0].shots] == [None, 2]
    told = [fault.message for fault in found.faults]
    assert "(y.wav) is on channel 3, and the recording has 2; left out" in told[0]


def test_names_that_no_file_can_have_and_tables_without_rows_are_told(folder: Path, tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", f"{'x' * 400}.wav,0.1,0.2,a,1")
    with pytest.raises(DataError, match="is no recording that is there"):
        ask([folder], path)
    raven = tmp_path / "empty.txt"
    raven.write_text("Selection\tBegin Time (s)\tEnd Time (s)\tAnnotation\tBegin File\n")
    with pytest.raises(DataError, match="there is no example in the table"):
        ask([folder], raven)
    audacity = tmp_path / "Label Track.txt"
    audacity.write_text("0.1\t0.2\ta\n")
    with pytest.raises(DataError, match="is about the one that it is called by: rename it"):
        ask([folder], audacity)
