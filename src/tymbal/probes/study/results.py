"""From fits to results: predictions as a table, metrics with intervals, differences between probes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.config import to_plain
from tymbal.errors import DataError
from tymbal.evaluation import Estimate, estimate, paired_difference
from tymbal.probes.config import ProbeConfig, choose_layers
from tymbal.probes.fusions import get_fusion
from tymbal.probes.study.fits import Fit, FitResult
from tymbal.probes.study.nesting import given_to, score_of
from tymbal.probes.study.task import Task

METRICS = ("accuracy", "balanced_accuracy", "cmap", "auroc")
SET_METRICS = ("cmap", "map", "auroc", "top1")  # of several labels per example; none needs a threshold
CARRIED = ("event_id", "recording", "channel", "onset_s", "offset_s")


@dataclass(frozen=True)
class Scored:
    """Test scores of one probe (or of the picked ones): rows of the task and, per seed, scores (rows, labels)."""

    rows: NDArray[np.int64]
    seeds: tuple[NDArray[np.float32], ...]

    def stacked(self, seeds: int) -> NDArray[np.float32]:
        """Scores of `seeds` seeds one under the other; a probe of fewer seeds is repeated."""
        return np.concatenate([self.seeds[index % len(self.seeds)] for index in range(seeds)])


def gather(task: Task, found: Mapping[Fit, FitResult], probe_of: Mapping[str, str]) -> Scored:
    """Test scores over all test folds, the probe of each fold given by `probe_of`."""
    rows, by_seed = [], []
    parts: list[list[NDArray[np.float32]]] = []
    for fold in task.test_folds:
        own = sorted(
            ((fit, fitted) for fit, fitted in found.items() if (fit.fold, fit.probe) == (fold, probe_of[fold])),
            key=lambda pair: pair[0].seed,
        )
        rows.append(np.asarray(own[0][0].test))
        parts.append([fitted.scores for _, fitted in own])
    most = max(len(part) for part in parts)
    for seed in range(most):
        by_seed.append(np.concatenate([part[seed % len(part)] for part in parts]))
    return Scored(np.concatenate(rows), tuple(by_seed))


def metrics_of(task: Task, scored: Scored, metrics: Sequence[str]) -> tuple[dict[str, Any], dict[str, list[float]]]:
    """Estimates with intervals over the task's units, and each seed's value.

    Seeds are laid under one another with their units, so the value is that of the seeds together (for accuracies:
    their mean) and the interval is over units, every unit drawn with all its seeds. A metric that these examples do
    not define is left out.
    """
    seeds = len(scored.seeds)
    truth = repeated(task.truth(scored.rows), seeds)
    units = np.tile(task.units[scored.rows], seeds).tolist()
    stacked = scored.stacked(seeds)
    estimates, values = {}, {}
    for name in metrics:
        try:
            found = estimate(name, truth, given_to(name, stacked), groups=units, unit_name=task.unit_name)
            values[name] = [score_of(task, scored.rows, scores, name) for scores in scored.seeds]
        except DataError:
            if name == metrics[0]:
                raise
            continue
        estimates[name] = plain(replace(found, examples=len(scored.rows)))
    return estimates, values


def repeated(truth: NDArray[Any], times: int) -> NDArray[Any]:
    """The reference (n,) or (n, labels) so many times, one under the other."""
    return np.concatenate([truth] * times)


def plain(found: Estimate) -> dict[str, Any]:
    """An Estimate or Difference as JSON."""
    return dict(to_plain(found))


def difference(task: Task, a: tuple[str, Scored], b: tuple[str, Scored], metric: str) -> dict[str, Any]:
    """Metric of probe a minus that of probe b on the same examples, paired within units."""
    seeds = max(len(a[1].seeds), len(b[1].seeds))
    if not np.array_equal(a[1].rows, b[1].rows):
        raise DataError("two probes were tested on different examples", where="study")
    truth = repeated(task.truth(a[1].rows), seeds)
    units = np.tile(task.units[a[1].rows], seeds).tolist()
    pair = [scored.stacked(seeds) for _, scored in (a, b)]
    given = [given_to(metric, scores) for scores in pair]
    found = paired_difference(metric, truth, given[0], given[1], groups=units, unit_name=task.unit_name)
    return {"a": a[0], "b": b[0], "metric": metric, **plain(replace(found, examples=len(a[1].rows)))}


def predictions(task: Task, found: Mapping[Fit, FitResult]) -> pl.DataFrame:
    """One row per probe, seed and tested example, in the order of the fits.

    `reference` and `predicted` are label names; of several labels per example lists of them, predicted those that
    score above 0.5 (for looking at examples: no metric uses it).
    """
    table = task.examples.table
    carried = [name for name in CARRIED if name in table.columns]
    extra = [name for name in table.columns if name not in (*carried, "label", "labels", "group", "fold")]
    frames = []
    for fit, fitted in found.items():
        rows = np.asarray(fit.test)
        head = pl.DataFrame(
            {
                "probe": [fit.probe] * len(rows),
                "seed": np.full(len(rows), fit.seed, dtype=np.int64),
                "fold": [fit.fold] * len(rows),
                "group": task.groups[rows].tolist(),
                "unit": task.units[rows].tolist(),
            }
        )
        names = pl.List(pl.String) if task.multilabel else pl.String
        said = pl.DataFrame(
            {
                "reference": pl.Series([task.reference[row] for row in rows], dtype=names),
                "predicted": pl.Series(_decoded(task, fitted.scores), dtype=names),
                "scores": pl.Series(fitted.scores.tolist(), dtype=pl.List(pl.Float32)),
            }
        )
        own = table.select(*carried, *[name for name in extra if name not in head.columns + said.columns])
        frames.append(pl.concat([head, own[rows], said], how="horizontal"))
    return pl.concat(frames)


def _decoded(task: Task, scores: NDArray[np.float32]) -> list[Any]:
    if not task.multilabel:
        return [task.labels[index] for index in scores.argmax(axis=1)]
    return [[task.labels[index] for index in np.flatnonzero(row)] for row in scores > 0.5]


def layer_weights(
    found: Mapping[Fit, FitResult], probe: str, config: ProbeConfig, stored: Sequence[str]
) -> dict[str, list[float]] | None:
    """Mean, least and largest softmax weight of each layer over folds and seeds; None without such weights.

    config : of the probe. stored : all layers that it could choose among, from input to output.
    """
    weights = [fitted.notes.get("layer_weights") for fit, fitted in found.items() if fit.probe == probe]
    kept = [row for row in weights if row is not None]
    if not kept:
        return None
    asked = choose_layers(config.layers, stored) if isinstance(config.layers, str) else config.layers
    layers = get_fusion(config.fusion).taps(tuple(layer for layer in stored if layer in asked))
    array = np.asarray(kept)
    return {
        layer: [float(column.mean()), float(column.min()), float(column.max())]
        for layer, column in zip(layers, array.T, strict=True)
    }
