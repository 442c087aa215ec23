"""Sets as corpora with the official split."""

from __future__ import annotations

from pathlib import Path

import polars as pl
from tests.benchmarks import replicas

from tymbal.benchmarks import benchmark_sets, to_corpus


def test_corpora_carry_the_official_split(tmp_path: Path) -> None:
    (described,) = benchmark_sets("beans", ["dcase"])
    prepared = to_corpus(replicas.dcase(tmp_path), described, tmp_path / "out")
    folds = prepared.corpus.folds("official").join(
        prepared.corpus.events.select("event_id", "onset_s"), on="event_id", how="left"
    )
    assert sorted(folds.select("onset_s", "fold").rows()) == [
        (1.5, "train"),
        (58.5, "train"),
        (240.5, "test"),
        (245.0, "test"),
    ]
    assert prepared.corpus.covered("Training_Set/BV/long.wav", 0.0, 270.0) is True
    (described,) = benchmark_sets("beans", ["watkins"])
    prepared = to_corpus(replicas.watkins(tmp_path), described, tmp_path / "clips")
    named = prepared.corpus.examples("label", scheme="official").select("recording", "label", "fold").drop_nulls("fold")
    wanted = prepared.examples.select("recording", label=pl.col("labels").list.first(), fold="fold")
    assert named.sort("recording").equals(wanted.sort("recording"))
    assert set(prepared.used.recordings["recording"]) == set(wanted["recording"])  # without the seals
