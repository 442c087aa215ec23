"""Published numbers, each with its source, to stand beside ours. The table ships with the package."""

from __future__ import annotations

from functools import cache
from importlib import resources

import polars as pl

from tymbal.errors import UsageError

SOURCES = {  # short name in the table -> where the number stands
    "2210.14493": "arXiv 2210.14493 (AVES), table of results on BEANS; its baselines from arXiv 2210.12300; fine-tuned",
    "2508.11845": "arXiv 2508.11845, LaTeX on its authors' rebuttal branch; last layer, frozen; windows cut otherwise",
    "2403.10380": "arXiv 2403.10380 (BirdSet), rounded to two digits; whole networks trained",
    "2403.10380-quoted": "quoted beside arXiv 2403.10380",
    "voxaboxen-readme": "README of earthspecies/voxaboxen at 4380ff9, table 1: an early model, own rule, IoU 0.5",
    "voxaboxen-pr15": "third party: earthspecies/voxaboxen, pull request 15, one class of AnuraSet, forward F1",
}
METRICS = {  # our metric -> the names that sources give it
    "accuracy": ("probe_acc", "beans_acc_or_map"),
    "map": ("probe_map", "beans_acc_or_map"),
    "cmap": ("cmap", "probe_map", "LT_map"),
    "auroc": ("auroc",),
    "top1": ("top1",),
    "retrieval_auc": ("retrieval_auc", "retrieval_auc_cross"),
    "nmi": ("nmi",),
}
BENCHMARKS = {  # benchmark -> whose tables speak of its sets
    "beans": ("beans", "what-matters"),
    "birdset": ("birdset", "what-matters"),
    "what-matters": ("what-matters",),
    "boxes": ("boxes",),
}


@cache
def table() -> pl.DataFrame:
    """All published values: benchmark, dataset, model, metric (the source's name), value, source."""
    file = resources.files("tymbal.benchmarks").joinpath("published.tsv")
    read = pl.read_csv(file.read_bytes(), separator="\t", infer_schema=False)
    return read.with_columns(pl.col("value").cast(pl.Float64))


def published(benchmark: str, dataset: str, metric: str) -> pl.DataFrame:
    """Published values of one set and metric, best first: model, metric, value, source, where.

    `dataset` is the name in the table ("gibbons", "MEAN:beans_cls"); `metric` ours, or the source's own name. A table
    without rows says that nothing was published that we know of. Raises UsageError for unknown names.
    """
    whole = table()
    if benchmark not in BENCHMARKS:
        raise UsageError(f"no benchmark {benchmark!r}", where="published", allowed=", ".join(BENCHMARKS))
    known = sorted(whole["dataset"].unique())
    if dataset not in known:
        raise UsageError(f"no set {dataset!r}", where="published", allowed=", ".join(known))
    names = METRICS.get(metric, (metric,))
    rows = whole.filter(
        pl.col("benchmark").is_in(BENCHMARKS[benchmark])
        & (pl.col("dataset") == dataset)
        & pl.col("metric").is_in(names)
    )
    where = pl.col("source").replace_strict(SOURCES, return_dtype=pl.String).alias("where")
    ordered = rows.sort("value", "model", descending=[True, False], maintain_order=True)
    return ordered.select("model", "metric", "value", "source", where)
