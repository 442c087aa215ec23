"""Tasks with known answers: features made by hand, one value per column, and a way to run one diagnostic on them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl

from tymbal.annotations.tables import make_events
from tymbal.features import Examples
from tymbal.probes import ProbeConfig
from tymbal.probes.diagnostics import DIAGNOSTICS, Context, DiagnoseConfig
from tymbal.probes.diagnostics.base import DiagnosticWork
from tymbal.probes.pooling import CachedExamples
from tymbal.probes.study.task import task_of

CONFIG = DiagnoseConfig(
    metric="accuracy",
    unit_name="group",
    inner_folds=3,
    permutations=99,
    neighbours=5,
    shuffles=4,
    orders=2,
    probe=ProbeConfig(statistics=("mean",)),
)


def context_of(
    layers: Mapping[str, np.ndarray],
    labels: Sequence[str],
    *,
    groups: Sequence[str],
    folds: Sequence[str] | None = None,
    columns: Mapping[str, Sequence[str]] | None = None,
    recordings: Sequence[str] | None = None,
    config: DiagnoseConfig = CONFIG,
) -> Context:
    """One frame per example; `layers` are (n, dim); without `folds` groups are dealt into four in turn."""
    names = sorted(set(groups))
    folds = folds if folds is not None else [str(names.index(group) % 4) for group in groups]
    table = make_events(
        pl.DataFrame(
            {
                "recording": recordings or [f"{row:04d}.wav" for row in range(len(labels))],
                "label": list(labels),
                "group": list(groups),
                "fold": list(folds),
                **(columns or {}),
            }
        )
    )
    features = {name: values[:, None].astype(np.float32) for name, values in layers.items()}
    masks = {name: np.ones(values.shape[:2], dtype=np.bool_) for name, values in features.items()}
    examples = Examples(features, masks, table, encoder_checksum="c0ffee")
    task = task_of(examples, config.study())
    return Context(task, config, config.probes(tuple(layers)), CachedExamples(examples))


def made(name: str, context: Context) -> dict[str, Any]:
    """What one diagnostic concludes; its fits are made here and now."""
    return all_made((name,), context)[name]


def all_made(names: Sequence[str], context: Context) -> dict[str, dict[str, Any]]:
    """What several conclude from one round of fits."""
    planned = {name: DIAGNOSTICS[name].plan(context) for name in names}
    work = DiagnosticWork(
        context.task.examples,
        context.reference,
        context.task.groups.tolist(),
        context.task.labels,
        context.book.relabelled,
    )
    work.prepare()
    found = {fit: work(fit).value for fit in context.book.fits.values()}
    return {name: DIAGNOSTICS[name].conclude(context, planned[name], found) for name in names}


def with_probe(head: str, **fields: Any) -> DiagnoseConfig:
    """CONFIG with another head."""
    return replace(CONFIG, heads=(head,), probe=replace(CONFIG.probe, head=head, **fields))


def row_of(result: Mapping[str, Any], **wanted: str) -> dict[str, Any]:
    """The one row with these values."""
    (row,) = [row for row in result["rows"] if all(row[name] == value for name, value in wanted.items())]
    return row
