from __future__ import annotations

import json
from pathlib import Path

import pytest

from tymbal.annotations import read_events
from tymbal.cli.main import main

LABELS = "1.0\t2.0\towl\n3.0\t3.0\tclick\n"


@pytest.fixture
def tables(tmp_path: Path) -> list[str]:
    for name, text in (("x.txt", LABELS), ("y.txt", LABELS), ("bad.txt", "")):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return [str(tmp_path / name) for name in ("x.txt", "y.txt", "bad.txt")]


def test_all_well(tables: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", tables[0], tables[1], "--to", "csv", "-o", str(tmp_path / "o.csv")]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "read 2 tables (audacity) with 4 events" in said.err
    assert "zero_duration: x.txt, row 2" in said.err
    assert read_events(tmp_path / "o.csv").events.height == 4


def test_some_failed_and_all_failed(tables: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", *tables, "--to", "raven", "-o", str(tmp_path / "out")]) == 4
    assert "1 failed:" in capsys.readouterr().err
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert main(["convert", tables[2], "--to", "raven", "-o", str(tmp_path / "no.txt")]) == 3
    assert not (tmp_path / "no.txt").exists()


def test_json_for_machines(tables: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "o.csv")
    assert main(["convert", *tables, "--to", "csv", "-o", out, "--from", "audacity", "--clean", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["events"] == 2
    assert [one["format"] for one in told["tables"]] == ["audacity"] * 3
    assert told["tables"][0]["faults"][0]["code"] == "zero_duration"
    assert told["written"] == [out]


def test_wrong_usage(tables: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["convert", tables[0], "--to", "ravn", "-o", str(tmp_path / "o")]) == 2
    assert "allowed: raven" in capsys.readouterr().err


def test_a_label_column(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("recording,onset_s,offset_s,label,who\nr,1,2,x,A\n", encoding="utf-8")
    out = str(tmp_path / "o.txt")
    assert main(["convert", str(tmp_path / "t.csv"), "--to", "audacity", "-o", out, "--label-column", "who"]) == 0
    assert Path(out).read_text(encoding="utf-8") == "1.0\t2.0\tA\n"
