"""`tymbal reproduce probing`: the plan as people and machines read it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.benchmarks import replicas

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
    assert "Fine-tuning, the paper's upper bound, is not run: --fine-tuning does" in told
    assert main([*command, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["probes"] == 72


def test_a_run_says_what_it_found_and_what_failed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = tmp_path / "data", tmp_path / "out"
    replicas.esc50(data / "beans")
    (data / "beans/dogs").mkdir()
    command = f"reproduce probing --data {data} -o {out} --random-weights tiny --tasks esc50,dogs --models beats"
    assert main([*command.split(), "--frames", "2", "--epochs", "1"]) == 4
    told = capsys.readouterr().err
    assert "BEATs (random, tiny: floor)" in told
    assert "published linear" not in told
    assert "1 failed:" in told
    assert "annotations.csv is not there" in told
    assert main(["reproduce", "--config", str(out / "reproduce.toml"), "--quiet", "--json"]) == 4
    found = json.loads(capsys.readouterr().out)
    assert found["results"]["BEATs-random-tiny"]["esc50"]["weights"] == "random, tiny"
    assert found["plan"]["work"][0]["done"] is True


def test_a_run_with_nothing_there_shows_the_plan_and_ends_with_5(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["reproduce", "probing", "--data", str(tmp_path), "-o", str(tmp_path / "out"), "--models", "beats"]
    assert main(command) == 5
    told = capsys.readouterr().err
    assert "Missing weights" in told
    assert told.splitlines()[-1].startswith(f"error: {tmp_path}: nothing of the study can be run")
    assert main(command[:4]) == 2
    assert capsys.readouterr().err.startswith("error: --out: no folder for the results")


def test_wrong_names_are_one_line_by_option(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option, value in (("--tasks", "esc5"), ("--models", "BEAT"), ("--weights", str(tmp_path / "w"))):
        assert main(["reproduce", "probing", "--data", str(tmp_path), "--dry-run", option, value]) == 2
        assert capsys.readouterr().err.startswith(f"error: {option}: ")
