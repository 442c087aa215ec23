"""Metrics of scores: average precision and AUROC per class, exact under ties, for thousands of resamples at once.

Both need, at each distinct score of a positive, how much weight lies at or above it. Every example is put once into
the bin between two such scores; a resample then costs one sparse product and one running sum per class, and nothing
is sorted again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tymbal.evaluation.counting import divide, mean_defined
from tymbal.evaluation.problem import Floats, Integers, Problem


@dataclass(frozen=True)
class _Ranked:
    """One class, its distinct positive scores t_1 > t_2 > ... > t_K.

    reached (K, units): examples whose score falls in [t_k, t_{k-1}). positive (K, units): positives at t_k.
    tied (K, units): negatives at t_k exactly.  total (units,): all examples.
    """

    reached: sparse.csr_array
    positive: sparse.csr_array
    tied: sparse.csr_array
    total: Floats


def _rank(scores: Floats, member: NDArray[np.bool_], unit: Integers, units: int) -> _Ranked:
    thresholds = np.unique(scores[member])[::-1]
    count = len(thresholds)
    # number of thresholds above the score = the bin it falls in; `count` = below all of them, of no consequence
    above = count - np.searchsorted(thresholds[::-1], scores, side="right")
    kept = above < count
    at = kept & (scores == thresholds[np.minimum(above, count - 1)])

    def table(chosen: NDArray[np.bool_]) -> sparse.csr_array:
        cells = (np.ones(int(chosen.sum())), (above[chosen], unit[chosen]))
        return sparse.csr_array(cells, shape=(count, units))

    total = np.bincount(unit, minlength=units).astype(np.float64)
    return _Ranked(table(kept), table(member), table(at & ~member), total)


def _average_precision(ranked: _Ranked, weights: Floats) -> Floats:
    # AP = mean over positives of the precision among all examples scored at least as high; (K, resamples) arrays
    positive = ranked.positive @ weights
    found = np.cumsum(positive, axis=0)
    reached = np.cumsum(ranked.reached @ weights, axis=0)
    precision = np.divide(found, reached, out=reached, where=reached > 0)
    return divide((positive * precision).sum(axis=0), found[-1])


def _auroc(ranked: _Ranked, weights: Floats) -> Floats:
    # AUROC = P(positive above negative) + P(tied) / 2; (K, resamples) arrays
    positive = ranked.positive @ weights
    reached = np.cumsum(ranked.reached @ weights - positive, axis=0)  # negatives at or above t_k
    tied = ranked.tied @ weights
    whole = positive.sum(axis=0)
    negatives = ranked.total @ weights - whole
    beaten = (positive * (negatives - reached + tied / 2)).sum(axis=0)
    return divide(beaten, whole * negatives)


class Ranked:
    """Macro average over classes of a rank metric; called with multiplicities (resamples, units) -> (resamples,).

    Classes that the examples cannot speak about are in `left_out`. `scale` multiplies the mean over the others:
    1 leaves them out, kept / classes counts them as 0. A class that drops out of one resample is left out of that
    resample only: it says nothing there, and counting it as 0 would push every interval down.
    """

    statistics: Floats | None = None

    def __init__(self, problem: Problem, *, auroc: bool, absent_is_zero: bool) -> None:
        member = problem.membership()
        size = member.sum(axis=0)
        kept = (size > 0) & (size < len(member)) if auroc else size > 0
        self.left_out = tuple(np.flatnonzero(~kept).tolist())
        self.scale = float(kept.mean()) if absent_is_zero else 1.0
        self._measure = _auroc if auroc else _average_precision
        self._classes = [
            _rank(problem.given[:, number], member[:, number], problem.unit, problem.units)
            for number in np.flatnonzero(kept)
        ]

    def per_class(self, weights: Floats) -> Floats:
        """(resamples, kept classes), NaN where a class is absent from a resample."""
        columns = np.ascontiguousarray(weights.T)
        found = [self._measure(ranked, columns) for ranked in self._classes]
        return np.stack(found, axis=1) if found else np.full((len(weights), 0), np.nan)

    def __call__(self, weights: Floats) -> Floats:
        return self.scale * mean_defined(self.per_class(weights))


def prepare_map(problem: Problem) -> Ranked:
    """Macro mAP as BEANS has it: mean over all classes of AP, a class without a positive counting as 0."""
    return Ranked(problem, auroc=False, absent_is_zero=True)


def prepare_cmap(problem: Problem) -> Ranked:
    """cmAP as BirdSet has it: mean of AP over the classes that have a positive."""
    return Ranked(problem, auroc=False, absent_is_zero=False)


def prepare_auroc(problem: Problem) -> Ranked:
    """Macro AUROC, one class against the rest, over the classes with both positives and negatives."""
    return Ranked(problem, auroc=True, absent_is_zero=False)
