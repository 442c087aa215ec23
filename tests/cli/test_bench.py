"""`tymbal bench --check`: what is there, and how to get the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.benchmarks import replicas
from tests.benchmarks.fewshot.replicas import fasd13

from tymbal.cli.main import main


def test_check_says_what_is_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = replicas.esc50(tmp_path)
    assert main(["bench", "beans", "--data", str(data), "--check", "--sets", "esc50,dogs"]) == 0
    told = capsys.readouterr().err
    assert "esc50: there, but not as published (12 train, 4 validation, 4 test)" in told
    assert "dogs: cannot be run" in told
    assert main(["bench", "beans", "--data", str(data), "--check", "--sets", "esc50", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["esc50"]["ready"] is True
    assert main(["bench", "beans", "--data", str(data)]) == 2
    assert "--check" in capsys.readouterr().err


def test_few_shot_benchmarks_from_look_to_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = fasd13(tmp_path / "data", ["GS"])
    asked = ["bench", "fasd13", "--data", str(data), "--sets", "GS"]
    assert main([*asked, "--check"]) == 0
    told = capsys.readouterr().err
    assert "GS: 2 targets" in told
    assert "GS has 2 recordings with 16 events, published are 7 with 85" in told
    run = [*asked, "-o", str(tmp_path / "out"), "--finders", "ncc", "--protocols", "within", "--shots", "5"]
    assert main([*run, "--quiet", "--json"]) == 0
    (row,) = json.loads(capsys.readouterr().out)["scores"]
    assert (row["finder"], row["protocol"], row["shots"], row["tasks"]) == ("ncc", "within", 5, 2)
    assert row["scores"]["f1"]["value"] > 0.8
    assert "| ncc | within | 5 |" in (tmp_path / "out" / "results.md").read_text()
