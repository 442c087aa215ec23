"""The registry of classification metrics: one line each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np

from tymbal.errors import DataError, UsageError
from tymbal.evaluation import counting, ranking
from tymbal.evaluation.problem import Floats, Problem, make_problem


class Prepared(Protocol):
    """A metric bound to examples: multiplicities (resamples, units) -> values (resamples,), NaN where undefined."""

    statistics: Floats | None  # (units, k) where the metric depends on their sums alone
    left_out: tuple[int, ...]  # classes the examples cannot speak about

    def __call__(self, weights: Floats) -> Floats: ...


@dataclass(frozen=True)
class Metric:
    """A metric in [0, 1], larger = better; `takes` says whether it compares labels or ranks scores."""

    name: str
    title: str
    takes: Literal["labels", "scores"]
    prepare: Callable[[Problem], Any]

    def bind(self, reference: Any, given: Any, groups: Sequence[object] | None = None) -> tuple[Problem, Prepared]:
        """Check the arrays and bind the metric to them; DataError as `make_problem`, or where it is undefined."""
        problem = make_problem(self.takes, reference, given, groups)
        prepared: Prepared = self.prepare(problem)
        if np.isnan(prepared(np.ones((1, problem.units)))[0]):
            raise DataError(
                f"{self.title} is undefined: no class has what it needs",
                where="evaluation",
                mend="Evaluate on examples with at least two classes, each with labels.",
            )
        return problem, prepared


METRICS = {
    metric.name: metric
    for metric in (
        Metric("accuracy", "accuracy", "labels", counting.prepare_accuracy),
        Metric("balanced_accuracy", "balanced accuracy", "labels", counting.prepare_balanced_accuracy),
        Metric("map", "mAP (macro; absent classes count 0)", "scores", ranking.prepare_map),
        Metric("cmap", "cmAP (macro; absent classes left out)", "scores", ranking.prepare_cmap),
        Metric("auroc", "AUROC (macro)", "scores", ranking.prepare_auroc),
        Metric("top1", "top-1", "scores", counting.prepare_top1),
    )
}


def get_metric(name: str | Metric) -> Metric:
    """The metric of that name; UsageError lists the names there are."""
    if isinstance(name, Metric):
        return name
    if name not in METRICS:
        raise UsageError(f"unknown metric {name!r}", parameter="metric", allowed=", ".join(METRICS))
    return METRICS[name]


def measure(metric: str | Metric, reference: Any, given: Any) -> float:
    """The metric of these examples alone, without an interval; for choices made inside training folds.

    reference : (n,) labels (class numbers for score metrics) or (n, classes) booleans; given : (n,) predicted labels
    or (n, classes) scores, as the metric takes. Raises DataError.
    """
    problem, prepared = get_metric(metric).bind(reference, given, np.zeros(len(reference), dtype=np.int64).tolist())
    return float(prepared(np.ones((1, problem.units)))[0])
