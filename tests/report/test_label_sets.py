"""A run of several labels per example, drawn: every label ranked, nothing thresholded, no confusion matrix."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import average_precision_score
from tests.report.fixture import make_corpus
from tests.report.test_page import Reader

from tymbal.config import dumps
from tymbal.errors import DataError
from tymbal.evaluation import estimate
from tymbal.report import write_report
from tymbal.report.label_sets import LabelSets, membership, pick
from tymbal.report.run import open_run
from tymbal.report.summary import chance

LABELS = ["frog", "owl <b>", "never"]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """60 windows of ten recordings, one of which is gone; frog is easy, owl is not; twelve windows carry nothing."""
    folder = tmp_path_factory.mktemp("sets")
    corpus = make_corpus(folder, [(f"r{number}.wav", 8000) for number in range(9)])
    random = np.random.default_rng(0)
    truth = np.zeros((60, 3), dtype=bool)
    truth[np.arange(60) % 5 < 2, 0] = truth[np.arange(60) % 5 == 3, 1] = True
    truth[np.arange(60) % 5 == 1, 1] = True
    scores = np.clip(random.uniform(0, 0.5, (60, 3)) + truth * np.array([0.5, 0.15, 0]), 0, 1)
    names = [f"r{number % 10}.wav" for number in range(60)]
    table = pl.DataFrame(
        {
            "probe": ["ridge-last"] * 60,
            "seed": [0] * 60,
            "fold": [str(number % 2) for number in range(60)],
            "group": names,
            "unit": names,
            "event_id": [f"w{number:02d}" for number in range(60)],
            "recording": names,
            "channel": pl.Series([None] * 60, dtype=pl.Int32),
            "onset_s": [0.1] * 60,
            "offset_s": [0.4] * 60,
            "reference": [[LABELS[c] for c in np.flatnonzero(row)] for row in truth],
            "predicted": [[LABELS[c] for c in np.flatnonzero(row > 0.5)] for row in scores],
            "scores": scores.tolist(),
        },
        schema_overrides={"reference": pl.List(pl.String), "predicted": pl.List(pl.String)},
    )
    metrics = {
        name: asdict(estimate(name, truth, scores, groups=names, unit_name="recording", resamples=200))
        for name in ("cmap", "map", "auroc", "top1")
    }
    task = {"labels": LABELS, "multilabel": True, "metrics": list(metrics), "primary": "cmap", "unit_name": "recording"}
    probe = {"config": {"head": "ridge", "layers": "last"}, "metrics": metrics, "seeds": {}, "layer_weights": None}
    out = folder / "run"
    out.mkdir()
    (out / "results.json").write_text(json.dumps({"task": task, "probes": {"ridge-last": probe}}))
    (out / "run.toml").write_text(dumps({"corpus": str(corpus)}))
    table.write_parquet(out / "predictions.parquet")
    return out


def test_the_page_ranks_every_label(run: Path, tmp_path: Path) -> None:
    write_report(run, tmp_path / "page.html", examples=3)
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    read = Reader(page)
    assert "Which of 3 labels does each of 60 examples carry (24 carry none)" in read.words
    assert "Confusion" not in read.words
    assert "owl <b>" not in page
    rows = {row[0]: row for row in read.cells if row and row[0] in LABELS}
    opened = open_run(run)
    rows_shown = opened.shown()
    truth, scores = membership(rows_shown, LABELS), np.array(rows_shown["scores"].to_list())
    for number, label in enumerate(LABELS[:2]):
        assert rows[label][1] == str(truth[:, number].sum())
        assert rows[label][4].startswith(f"{average_precision_score(truth[:, number], scores[:, number]):.3f}")
        assert rows[label][5] == f"{truth[:, number].mean():.3f}"
    assert rows["never"][1:3] == ["0", "0"]
    assert "Easiest: frog" in read.words.replace("  ", " ")
    assert "Anything about never: no test example carries it." in read.words


def test_examples_are_picked_by_rank_in_turn(run: Path) -> None:
    sets = LabelSets.of(open_run(run))
    missed = pick(sets, LABELS, kind="missed", wanted=4)
    assert [row["label"] for row in missed] == ["frog", "owl <b>", "frog", "owl <b>"]
    carried = sets.scores[sets.membership[:, 0], 0]
    assert missed[0]["score"] == carried.min()
    assert all(row["label"] in row["reference"] for row in missed)
    wrong = pick(sets, LABELS, kind="false", wanted=4)
    assert all(row["label"] not in row["reference"] for row in wrong)
    assert wrong[0]["score"] == sets.scores[~sets.membership[:, 0], 0].max()
    right = pick(sets, LABELS, kind="right", wanted=2)
    assert right[0]["score"] == carried.max()
    assert right[0]["rank"] > 0.9
    assert pick(sets, LABELS, kind="right", wanted=0) == []


def test_guessing_is_the_share_of_a_label(run: Path) -> None:
    opened = open_run(run)
    shares = membership(opened.shown(), LABELS).mean(axis=0)
    assert chance(opened, "cmap") == pytest.approx(shares[:2].mean())
    assert chance(opened, "map") == pytest.approx(shares.mean())
    assert chance(opened, "auroc") == 0.5
    assert chance(opened, "top1") == pytest.approx(24 / 36)


def test_references_that_are_no_lists_are_refused(run: Path, tmp_path: Path) -> None:
    for name in ("results.json", "run.toml"):
        (tmp_path / name).write_bytes((run / name).read_bytes())
    table = pl.read_parquet(run / "predictions.parquet").with_columns(pl.lit("frog").alias("reference"))
    table.write_parquet(tmp_path / "predictions.parquet")
    with pytest.raises(DataError, match="several labels need lists"):
        open_run(tmp_path)
