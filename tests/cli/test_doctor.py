"""`tymbal doctor`."""

from __future__ import annotations

import json

import pytest

from tymbal import __version__
from tymbal.cli.doctor import doctor


def test_says_what_is_installed_and_how_to_get_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tymbal.cli.doctor._version", lambda name: None if name == "av" else "1.0")
    assert doctor() == 0
    shown = " ".join(capsys.readouterr().err.split())
    assert "pip install 'tymbal[av]'" in shown
    assert "GFLOP" in shown.upper()


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(json=True) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tymbal"] == __version__
    assert found["packages"]["torch"]
    assert found["machine"]["cores"] >= 1
