from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.probes.study.conftest import tones  # noqa: F401 - a fixture
from tests.probes.sweep.conftest import make_plan  # noqa: F401 - a fixture

from tymbal.cli.common import EXIT_SOME_FAILED
from tymbal.cli.main import main
from tymbal.config import dumps
from tymbal.probes.sweep import ProbeGrid, SweepEncoder, SweepPlan


@pytest.fixture
def plan(make_plan: Callable[..., SweepPlan], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    monkeypatch.setenv("COLUMNS", "170")
    plan = make_plan(probes=(ProbeGrid("ridge"), ProbeGrid("linear", layers=("all",))), seeds=1)
    path = tmp_path / "plan.toml"
    path.write_text(dumps(replace(plan, encoders=(*plan.encoders, SweepEncoder("hubert")))))
    return path


def test_a_dry_run_counts_and_does_nothing(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sweep", str(plan), "-o", str(tmp_path / "out"), "--dry-run", "--workers", "1"]) == EXIT_SOME_FAILED
    told = capsys.readouterr()
    assert "72 (3 labels, 8 units)" in told.out
    assert "3 + 4" in told.out, "three probes choose, and are tested with the baseline"
    assert "4 probes, 7 fits, about" in told.err
    assert "with 1 process\n" in told.err
    assert "call × hubert" in told.err
    assert not (tmp_path / "out").exists()
    assert (
        main(["sweep", str(plan), "-o", str(tmp_path / "out"), "--dry-run", "--json", "--workers", "1"])
        == EXIT_SOME_FAILED
    )
    found = json.loads(capsys.readouterr().out)
    assert [(row["inner"], row["tested"], row["kept"]) for row in found["studies"]] == [(3, 4, 0)]


def test_a_sweep_tells_draws_and_goes_on(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    command = ["sweep", str(plan), "-o", str(out), "--workers", "1", "--no-audit"]
    assert main(command) == EXIT_SOME_FAILED  # an encoder without weights
    told = capsys.readouterr()
    assert told.out == ""
    results = json.loads((out / "results.json").read_text())
    for part in results["words"]:
        assert f"{part['about']}: {part['text']}" in told.err
    assert f"table: {out / 'results.md'} (.csv, .parquet); report: {out / 'report.html'}" in told.err
    assert "call × hubert" in told.err
    first = {
        path.name: path.read_bytes() for path in out.iterdir() if path.suffix in (".csv", ".md", ".html", ".parquet")
    }
    assert first.keys() == {"results.csv", "results.md", "results.parquet", "costs.csv", "report.html"}
    assert main([*command, "--json"]) == EXIT_SOME_FAILED
    assert json.loads(capsys.readouterr().out)["tasks"] == results["tasks"]
    assert {name: (out / name).read_bytes() for name in first} == first
    assert main(["sweep", "--config", str(out / "sweep.toml"), "--quiet"]) == EXIT_SOME_FAILED
    told = capsys.readouterr()
    assert told.out == ""
    assert "call × hubert" in told.err
    assert main(["report", str(out), "-o", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_bytes() == first["report.html"]


def test_a_plan_with_a_fault_is_one_sentence(plan: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan.write_text(plan.read_text().replace("seeds =", "seed ="))
    assert main(["sweep", str(plan), "-o", str(tmp_path / "out")]) == 2
    told = capsys.readouterr().err
    assert "unknown field 'seed' for SweepPlan" in told
    assert "Traceback" not in told
    assert main(["sweep", str(tmp_path / "none.toml"), "-o", str(tmp_path / "out")]) == 2
    assert "none.toml" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
