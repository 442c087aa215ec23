"""Do clusters of an embedding follow the labels? K-means as 2508.11845 runs it, and two scores of the agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.evaluation.counting import Counted, divide
from tymbal.evaluation.intervals import Estimate, estimate
from tymbal.evaluation.metrics import Metric
from tymbal.evaluation.problem import Floats, Integers, Problem


def cluster(values: NDArray[Any], clusters: int, *, seed: int = 42) -> Integers:
    """Cluster numbers (n,) of values (n, dim): K-means, n_init 10, max_iter 300, as the published numbers were made.

    Raises DataError where there are fewer examples than clusters, or values that are not finite.
    """
    from sklearn.cluster import KMeans

    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all() or not 2 <= clusters <= len(array):
        raise DataError(
            f"{clusters} clusters of values {array.shape}",
            where="cluster",
            allowed="finite numbers (n, dim), and 2 to n clusters",
        )
    found = KMeans(n_clusters=clusters, n_init=10, max_iter=300, random_state=seed).fit_predict(array)
    return np.asarray(found, dtype=np.int64)


class _Contingency:
    """Counts of (label, cluster) cells as sums over units: what both scores are functions of."""

    def __init__(self, problem: Problem) -> None:
        codes = problem.reference * problem.classes + problem.given
        cells, cell = np.unique(codes, return_inverse=True)
        self.row = np.unique(cells // problem.classes, return_inverse=True)[1]
        self.column = np.unique(cells % problem.classes, return_inverse=True)[1]
        flat = np.bincount(problem.unit * len(cells) + cell.ravel(), minlength=problem.units * len(cells))
        self.statistics: Floats = flat.reshape(problem.units, len(cells)).astype(np.float64)

    def margins(self, sums: Floats) -> tuple[Floats, Floats]:
        """Sums (resamples, cells) by label and by cluster."""
        rows = sums @ (self.row[:, None] == np.arange(self.row.max() + 1))
        return rows, sums @ (self.column[:, None] == np.arange(self.column.max() + 1))


def _plogp(counts: Floats, total: Floats) -> Floats:
    share = counts / total[:, None]
    logs = np.log(share, out=np.zeros_like(share), where=share > 0)
    return np.asarray((share * logs).sum(axis=1))


def prepare_nmi(problem: Problem) -> Counted:
    """Mutual information over the mean of both entropies (Strehl & Ghosh 2002, arithmetic mean); 1 where both are 0."""
    table = _Contingency(problem)

    def combine(sums: Floats) -> Floats:
        """(resamples, cells) -> (resamples,)."""
        total = sums.sum(axis=1)
        rows, columns = table.margins(sums)
        first, second = -_plogp(rows, total), -_plogp(columns, total)
        shared = np.maximum(first + second + _plogp(sums, total), 0.0)
        value = divide(shared, (first + second) / 2)
        return np.where(np.isnan(value), 1.0, np.minimum(value, 1.0))

    return Counted(table.statistics, combine)


def prepare_half_ari(problem: Problem) -> Counted:
    """(1 + ARI) / 2, in [0, 1]: the adjusted Rand index (Hubert & Arabie 1985, equation 5); 1 for equal partitions."""
    table = _Contingency(problem)

    def pairs(counts: Floats) -> Floats:
        return np.asarray((counts * (counts - 1) / 2).sum(axis=1))

    def combine(sums: Floats) -> Floats:
        """(resamples, cells) -> (resamples,)."""
        rows, columns = table.margins(sums)
        both, first, second = pairs(sums), pairs(rows), pairs(columns)
        chance = divide(first * second, pairs(sums.sum(axis=1, keepdims=True)))
        value = divide(both - chance, (first + second) / 2 - chance)
        return (1 + np.where(np.isnan(value), 1.0, value)) / 2

    return Counted(table.statistics, combine)


CLUSTERING = {  # agreement of labels and clusters; read with `estimate_clustering`
    metric.name: metric
    for metric in (
        Metric("nmi", "normalised mutual information", "labels", prepare_nmi),
        Metric("ari", "adjusted Rand index, as (1 + ARI) / 2", "labels", prepare_half_ari),
    )
}


def estimate_clustering(
    labels: Sequence[object], clusters: Sequence[object], *, groups: Sequence[object] | None, unit_name: str
) -> dict[str, Estimate]:
    """{"nmi", "ari"} with intervals over units; the clustering itself is held as it is. DataError as `estimate`."""
    truth = [str(label) for label in labels]
    given = [f"cluster {number}" for number in clusters]
    found = {
        name: estimate(metric, truth, given, groups=groups, unit_name=unit_name) for name, metric in CLUSTERING.items()
    }
    return {**found, "ari": _from_half(found["ari"])}


def _from_half(found: Estimate) -> Estimate:
    def back(value: float | None) -> float | None:
        return None if value is None else 2 * value - 1

    shown = {name: back(value) for name, value in found.per_unit.items()}
    return replace(found, value=2 * found.value - 1, low=back(found.low), high=back(found.high), per_unit=shown)
