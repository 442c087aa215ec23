"""Retrieval by cosine: does the nearest sound, and every nearer sound, carry the query's label?

Per query the ROC AUC of "shares a label with the query" over all other sounds, and whether the first one found does
(arXiv 2508.11845, its retrieval protocol). Nothing is fitted, so this asks about the embedding alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from tymbal.errors import DataError, counted
from tymbal.evaluation.counting import Counted, divide
from tymbal.evaluation.intervals import CONFIDENCE, MIN_UNITS, SHOWN_UNITS, Estimate, resample, share_interval
from tymbal.evaluation.problem import Floats, number_units

RETRIEVAL = ("retrieval_auc", "precision_at_1")
_BLOCK = 1 << 22  # similarities held at once: 32 MB


@dataclass(frozen=True)
class Retrieved:
    """One value per query, NaN where undefined: `auc` (n,) needs a positive and a negative, `first` (n,) a positive."""

    auc: Floats
    first: Floats


def retrieve(
    queries: NDArray[Any], labels: NDArray[Any], database: tuple[NDArray[Any], NDArray[Any]] | None = None
) -> Retrieved:
    """Rank a database by cosine for every query.

    queries (n, dim); labels (n,) or membership (n, classes); database: (values (m, dim), labels likewise), or None:
    all queries but the query itself. Equal similarities count half in the AUC, and in `first` with the share of them
    that is right, so the order of the database does not matter. A zero vector is equally far from everything.
    Raises DataError for shapes that do not fit and values that are not finite.
    """
    itself = database is None
    values, truth = (queries, labels) if database is None else database
    first, second = _unit_length(queries), _unit_length(values)
    member, other = _membership(np.asarray(labels), np.asarray(truth))
    if len(first) != len(member) or len(second) != len(other) or first.shape[1] != second.shape[1]:
        raise DataError(
            f"queries {first.shape} with {len(member)} labels, database {second.shape} with {len(other)}",
            where="retrieve",
            allowed="one label row per vector, vectors of one length",
        )
    auc, found = np.full(len(first), np.nan), np.full(len(first), np.nan)
    step = max(1, _BLOCK // max(len(second), 1))
    for start in range(0, len(first), step):
        rows = np.arange(start, min(start + step, len(first)))
        similarity = first[rows] @ second.T
        positive = member[rows] @ other.T > 0
        if itself:
            similarity[np.arange(len(rows)), rows] = -np.inf  # below all: takes rank 1, which is taken off again
            positive[np.arange(len(rows)), rows] = False
        auc[rows], found[rows] = _ranked(similarity, positive, itself)
    return Retrieved(auc, found)


def _ranked(similarity: Floats, positive: NDArray[np.bool_], itself: bool) -> tuple[Floats, Floats]:
    ranks = stats.rankdata(similarity, axis=1) - itself
    count = positive.sum(axis=1).astype(np.float64)
    others = similarity.shape[1] - itself - count
    above = (ranks * positive).sum(axis=1) - count * (count + 1) / 2
    top = similarity == similarity.max(axis=1, keepdims=True)
    share = divide((top & positive).sum(axis=1).astype(np.float64), top.sum(axis=1).astype(np.float64))
    return divide(above, count * others), np.where(count > 0, share, np.nan)


def _unit_length(values: NDArray[Any]) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not np.isfinite(array).all():
        raise DataError(f"embeddings of shape {array.shape}", where="retrieve", allowed="finite numbers (n, dim)")
    unit: Floats = array / np.linalg.norm(array, axis=1, keepdims=True).clip(1e-12)
    return unit


def _membership(first: NDArray[Any], second: NDArray[Any]) -> tuple[Floats, Floats]:
    if first.ndim == 2 and second.ndim == 2:
        return first.astype(np.float64), second.astype(np.float64)
    if first.ndim != 1 or second.ndim != 1:
        raise DataError(
            f"labels {first.shape} and {second.shape}", where="retrieve", allowed="both (n,) or (n, classes)"
        )
    names, numbers = np.unique(np.concatenate([first.astype(str), second.astype(str)]), return_inverse=True)
    whole = (numbers.ravel()[:, None] == np.arange(len(names))).astype(np.float64)
    return whole[: len(first)], whole[len(first) :]


def estimate_retrieval(
    found: Retrieved, *, groups: Sequence[object] | None, unit_name: str, resamples: int = 2000, seed: int = 0
) -> dict[str, Estimate]:
    """{"retrieval_auc", "precision_at_1"}: means over the queries that have an answer, units of queries resampled.

    The database is held as it is: the interval speaks about other queries, not about another collection. A metric
    that no query defines is left out.
    """
    values = dict(zip(RETRIEVAL, (found.auc, found.first), strict=True))
    return {
        name: estimate_mean(each, groups=groups, unit_name=unit_name, resamples=resamples, seed=seed)
        for name, each in values.items()
        if not np.isnan(each).all()
    }


def estimate_mean(
    values: Floats, *, groups: Sequence[object] | None, unit_name: str, resamples: int = 2000, seed: int = 0
) -> Estimate:
    """The mean of values (n,) in [0, 1] with the interval over independent units; NaN rows are left out."""
    unit, names = number_units(groups, len(values))
    kept = ~np.isnan(values)
    if not kept.any():
        raise DataError("no value is defined", where="estimate_mean")
    present, unit = np.unique(unit[kept], return_inverse=True)
    columns = (values[kept], np.ones(int(kept.sum())))
    parts = [np.bincount(unit, weights=column, minlength=len(present)) for column in columns]
    sums: Floats = np.stack(parts, axis=1).astype(np.float64)
    prepared = Counted(sums, lambda total: divide(total[:, 0], total[:, 1]))
    value = float(prepared(np.ones((1, len(present))))[0])
    low = high = None
    left = len(values) - int(kept.sum())
    note = f"{counted(left, 'example')} without an answer left out" if left else ""
    if len(present) >= MIN_UNITS:
        draws = resample(prepared, len(present), resamples, seed)
        low, high, said = share_interval(value, draws, len(present), CONFIDENCE)
        note = "; ".join(part for part in (note, said) if part)
    own = divide(sums[:, 0], sums[:, 1]) if len(present) <= SHOWN_UNITS else np.zeros(0)
    shown: dict[str, float | None] = {names[number]: float(each) for number, each in zip(present, own, strict=False)}
    return Estimate(value, low, high, len(present), unit_name, shown, int(kept.sum()), CONFIDENCE, note)
