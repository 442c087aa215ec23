"""The upper bound: the encoder is trained by the set's own folds, once, and its row stands apart from the probes'."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from tymbal.benchmarks.reproduce import paper_config, plan_study, run_study, study_sets
from tymbal.benchmarks.reproduce.finetuning import tuning_config
from tymbal.benchmarks.reproduce.models import blank, study_models
from tymbal.errors import DataError
from tymbal.probes.finetuning import FineTuned


def test_training_is_the_papers() -> None:
    (eat,) = study_models(["EAT-all"])
    (hsn,) = study_sets(["HSN"])
    found = tuning_config(hsn, blank(eat, tiny=True), paper_config())
    assert (found.mode, found.head, found.layers, found.multilabel) == ("full", "linear", ("block1",), True)
    assert (found.encoder_rate, found.training.learning_rate, found.training.epochs) == (1e-5, 1e-5, 50)
    assert (found.segment_s, found.frames, found.head_first) == (5.0, None, False)


def test_every_fold_has_its_part_and_a_second_run_trains_nothing(
    replica: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"tasks": ["esc50"], "models": ["EAT-all"], "frames": 2, "epochs": 1, "fine_tuning": True}
    plan = plan_study(replica, tmp_path, random_weights="tiny", **chosen)  # type: ignore[arg-type]
    given: list[tuple[list[int], list[int]]] = []
    fit = FineTuned.fit

    def spy(self: FineTuned, *args: object, **options: object) -> FineTuned:
        given.append((list(options["rows"]), list(options["watch"])))  # type: ignore[call-overload]
        return fit(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(FineTuned, "fit", spy)
    first = run_study(plan)
    assert first.failures == ()
    ((rows, watch),) = given
    assert (len(rows), len(watch)) == (12, 4)
    assert not set(rows) & set(watch)
    table = pl.read_parquet(tmp_path / "results.parquet")
    tuned = table.filter(pl.col("layers") == "fine-tuned").row(0, named=True)
    assert (tuned["head"], tuned["examples"], tuned["published"]) == ("linear", 4, None)
    assert "| linear, fine-tuned |" in (tmp_path / "results.md").read_text()
    assert [path.suffix for path in (tmp_path / "EAT-all-random-tiny/esc50/tuned").iterdir()] == [".safetensors"]
    assert run_study(plan) == first
    assert len(given) == 1


def test_a_failure_leaves_the_probes_standing(replica: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise DataError("no", where="here")

    monkeypatch.setattr(FineTuned, "fit", broken)
    chosen = {"tasks": ["esc50"], "models": ["BEATs"], "frames": 2, "epochs": 1}
    plan = plan_study(replica, tmp_path, random_weights="tiny", **chosen)  # type: ignore[arg-type]
    outcome = run_study(replace(plan, fine_tuning=True))
    ((name, reason),) = outcome.failures
    assert name == "BEATs (random weights: a floor, tiny) on esc50, fine-tuned"
    assert reason == "here: no"
    assert "linear-last" in outcome.results["BEATs-random-tiny"]["esc50"]["probes"]
