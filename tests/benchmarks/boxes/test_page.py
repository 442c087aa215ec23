"""The page beside the tables."""

from __future__ import annotations

import polars as pl
from tests.benchmarks.boxes.conftest import Ran

from tymbal.evaluation.detection import DetectionScores


def test_the_page_has_every_set_with_its_ceiling_and_what_is_not_known(boxes_run: Ran) -> None:
    page = (boxes_run.out / "results.md").read_text()
    assert "| OZF * |" in page
    assert "| Katy: ceiling |" in page
    assert "could not be reached" in page
    assert "4/2/2 recordings (train/validation/test), 46/6/13 were published" in page
    assert "recordings are slowed 6 times" in page
    rows = pl.read_parquet(boxes_run.out / "results.parquet")
    ours = rows.filter((pl.col("whose") == "ours") & (pl.col("metric") == "voxaboxen_macro_f1@0.5"))
    assert set(ours["set"]) == {"OZF", "Katy"}
    assert DetectionScores.load(boxes_run.out / "OZF/scores").labels == ("call",)
