"""The table: published values beside trained encoders only, floors apart."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.benchmarks.reproduce.conftest import tiny_plan

from tymbal.benchmarks.reproduce import MODELS, StudyOutcome, study_rows, study_sets
from tymbal.benchmarks.reproduce.models import AtHand
from tymbal.benchmarks.reproduce.results import markdown, published_value, study_gains


def test_published_values_are_the_tables() -> None:
    named = {model.name: model for model in MODELS}
    (watkins,) = study_sets(["watkins"])
    assert published_value(named["sl-BEATs-all"], watkins) == 0.914
    for described in study_sets():
        assert all(published_value(model, described) is not None for model in MODELS), described.name


def test_random_weights_never_stand_beside_a_published_figure(studied: tuple[Path, StudyOutcome]) -> None:
    out, _ = studied
    rows = pl.read_parquet(out / "results.parquet")
    assert rows.height == 8
    assert rows["published"].null_count() == 8
    assert set(rows["weights"]) == {"random, tiny"}
    page = (out / "results.md").read_text()
    assert "nothing here speaks about the paper" in page
    assert "## Floor: random weights" in page
    assert "Published:" not in page
    assert "published linear" not in page
    assert "Read off the paper's figure" not in page
    assert "- not run: dogs: " in page
    assert "- failed: rfcx: " in page


def test_trained_encoders_stand_beside_their_published_value(replica: Path, studied: tuple[Path, StudyOutcome]) -> None:
    out, outcome = studied
    plan = tiny_plan(replica, out)
    beats = AtHand(plan.models[0].model, "trained", Path("weights.pt"))
    plan = replace(plan, models=(beats, plan.models[1]))
    found: dict[str, Any] = {**outcome.results, "BEATs": outcome.results["BEATs-random-tiny"]}
    table = study_rows(plan, found)
    (esc,) = study_sets(["esc50"])
    beside = table.drop_nulls("published").select("model", "layers", "head", "published", "source").rows()
    assert beside == [("BEATs", "last", "linear", published_value(beats.model, esc), "2508.11845")]
    page = markdown(table, study_gains(plan, found), [], [], "")
    trained, floor = page.index("| BEATs | esc50 *"), page.index("| EAT-all (random, tiny) | esc50 *")
    assert trained < page.index("## Floor") < floor
    assert "Read off the paper's figure" in page
    assert "| EAT-all (random weights: a floor, tiny) | beans | linear |" in page


def test_gains_are_all_layers_less_the_last(replica: Path, studied: tuple[Path, StudyOutcome]) -> None:
    out, outcome = studied
    gains = study_gains(tiny_plan(replica, out), outcome.results)
    for at in tiny_plan(replica, out).models:
        probes = outcome.results[at.folder]["esc50"]["probes"]
        for head, ours in (("linear", "linear"), ("attention", "self_attention")):
            expected = probes[f"{ours}-all"]["accuracy"]["value"] - probes[f"{ours}-last"]["accuracy"]["value"]
            assert gains[at.title, "beans", head].value == pytest.approx(expected)
            assert gains[at.title, "beans", head].low is None  # four source recordings allow no interval
