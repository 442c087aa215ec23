"""One row per unit for other programs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.features.toys import ToyEncoder, small_corpus

from tymbal.errors import UsageError
from tymbal.features import embed, export, unit_means


def test_means_per_unit_in_every_format(tmp_path: Path) -> None:
    store = embed(small_corpus(tmp_path / "sound"), ToyEncoder(), tmp_path / "store", segment_s=2.0, workers=1)
    table = unit_means(store, "coarse")
    assert table.columns[-3:] == ["frames", "f0", "f1"]
    assert table.height == store.units.height
    for unit, values, _ in store.iter("coarse"):
        row = table.row(unit, named=True)
        assert row["frames"] == len(values)
        if len(values):
            assert [row["f0"], row["f1"]] == pytest.approx(values.astype(np.float64).mean(0).tolist(), abs=1e-5)
        else:
            assert row["f0"] is None
    for name, read in (("t.csv", pl.read_csv), ("t.parquet", pl.read_parquet)):
        assert read(export(store, "coarse", tmp_path / name))["frames"].equals(table["frames"])
    assert (tmp_path / "t.csv").read_text().startswith("recording,channel,start_s")
    assert "\t" in export(store, "coarse", tmp_path / "t.TSV").read_text()
    with pytest.raises(UsageError, match=r"\.csv, \.tsv, \.parquet"):
        export(store, "coarse", tmp_path / "t.xlsx")
