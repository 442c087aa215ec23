"""Published few-shot scores, each with its source, to stand beside ours. The table ships with the package."""

from __future__ import annotations

from functools import cache
from importlib import resources

import polars as pl

SOURCES = {  # short name in the table -> where the number stands; gathered second-hand, not checked against the pages
    "dcase2021": "results of DCASE 2021 task 5",
    "dcase2022": "results of DCASE 2022 task 5",
    "dcase2023": "results of DCASE 2023 task 5",
    "dcase2024": "baseline of DCASE 2024 task 5, its repository",
    "rcl": "paper of regularised contrastive learning (RCL); spread over runs 0.5 and 0.8 points",
    "surrey": "paper of segment-level few-shot learning (Surrey)",
    "surrey-code": "repository of the same",
}


@cache
def table() -> pl.DataFrame:
    """All values: benchmark, dataset, model, metric (f, precision or recall), value, source."""
    file = resources.files("tymbal.benchmarks.fewshot").joinpath("published.tsv")
    read = pl.read_csv(file.read_bytes(), separator="\t", infer_schema=False)
    return read.with_columns(pl.col("value").cast(pl.Float64))


def published_rows(benchmark: str) -> pl.DataFrame:
    """dataset, model, metric, value and where it stands, in the order of the table; none where none is known."""
    where = pl.col("source").replace_strict(SOURCES, return_dtype=pl.String)
    rows = table().filter(pl.col("benchmark") == benchmark)
    return rows.select("dataset", "model", "metric", "value", where)
