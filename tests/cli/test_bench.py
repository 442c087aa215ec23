"""`tymbal bench --check`: what is there, and how to get the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.benchmarks import replicas

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
