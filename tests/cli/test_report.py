"""`tymbal report` from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.report.fixture import make_corpus, make_run, small_rows

from tymbal.cli.main import main


@pytest.fixture
def run(tmp_path: Path) -> Path:
    corpus = make_corpus(tmp_path, [("a.wav", 8000)])
    rows = small_rows(["x", "y"], lambda number: "a.wav", count=24, units=8)
    return make_run(
        tmp_path / "run", rows, ["x", "y"], corpus=corpus, task={"label": "label", "scheme": "s", "unit_name": "site"}
    )


def test_report_writes_the_page_and_says_where(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "r.html"
    assert main(["report", str(run), "-o", str(out), "--examples", "2"]) == 0
    assert out.read_text(encoding="utf-8").count("<audio") == 4
    said = capsys.readouterr()
    assert str(out) in said.err
    assert said.out == ""


def test_json_is_one_object(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(run), "--out", str(tmp_path / "r.html"), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["placeholders"] == 0
    assert said["size_bytes"] == (tmp_path / "r.html").stat().st_size


def test_what_is_no_run_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "r.html")]) == 3
    assert "results.json: no such file" in capsys.readouterr().err


def test_a_moved_corpus_can_be_named(run: Path, tmp_path: Path) -> None:
    (tmp_path / "corpus").rename(tmp_path / "elsewhere")
    out = tmp_path / "r.html"
    assert main(["report", str(run), "-o", str(out), "--examples", "1", "--quiet"]) == 0
    assert "<audio" not in out.read_text(encoding="utf-8")
    moved = ["--corpus", str(tmp_path / "elsewhere")]
    assert main(["report", str(run), "-o", str(out), "--examples", "1", "--quiet", *moved]) == 0
    assert "<audio" in out.read_text(encoding="utf-8")


def test_the_kept_parameters_draw_the_same_page_again(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "pages" / "r.html"
    assert main(["report", str(run), "-o", str(out), "--examples", "3", "--quiet"]) == 0
    first = out.read_bytes()
    out.unlink()
    assert main(["report", "--config", str(tmp_path / "pages" / "report.toml"), "--quiet"]) == 0
    assert out.read_bytes() == first
