"""A store as one table, for R, spreadsheets and other programs."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import polars as pl

from tymbal.errors import UsageError
from tymbal.features.store import FeatureStore
from tymbal.jobs import write_bytes


def unit_means(store: FeatureStore, layer: str) -> pl.DataFrame:
    """One row per unit: recording, channel, start_s, end_s, sample_rate_hz, frames, then f0 … the mean of its frames.

    Units without a frame have null features. Takes the memory of one row per unit.
    """
    width = store.layer(layer).width
    means = np.full((store.units.height, width), np.nan, dtype=np.float32)
    frames = np.zeros(store.units.height, dtype=np.int64)
    for unit, values, _ in store.iter(layer):
        frames[unit] = len(values)
        if len(values):
            means[unit] = values.mean(axis=0, dtype=np.float32)
    table = store.units.select("recording", "channel", "start_s", "end_s", "sample_rate_hz")
    columns = [pl.Series(f"f{index}", means[:, index]).fill_nan(None) for index in range(width)]
    return table.with_columns(pl.Series("frames", frames), *columns)


def export(store: FeatureStore, layer: str, path: str | Path) -> Path:
    """Write `unit_means` to `path` (.csv, .tsv or .parquet); UsageError for another extension."""
    target = Path(path)
    table = unit_means(store, layer)
    buffer = io.BytesIO()
    if target.suffix.lower() == ".csv":
        table.write_csv(buffer)
    elif target.suffix.lower() == ".tsv":
        table.write_csv(buffer, separator="\t")
    elif target.suffix.lower() == ".parquet":
        table.write_parquet(buffer, statistics=False)
    else:
        raise UsageError(f"cannot export to {target.suffix!r}", where=target, allowed=".csv, .tsv, .parquet")
    write_bytes(target, buffer.getbuffer())
    return target
