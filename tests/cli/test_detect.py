"""`tymbal detect` from corpus to tables, on bursts of tone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.detection.conftest import Bursts, bursts  # noqa: F401 - fixture

from tymbal.cli.main import main
from tymbal.detection import Detector


def test_train_run_and_eval(bursts: Bursts, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    detector, out = tmp_path / "bursts.detector", tmp_path / "found"
    words = ["--layers", "log_mel", "--epochs", "2", "--workers", "1"]
    assert main(["detect", "train", str(bursts.corpus.path), "-o", str(detector), *words]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "classes: high, low" in told.err
    assert "threshold" in told.err
    assert Detector.load(detector).provenance_["encoder_source"] == "spectral"

    (bursts.folder / "broken.wav").write_bytes(b"RIFF")
    try:
        assert main(["detect", "run", str(detector), str(bursts.folder), "-o", str(out), "--workers", "1"]) == 4
    finally:
        (bursts.folder / "broken.wav").unlink()
    told = capsys.readouterr()
    assert "events in 5 recordings" in told.err
    assert "1 failed:" in told.err
    assert "broken.wav" in told.err
    assert len(list((out / "raven").iterdir())) == 5
    assert (out / "detections.csv").is_file()

    saved = ["-o", str(tmp_path / "scores"), "--json"]
    assert main(["detect", "eval", str(detector), str(bursts.corpus.path), *saved]) == 0
    found = json.loads(capsys.readouterr().out)
    assert "f1@0.5" in found["estimates"]
    assert found["oracle"]["f1@0.8"]["value"] == 1.0
    assert (tmp_path / "scores" / "scores.json").is_file()
    page = (tmp_path / "scores" / "report.html").read_text()
    assert "by bursts.detector" in page
    assert "Missed" in page
    assert "Precision against recall" in page
