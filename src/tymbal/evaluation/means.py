"""Mean differences over several pairs of predictions and over several sets: what a claim about many models rests on.

Within a set all pairs are measured in every resample of the same units, so what is hard in a unit is hard for all of
them at once. Sets are independent of each other, and are the ones they are: the interval speaks about new units of
these sets, not about other sets.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from tymbal.errors import DataError
from tymbal.evaluation.intervals import CONFIDENCE, MIN_UNITS, Difference, resample, standard_error
from tymbal.evaluation.metrics import Metric, get_metric
from tymbal.evaluation.problem import Floats


@dataclass(frozen=True)
class PairedMean:
    """Mean over pairs of metric of A minus metric of B in one set; `error` its standard error, None below MIN_UNITS."""

    value: float
    error: float | None
    units: int
    examples: int


def paired_mean(
    metric: str | Metric,
    reference: Any,
    pairs: Sequence[tuple[Any, Any]],
    *,
    groups: Sequence[object] | None,
    resamples: int = 2000,
    seed: int = 0,
) -> PairedMean:
    """Mean of A - B over `pairs` of what was given for the same examples (`reference` and `groups` as `estimate`).

    Of one pair this is the value and the standard error of `paired_difference`. Raises DataError without pairs.
    """
    if not pairs:
        raise DataError("no pairs to take the mean of", where="paired_mean")
    chosen = get_metric(metric)
    bound = [(chosen.bind(reference, a, groups), chosen.bind(reference, b, groups)) for a, b in pairs]
    problem = bound[0][0][0]

    def mean(weights: Floats) -> Floats:
        gaps = [first(weights) - second(weights) for (_, first), (_, second) in bound]
        return np.asarray(np.mean(gaps, axis=0))

    value = float(mean(np.ones((1, problem.units)))[0])
    error = None
    if problem.units >= MIN_UNITS:
        error = standard_error(resample(mean, problem.units, resamples, seed), problem.units)
    return PairedMean(value, error, problem.units, len(problem.unit))


def mean_over_sets(found: Mapping[str, PairedMean]) -> Difference:
    """The mean over independent sets, each weighing alike, with the interval for new units of these sets (95 %).

    Its variance is the sum of the sets' over the squared number of sets, Student's t with the degrees of freedom of
    Welch and Satterthwaite. A set without a standard error leaves all without an interval, and the note says which.
    `per_unit` holds each set's value, `units` how many sets. Raises DataError without sets.
    """
    if not found:
        raise DataError("no sets to take the mean over", where="mean_over_sets")
    values = {name: each.value for name, each in found.items()}
    value = float(np.mean(list(values.values())))
    examples = sum(each.examples for each in found.values())
    bare = [name for name, each in found.items() if each.error is None]
    if bare:
        note = f"no interval: fewer than {MIN_UNITS} independent units in {', '.join(bare)}"
        return Difference(value, None, None, len(found), "set", dict(values), examples, CONFIDENCE, note)
    parts = [((each.error or 0.0) ** 2, each.units - 1) for each in found.values()]
    total = sum(variance for variance, _ in parts)
    if total == 0:
        note = "the same difference in every resample"
        p = 1.0 if value == 0 else 0.0
        return Difference(value, value, value, len(found), "set", dict(values), examples, CONFIDENCE, note, p)
    freedom = total**2 / sum(variance**2 / degrees for variance, degrees in parts)
    error = math.sqrt(total) / len(found)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * error
    p = float(2 * stats.t.sf(abs(value) / error, freedom))
    low, high = max(value - reach, -1.0), min(value + reach, 1.0)
    return Difference(value, low, high, len(found), "set", dict(values), examples, CONFIDENCE, "", p)
