"""`tymbal inspect`: a table, one line per fault, one line per bad file, exit codes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.cli.main import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "site").mkdir()
    sound = np.random.default_rng(0).uniform(-0.5, 0.5, 8000)
    soundfile.write(tmp_path / "site" / "SM4_20190522_053000.wav", sound, 16000)
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), 16000)
    return tmp_path


def test_a_folder_of_readable_files(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(folder)]) == 0
    text = capsys.readouterr().out
    assert "16000 Hz" in text
    assert "all_zeros" not in text
    assert main(["inspect", "--deep", str(folder)]) == 0
    assert "silent.wav: all_zeros: every sample is exactly zero" in capsys.readouterr().out


def test_exit_codes_and_one_line_per_bad_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = folder / "line\nbreak.wav"
    bad.write_text("<html>")
    assert main(["inspect", "--quiet", str(folder)]) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert "line\\nbreak.wav: this is an HTML page, not sound. " in lines[0]
    assert main(["inspect", str(bad)]) == 3
    assert main(["inspect", str(folder / "site" / "nothing.wav")]) == 3
    (folder / "empty").mkdir()
    assert main(["inspect", str(folder / "empty")]) == 5


def test_json(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "bad.wav").write_bytes(b"")
    assert main(["inspect", "--json", str(folder)]) == 4
    found = json.loads(capsys.readouterr().out)
    assert [Path(row["path"]).name for row in found["recordings"]] == ["silent.wav", "SM4_20190522_053000.wav"]
    row = found["recordings"][1]
    assert (row["start_time"], row["start_time_has_offset"], row["start_time_source"]) == (
        "2019-05-22T05:30:00",
        False,
        "filename",
    )
    assert "the file is empty (0 bytes)" in found["failures"][0]["message"]
    assert found["failures"][0]["error"] == "AudioError"


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep file names in Unicode")
def test_a_name_that_is_no_utf8_is_read_like_any_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    soundfile.write(tmp_path / "good.wav", np.zeros(80), 8000)
    (tmp_path / os.fsdecode(b"caf\xe9.wav")).write_bytes((tmp_path / "good.wav").read_bytes())
    assert main(["inspect", str(tmp_path), "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["recordings"]) == 2
