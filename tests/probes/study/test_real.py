"""Small versions of the studies in docs/studies/step1-probes.md, on the recordings they are about."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from tymbal.corpus import index, make_split
from tymbal.encoders import create_encoder
from tymbal.features import embed
from tymbal.probes import StudyConfig, run_study

Data = Callable[[str], Path]


def test_cats_are_told_by_session_and_a_random_split_is_called_leaky(data: Data, tmp_path: Path) -> None:
    meows = data("cat_meows")
    corpus = index(meows, out=tmp_path / "corpus", metadata=[meows / "clips.csv"], workers=1)
    make_split(corpus, "by_session", by="individual+session", folds=4, stratify="individual")
    make_split(corpus, "by_random", by="event", folds=4, stratify="individual")
    store = embed(corpus, create_encoder("spectral"), tmp_path / "store", layers="mfcc,modulation", workers=1)
    found = {}
    for split in ("by_session", "by_random"):
        config = StudyConfig(
            label="individual", split=split, heads=("ridge",), layers=("mfcc", "all"), inner_folds=2, frames=8
        )
        found[split] = run_study(corpus, store, config, tmp_path / split)
    errors = {
        split: {row["code"] for row in results["audit"] if row["severity"] == "error"}
        for split, results in found.items()
    }
    assert "split_tears_groups" in errors["by_random"]
    assert "split_tears_groups" not in errors["by_session"]
    accuracy = {split: results["selected"]["metrics"]["accuracy"]["value"] for split, results in found.items()}
    assert accuracy["by_random"] > accuracy["by_session"] + 0.1  # what the leak is worth
    assert accuracy["by_session"] > 2 * 54 / 232  # twice the most frequent cat
    assert found["by_session"]["selected"]["metrics"]["balanced_accuracy"]["units"] == 28


@pytest.mark.full
def test_esc10_reaches_what_step_1_asks(data: Data, tmp_path: Path) -> None:
    source = data("esc50_subset")
    clips = pl.read_csv(source / "clips.csv").filter(pl.col("esc10"))
    root = tmp_path / "esc10"
    (root / "audio").mkdir(parents=True)
    for recording in clips["recording"]:
        shutil.copy2(source / recording, root / recording)
    clips.write_csv(root / "clips.csv")
    corpus = index(root, out=tmp_path / "corpus", metadata=[root / "clips.csv"], workers=2)
    make_split(corpus, "folds", by="src_file", folds="fold", stratify="label")
    store = embed(corpus, create_encoder("spectral"), tmp_path / "store", workers=2)
    config = StudyConfig(heads=("ridge", "logistic"), metric="accuracy", unit_name="source recording")
    results = run_study(corpus, store, config, tmp_path / "run", audited=False)
    accuracy = results["selected"]["metrics"]["accuracy"]
    assert accuracy["value"] >= 0.85
    assert accuracy["low"] < accuracy["value"] < accuracy["high"]
    gain = next(row for row in results["differences"] if (row["a"], row["metric"]) == ("selected", "accuracy"))
    assert gain["low"] > 0


@pytest.mark.full
def test_syllables_of_one_bird_by_day(data: Data, tmp_path: Path) -> None:
    source = data("bengalese_finch_song")
    recordings = pl.read_csv(source / "recordings.csv").filter(pl.col("individual") == "gy6or6")
    day = pl.col("recording").str.extract(r"_(\d{6})_\d{4}\.").alias("day")
    root = tmp_path / "finch"
    (root / "audio").mkdir(parents=True)
    for recording in recordings["recording"]:
        shutil.copy2(source / recording, root / recording)
    recordings.select("recording", day).write_csv(root / "days.csv")
    events = pl.read_csv(source / "annotations.csv", infer_schema=False).filter(pl.col("individual") == "gy6or6")
    events.write_csv(root / "annotations.csv")
    corpus = index(
        root, out=tmp_path / "corpus", annotations=root / "annotations.csv", metadata=[root / "days.csv"], workers=1
    )
    make_split(corpus, "by_day", by="day", folds="each")
    store = embed(corpus, create_encoder("spectral"), tmp_path / "store", layers="log_mel,mfcc", workers=1)
    config = StudyConfig(split="by_day", heads=("linear",), seeds=1, inner_folds=2, frames=8, metric="accuracy")
    results = run_study(corpus, store, config, tmp_path / "run", audited=False)
    accuracy = results["selected"]["metrics"]["accuracy"]
    assert accuracy["value"] > 0.9
    assert (accuracy["units"], accuracy["low"]) == (4, None)  # four days: each shown, no interval
    assert len(accuracy["per_unit"]) == 4
