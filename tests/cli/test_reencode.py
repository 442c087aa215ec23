"""`tymbal reencode`: what it prints, and its exit code where a file is broken."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.cli.main import main


def test_it_tells_what_became_of_the_recordings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root, out = tmp_path / "sounds", tmp_path / "out"
    root.mkdir()
    for rate in (8000, 16000):
        soundfile.write(root / f"{rate}.wav", 0.1 * np.sin(np.arange(rate) / 9), rate)
    assert main(["reencode", str(root), "-o", str(out), "--workers", "1"]) == 0
    assert "2 recordings at 8000 Hz, mono, 16 bits, all through vorbis" in capsys.readouterr().err
    (root / "broken.wav").write_bytes(b"RIFF")
    again = ["reencode", str(root), "-o", str(tmp_path / "higher"), "--sample-rate", "16000", "--codec", "none"]
    again += ["--workers", "1"]
    assert main([*again, "--json"]) == 4
    told = json.loads(capsys.readouterr().out)
    assert told["recordings"] == ["16000.flac", "8000.flac"]
    assert [each["item"] for each in told["failures"]] == ["broken.wav"]
    assert "1 recordings have a lower rate" in told["notes"][0]
