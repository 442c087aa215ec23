"""Metrics of predicted labels. Each is a function of sums over units, so a resample is one matrix product."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import polars as pl

from tymbal.evaluation.problem import Floats, Integers, Problem, encode


class Counted:
    """A metric of summed statistics: `statistics` (units, k) and `combine`: (resamples, k) -> (resamples,).

    Called with multiplicities `weights` (resamples, units) it gives the metric (resamples,); NaN where undefined.
    `left_out` lists the classes that the examples cannot speak about.
    """

    def __init__(self, statistics: Floats, combine: Callable[[Floats], Floats], left_out: tuple[int, ...] = ()) -> None:
        self.statistics, self.combine, self.left_out = statistics, combine, left_out

    def __call__(self, weights: Floats) -> Floats:
        return self.combine(weights @ self.statistics)


def divide(above: Floats, below: Floats) -> Floats:
    """above / below, NaN where below is 0."""
    undefined: Floats = np.full(np.broadcast_shapes(above.shape, below.shape), np.nan)
    return np.divide(above, below, out=undefined, where=below != 0)


def mean_defined(values: Floats) -> Floats:
    """Mean over the last axis of what is not NaN; NaN where nothing is."""
    defined = ~np.isnan(values)
    return divide(np.where(defined, values, 0.0).sum(axis=-1), defined.sum(axis=-1).astype(np.float64))


def prepare_accuracy(problem: Problem) -> Counted:
    """Share of examples whose predicted label is the reference label."""
    right = (problem.reference == problem.given).astype(np.float64)
    statistics = problem.per_unit(np.stack([right, np.ones_like(right)], axis=1))
    return Counted(statistics, lambda sums: divide(sums[:, 0], sums[:, 1]))


def prepare_balanced_accuracy(problem: Problem) -> Counted:
    """Mean over classes of the share found of each (recall); chance is 1 / classes whatever their sizes.

    Classes without a reference example are left out. A class that drops out of a resample is left out of it.
    """
    present = np.unique(problem.reference)
    member = problem.reference[:, None] == present
    right = member & (problem.reference == problem.given)[:, None]
    statistics = problem.per_unit(np.concatenate([right, member], axis=1).astype(np.float64))
    count = len(present)
    return Counted(statistics, lambda sums: mean_defined(divide(sums[:, :count], sums[:, count:])))


def prepare_top1(problem: Problem) -> Counted:
    """Share of examples whose highest score is one of their labels (BirdSet's T1); examples without a label skip.

    Where several classes share the highest score, the example counts with the share of them that is right: what
    breaking ties at random gives on average, so that the order of the classes does not matter.
    """
    member = problem.membership()
    top = problem.given == problem.given.max(axis=1, keepdims=True)
    credit = (top & member).sum(axis=1) / top.sum(axis=1)
    labelled = member.any(axis=1).astype(np.float64)
    statistics = problem.per_unit(np.stack([credit * labelled, labelled], axis=1))
    return Counted(statistics, lambda sums: divide(sums[:, 0], sums[:, 1]))


def confusion(reference: Sequence[Any], predicted: Sequence[Any], labels: Sequence[Any]) -> Integers:
    """Counts (classes, classes): row = reference, column = predicted, both in the order of `labels`."""
    rows, columns = encode(reference, labels), encode(predicted, labels)
    count = len(labels)
    return np.bincount(rows * count + columns, minlength=count * count).reshape(count, count)


def per_class(reference: Sequence[Any], predicted: Sequence[Any], labels: Sequence[Any]) -> pl.DataFrame:
    """One row per label: label, support, predicted (counts), precision, recall, f1.

    Null, not 0, where a share has no denominator: precision of a label never predicted, recall of one without
    reference examples, F1 where both counts are 0.
    """
    counts = confusion(reference, predicted, labels)
    support, said, right = counts.sum(axis=1), counts.sum(axis=0), np.diag(counts)
    shares = class_shares(np.concatenate([right, said, support]).astype(np.float64)[None])
    columns = {name: values[0] for name, values in shares.items()}
    frame = pl.DataFrame({"label": [str(label) for label in labels], "support": support, "predicted": said, **columns})
    return frame.with_columns(pl.col("precision", "recall", "f1").fill_nan(None))


def class_statistics(reference: Integers, predicted: Integers, classes: int) -> Floats:
    """Per example (n, 3 * classes): right, predicted and reference membership of each class."""
    numbers = np.arange(classes)
    truth, said = reference[:, None] == numbers, predicted[:, None] == numbers
    return np.concatenate([truth & said, said, truth], axis=1).astype(np.float64)


def class_shares(sums: Floats) -> dict[str, Floats]:
    """precision, recall and f1 (resamples, classes) from summed `class_statistics` (resamples, 3 * classes)."""
    right, said, support = np.split(sums, 3, axis=1)
    return {
        "precision": divide(right, said),
        "recall": divide(right, support),
        "f1": divide(2 * right, said + support),
    }
