"""What verbs share: JSON that every reader takes, parameters that come back, failures that are listed."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from tymbal.cli.common import Task, count, save_parameters, say_failures, say_json, say_table


def test_json_has_no_nan(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"a": float("nan"), "b": [float("inf"), 1.5], "path": Path("x/y")})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": [None, 1.5], "path": "x/y"}


def test_parameters_come_back_as_the_options_were_named(tmp_path: Path) -> None:
    path = save_parameters(tmp_path, "embed", {"segment_s": 10.0, "layers": ["a"], "frames": None, "out": tmp_path})
    saved = tomllib.loads(path.read_text())
    assert saved == {"embed": {"segment-s": 10.0, "layers": ["a"], "out": tmp_path.as_posix()}}
    assert "tymbal embed --config" in path.read_text()


def test_failures_are_listed_up_to_a_limit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say_failures([(f"f{number}.wav", f"f{number}.wav: empty") for number in range(30)], kept_in=tmp_path, limit=2)
    shown = capsys.readouterr().err
    assert "30 failed" in shown
    assert "f1.wav: empty" in shown
    assert "f2.wav" not in shown
    assert "28 more" in shown
    assert str(tmp_path) in shown


def test_long_tables_are_cut_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    say_table(("n",), [(number,) for number in range(9)], limit=3)
    assert "6 more rows" in capsys.readouterr().err


def test_numbers_with_their_nouns() -> None:
    assert [count(number, "epoch") for number in (0, 1, 1200)] == ["0 epochs", "1 epoch", "1,200 epochs"]


def test_a_task_takes_the_corpus_label_and_the_usual_metric() -> None:
    assert (Task().of("call").label, Task().of(None).label) == ("call", "label")
    assert Task(label="species").of("call").label == "species"
    assert [Task().of(None, windows=windows).metric for windows in (False, True)] == ["balanced_accuracy", "cmap"]
    assert Task(metric="map").of(None, windows=True).metric == "map"
