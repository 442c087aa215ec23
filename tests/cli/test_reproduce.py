"""`tymbal reproduce probing`: the plan as people and machines read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tymbal.cli.main import main


@pytest.fixture(autouse=True)
def _no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TYMBAL_WEIGHTS", str(tmp_path / "none"))


def test_nothing_there_tells_where_to_get_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["reproduce", "probing", "--data", str(tmp_path), "--models", "BEATs", "--dry-run"]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "1 encoder × last, all layers × linear, attention × 18 sets = 72 probes of 50 epochs" in told
    assert "0 of 1 encoders with their weights, 0 of 18 sets, 0 probes can be run" in told
    assert "BEATs_iter3_plus_AS2M.pt  361 MB" in told
    assert "watkins: https://archive.org/details/watkins_202104" in told
    assert "fine-tuning, the paper's upper bound, is not run here" in told
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["probes"] == 72


def test_wrong_names_are_one_line_by_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option, value in (("--tasks", "esc5"), ("--models", "BEAT"), ("--weights", str(tmp_path / "w"))):
        assert main(["reproduce", "probing", "--data", str(tmp_path), "--dry-run", option, value]) == 2
        assert capsys.readouterr().err.startswith(f"error: {option}: ")
