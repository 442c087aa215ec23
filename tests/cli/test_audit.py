from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.corpus.conftest import write_csv, write_sound

from tymbal.cli.main import main
from tymbal.corpus import index, make_split

CLIPS = {"recording": [f"{n:02d}.{'flac' if n % 2 else 'ogg'}" for n in range(20)], "cat": list("xy") * 10}


def test_findings_for_people_and_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, name in enumerate(CLIPS["recording"]):
        write_sound(tmp_path / "sounds" / name, seed=number, seconds=0.3)
    clips = write_csv(tmp_path / "clips.csv", CLIPS)
    corpus = index(tmp_path / "sounds", out=tmp_path / "c", metadata=clips, label="cat", workers=1)
    make_split(corpus, "s", by="event", folds=2)
    assert main(["audit", str(corpus.path), "--split", "s", "--workers", "1"]) == 0
    said = capsys.readouterr().err
    assert "audit of 'cat': 1 error" in said
    assert "error   label 'cat' goes with container" in said
    assert main(["audit", str(corpus.path), "--json", "--quiet"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["audit"][0]["severity"] == "error"
    assert main(["audit", str(corpus.path), "--label", "dog"]) == 2
    assert "no column 'dog'" in capsys.readouterr().err


def test_nothing_found_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_sound(tmp_path / "sounds" / "a.wav")
    corpus = index(tmp_path / "sounds", out=tmp_path / "c", workers=1)
    assert main(["audit", str(corpus.path), "--quiet"]) == 0
    assert "audit of the recordings (no label known): nothing found" in capsys.readouterr().err
