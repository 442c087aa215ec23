"""The page of `tymbal bench boxes`: ceilings, stars, published numbers and failures, from results made by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tymbal.benchmarks.results import ROWS
from tymbal.errors import DataError
from tymbal.report import write_report
from tymbal.report.boxes import is_boxes


def estimate(value: float, low: float | None = None, high: float | None = None, units: int = 2) -> dict[str, Any]:
    return {"value": value, "low": low, "high": high, "units": units, "unit_name": "recording"}


def result(**changes: Any) -> dict[str, Any]:
    found = {
        "f1@0.5": estimate(0.8125, 0.7, 0.9, 13),
        "f1@0.8": estimate(0.6, 0.5, 0.7, 13),
        "class_agnostic_f1@0.5": estimate(0.84),
        "voxaboxen_macro_f1@0.5": estimate(0.777),
    }
    whole = {
        "official": True,
        "recordings": {"train": 2, "validation": 2, "test": 2},
        "counts": {"test": 252},
        "picked": "both",
        "probes": {"both": found},
        "ceilings": {"both": {"f1@0.5": estimate(0.987)}},
        "validation": {"both": 0.83},
        "thresholds": {"both": 0.45},
        "clock": "run native; here recordings are slowed 6 times",
        "labels": ["call <b>"],
        "unknown": 3,
        "encoder": "spectral",
        "readings": 1,
        "tymbal_version": "0.1.0",
    }
    return whole | changes


@pytest.fixture
def run(tmp_path: Path) -> Path:
    published = {"whose": "published", "set": "MT", "metric": "voxaboxen_macro_f1@0.5", "model": "Voxaboxen 2023"}
    rows = [published | {"value": 0.869, "source": "voxaboxen-readme"}, published | {"value": 0.467, "model": "R-CNN"}]
    pl.DataFrame(rows, schema=ROWS).write_parquet(tmp_path / "results.parquet")
    content = {
        "benchmark": "boxes",
        "sets": {"MT": result(), "Katy": result(official=False)},
        "departures": {"Katy": [["unexpected", "files", "Katy: 3/2/2 recordings", "Complete the download."]]},
        "failures": [["OZF", "no training recording could be embedded"]],
    }
    (tmp_path / "results.json").write_text(json.dumps(content))
    return tmp_path


def test_the_page_tells_ceilings_stars_published_numbers_and_failures(run: Path, tmp_path: Path) -> None:
    made = write_report(run, tmp_path / "page.html")
    page = made.path.read_text()
    assert "Boxes: 2 sets" in page
    assert "Katy *" in page
    assert "MT *" not in page
    assert "0.812" in page or "0.813" in page
    assert "ceiling 0.987" in page
    assert "0.869, Voxaboxen 2023 (voxaboxen-readme)" in page
    assert "could not be reached" in page
    assert "slowed 6 times" in page
    assert "call &lt;b&gt;" in page
    assert "Katy: 3/2/2 recordings. Complete the download." in page
    assert "failed: OZF: no training recording could be embedded" in page
    assert write_report(run, tmp_path / "again.html").path.read_bytes() == made.path.read_bytes()


def test_other_results_are_none_of_boxes(run: Path, tmp_path: Path) -> None:
    assert is_boxes(run)
    assert not is_boxes(tmp_path / "nowhere")
    (run / "results.parquet").write_bytes(b"no")
    with pytest.raises(DataError, match=r"results.parquet: cannot be read.*Run tymbal bench boxes again"):
        write_report(run, tmp_path / "page.html")
    (run / "results.json").write_text('{"benchmark": "beans"}')
    assert not is_boxes(run)
