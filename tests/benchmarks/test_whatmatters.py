"""The 26-set suite: its sets, individuals across years, repertoires, and BEANS sets with its metrics."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from tests.benchmarks import replicas

from tymbal.benchmarks import BENCHMARKS, BenchConfig, benchmark_sets, published, run_benchmark, verify
from tymbal.encoders import create_encoder

QUICK = BenchConfig(heads=("logistic",), layers=("last",), frames=2)


def test_the_suite_as_published() -> None:
    sets = BENCHMARKS["what-matters"]
    assert len(sets) == 26
    assert len({described.name for described in sets}) == 26
    assert "SSW" not in {described.name for described in sets}
    for described in sets:
        rows = published("what-matters", described.published or described.name, "retrieval_auc")
        hidden = "birdset" in described.folder  # BirdNET was trained on its test sets: its numbers were withheld
        assert rows.height == 20 - hidden, described.name
        assert described.certain or described.remark
    sizes = {described.name: described.classes for described in sets}
    assert (sizes["chiffchaff"], sizes["littleowl"], sizes["pipit"], sizes["macaques"]) == (10, 16, 10, 8)


def test_individuals_across_years(tmp_path: Path) -> None:
    names = [f"F{number}" for number in range(10)]
    data = replicas.individuals(tmp_path / "data", "chiffchaff_id", names)
    (described,) = benchmark_sets("what-matters", ["chiffchaff"])
    found = verify(data, described)
    assert [each.code for each in found.departures] == []
    assert found.counts == {"train": 40, "test": 40}
    outcome = run_benchmark(
        "what-matters", data, create_encoder("spectral"), tmp_path / "out", sets=["chiffchaff"], config=QUICK
    )
    result = outcome.results["chiffchaff"]
    auc = result["embedding"]["retrieval_auc"]
    assert (auc["units"], auc["unit_name"], auc["examples"]) == (10, "individual", 40)
    assert auc["low"] < auc["value"] <= auc["high"]
    assert set(result["embedding"]) == {"retrieval_auc", "precision_at_1"}
    rows = pl.read_parquet(tmp_path / "out/results.parquet").filter(pl.col("whose") == "published")
    assert rows.filter(pl.col("metric") == "retrieval_auc").height == 20


def test_repertoires_have_no_probe_and_say_what_is_inferred(tmp_path: Path) -> None:
    data = replicas.bengalese_finch(tmp_path / "data")
    outcome = run_benchmark(
        "what-matters", data, create_encoder("spectral"), tmp_path / "out", sets=["bengalese-finch"], config=QUICK
    )
    result = outcome.results["bengalese-finch"]
    assert result["probes"] == {}
    assert result["embedding"]["nmi"]["value"] == pytest.approx(1.0)  # tones far apart
    assert result["embedding"]["ari"]["low"] is None  # one bird
    page = (tmp_path / "out/results.md").read_text()
    assert "inferred: bengalese-finch: Bird0 alone" in page
    assert "3 labels, 9 were published" in page


def test_beans_sets_carry_the_metrics_of_the_suite(tmp_path: Path) -> None:
    data = tmp_path / "data"
    replicas.esc50(data / "beans")
    outcome = run_benchmark(
        "what-matters", data, create_encoder("spectral"), tmp_path / "out", sets=["esc50", "dogs"], config=QUICK
    )
    result = outcome.results["esc50"]
    assert set(result["embedding"]) == {"retrieval_auc", "precision_at_1", "nmi", "ari"}
    assert result["probes"]["logistic-last"]["accuracy"]["value"] == 1.0
    rows = pl.read_parquet(tmp_path / "out/results.parquet")
    assert set(rows.filter(pl.col("whose") == "published")["source"]) == {"2508.11845"}
