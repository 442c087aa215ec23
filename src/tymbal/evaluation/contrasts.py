"""Differences between metrics of two sets of examples, and ratios of sums, with intervals over shared units.

`paired_difference` compares two predictions of the same examples. Here the examples themselves may differ (those
trained on against those held out, real labels against shuffled ones) as long as the units have the same names.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import stats

from tymbal.errors import DataError, UsageError
from tymbal.evaluation.counting import Counted, divide
from tymbal.evaluation.intervals import (
    CONFIDENCE,
    MIN_UNITS,
    SHOWN_UNITS,
    Difference,
    Estimate,
    resample,
    share_interval,
    standard_error,
    t_quantile,
)
from tymbal.evaluation.metrics import Metric, Prepared, get_metric
from tymbal.evaluation.problem import Floats, Problem, number_units


@dataclass(frozen=True)
class Judged:
    """Reference (n,), what was given (n,) labels or (n, classes) scores, and the unit of each example (n,)."""

    reference: Any
    given: Any
    groups: Sequence[object]


def contrast(
    metric: str | Metric, first: Judged, second: Judged, *, unit_name: str, resamples: int = 2000, seed: int = 0
) -> Difference:
    """Metric of `first` minus metric of `second`, units resampled jointly (95 %).

    Units are known by name: one that holds examples of both sides is drawn for both at once, so what is hard in it
    cancels as in `paired_difference` (which this equals where the references are the same); one that holds examples
    of one side alone counts there alone. Student's t has the degrees of freedom of the side with fewer units, and
    below MIN_UNITS on either side no interval is given. Raises DataError as `estimate`.
    """
    chosen = get_metric(metric)
    sides = [chosen.bind(side.reference, side.given, side.groups) for side in (first, second)]
    names = sorted({name for problem, _ in sides for name in problem.names})
    places = [np.searchsorted(names, problem.names) for problem, _ in sides]

    def both(weights: Floats) -> Floats:
        one, two = (bound(weights[:, place]) for (_, bound), place in zip(sides, places, strict=True))
        return one - two

    value = float(both(np.ones((1, len(names))))[0])
    fewest = min(problem.units for problem, _ in sides)
    low = high = p = None
    note = ""
    if fewest >= MIN_UNITS:
        error = standard_error(resample(both, len(names), resamples, seed), fewest)
        reach = t_quantile(fewest, CONFIDENCE) * error
        low, high = max(value - reach, -1.0), min(value + reach, 1.0)
        if error > 0:
            p = float(2 * stats.t.sf(abs(value) / error, fewest - 1))
        else:
            p = 1.0 if value == 0 else 0.0
            note = "the same difference in every resample"
    shown = _per_unit(sides) if len(names) <= SHOWN_UNITS else {}
    examples = len(sides[0][0].unit)
    return Difference(value, low, high, fewest, unit_name, shown, examples, CONFIDENCE, note, p)


def _per_unit(sides: Sequence[tuple[Problem, Prepared]]) -> dict[str, float | None]:
    """The difference in each unit that both sides have; None where a side is undefined there."""
    own = [dict(zip(problem.names, bound(np.eye(problem.units)), strict=True)) for problem, bound in sides]
    shared = [name for name in own[0] if name in own[1]]
    gaps = {name: float(own[0][name] - own[1][name]) for name in shared}
    return {name: None if math.isnan(gap) else gap for name, gap in gaps.items()}


def estimate_ratio(
    above: Floats,
    below: Floats,
    *,
    groups: Sequence[object] | None,
    unit_name: str,
    scale: Literal["plain", "log", "logit"] = "plain",
    bounds: tuple[float, float] = (-math.inf, math.inf),
    resamples: int = 2000,
    seed: int = 0,
) -> Estimate:
    """Sum of `above` (n,) over sum of `below` (n,), for quantities that are no shares (bits, leak ratios, losses).

    With `below` all ones it is a mean. The interval is value ± t se on the plain scale; on the log scale for ratios
    whose neutral value is 1, and losses of 0 or more; on the logit scale, as of shares, for what lies between two
    finite `bounds`. It never leaves the bounds. Raises DataError where the sum of `below` is 0 or values are not
    finite, UsageError for the logit scale without bounds.
    """
    if scale == "logit" and not all(map(math.isfinite, bounds)):
        raise UsageError(f"bounds of {bounds}", where="estimate_ratio", allowed="two numbers on the logit scale")
    columns = np.stack([np.asarray(above, dtype=np.float64), np.asarray(below, dtype=np.float64)], axis=1)
    if not len(columns) or not np.isfinite(columns).all() or columns[:, 1].sum() == 0:
        raise DataError(f"{len(columns)} values, or values that are not finite", where="estimate_ratio")
    unit, names = number_units(groups, len(columns))
    parts = [np.bincount(unit, weights=column, minlength=len(names)) for column in columns.T]
    sums: Floats = np.stack(parts, axis=1).astype(np.float64)
    counted = Counted(sums, lambda total: divide(total[:, 0], total[:, 1]))
    value = float(counted(np.ones((1, len(names))))[0])
    low = high = None
    note = ""
    if len(names) >= MIN_UNITS:
        draws = resample(counted, len(names), resamples, seed)
        low, high, note = _ratio_interval(value, draws, len(names), scale, bounds)
    own = divide(sums[:, 0], sums[:, 1]) if len(names) <= SHOWN_UNITS else np.zeros(0)
    shown = {name: None if math.isnan(each) else float(each) for name, each in zip(names, own, strict=False)}
    return Estimate(value, low, high, len(names), unit_name, shown, len(columns), CONFIDENCE, note)


def _ratio_interval(
    value: float, draws: Floats, units: int, scale: Literal["plain", "log", "logit"], bounds: tuple[float, float]
) -> tuple[float | None, float | None, str]:
    """(low, high, note) inside `bounds`; None where the scale has none."""
    least, most = bounds
    if scale == "logit":
        width = most - least
        low, high, note = share_interval((value - least) / width, (draws - least) / width, units, CONFIDENCE)
        return least + width * low, least + width * high, note
    reach = t_quantile(units, CONFIDENCE) * standard_error(draws, units)
    if scale == "plain":
        return max(value - reach, least), min(value + reach, most), ""
    if value <= 0:
        return None, None, "0 has no interval on the log scale"
    low, high = value * math.exp(-reach / value), value * math.exp(min(reach / value, 700.0))
    return max(low, least), min(high, most), ""
