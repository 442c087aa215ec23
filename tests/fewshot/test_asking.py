"""Which files a table of examples means."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.errors import DataError, NothingDoneError
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
