"""A benchmark end to end on miniature copies: verify, corpus, store, probes, table; resumed to the byte."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tymbal.benchmarks import BenchConfig, run_benchmark
from tymbal.cli.main import main
from tymbal.encoders import create_encoder
from tymbal.errors import NothingDoneError

QUICK = BenchConfig(heads=("ridge", "logistic"), layers=("last", "mfcc"), frames=4)


def test_results_stand_beside_published_numbers(ran: tuple[Path, Path]) -> None:
    _, out = ran
    rows = pl.read_parquet(out / "results.parquet")
    ours = rows.filter((pl.col("whose") == "ours") & pl.col("picked"))
    esc = ours.filter(pl.col("set") == "esc50").row(0, named=True)
    assert (esc["metric"], esc["value"], esc["units"], esc["unit_name"], esc["examples"]) == (
        *("accuracy", 1.0, 4, "source recording", 4),
    )
    assert esc["low"] is None  # four independent recordings allow no interval
    theirs = rows.filter((pl.col("whose") == "published") & (pl.col("set") == "esc50"))
    assert ("AVES-bio", 0.773, "2210.14493") in theirs.select("model", "value", "source").rows()
    page = (out / "results.md").read_text()
    assert "| esc50 * | accuracy | 1.000 (no interval) | 4 source recordings |" in page
    assert "1200 were published" in page
    assert "watkins is not there" in page
    whole = json.loads((out / "results.json").read_text())
    assert whole["sets"]["rfcx"]["official"] is False
    assert whole["departures"]["watkins"][0][0] == "missing"


def test_running_again_changes_no_byte_and_fits_nothing(
    ran: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    data, out = ran
    kept = ("results.md", "results.json", "results.parquet", "rfcx/result.json", "rfcx/corpus/events.parquet")
    before = {name: (out / name).read_bytes() for name in kept}

    def fit(*_: object, **__: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr("tymbal.probes.Probe.fit", fit)
    run_benchmark("beans", data, create_encoder("spectral"), out, config=QUICK)
    assert {name: (out / name).read_bytes() for name in before} == before


def test_trained_heads_run_on_windows_of_several_labels(ran: tuple[Path, Path], tmp_path: Path) -> None:
    data, _ = ran
    command = f"bench beans --data {data} --sets rfcx --heads attention --layers last --epochs 2 -o {tmp_path} --json"
    assert main([*command.split(), "--quiet"]) == 0
    result = json.loads((tmp_path / "rfcx/result.json").read_text())
    assert result["picked"] == "attention-last"
    assert 0 < result["probes"]["attention-last"]["map"]["value"] <= 1


def test_nothing_there_is_one_error_with_the_mend(tmp_path: Path) -> None:
    with pytest.raises(NothingDoneError, match=r"none of 12 sets of beans can be run.*watkins_202104"):
        run_benchmark("beans", tmp_path, create_encoder("spectral"), tmp_path / "out")
