"""False alarms per hour of what was listened to, with exact Poisson bounds: none in eleven minutes is not none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import stats

from tymbal.errors import DataError
from tymbal.evaluation.detection.outcomes import class_counts, judge
from tymbal.evaluation.detection.problem import DetectionProblem

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Rate:
    """Events per hour: `count` in `hours`, the two-sided exact interval and the one-sided bound `at_most`."""

    per_hour: float
    low: float
    high: float
    at_most: float
    count: int
    hours: float
    confidence: float = CONFIDENCE


def poisson_rate(count: int, hours: float, confidence: float = CONFIDENCE) -> Rate:
    """Rate of a Poisson process seen for `hours` (Garwood 1936): chi-squared quantiles, conservative.

    `at_most` is the one-sided upper bound, -log(1 - confidence) / hours where nothing was counted. Both take the
    events to be independent; false alarms that come in bouts scatter more. Raises DataError for hours of 0 or less.
    """
    if hours <= 0 or count < 0:
        raise DataError(f"{count} events in {hours} hours", where="poisson_rate", allowed="0 or more in above 0 hours")
    tail = (1 - confidence) / 2
    low = float(stats.chi2.ppf(tail, 2 * count) / 2) if count else 0.0
    high = float(stats.chi2.ppf(1 - tail, 2 * count + 2) / 2)
    most = float(stats.chi2.ppf(confidence, 2 * count + 2) / 2)
    return Rate(count / hours, low / hours, high / hours, most / hours, count, hours, confidence)


def false_alarms(problem: DetectionProblem, minimum_iou: float) -> pl.DataFrame | None:
    """One row per class after one for all (label null): count, hours, per_hour, low, high, at_most.

    None where nobody said what was listened to. Counted are predictions at or above the threshold that nothing
    explains, inside what was listened to; the hours of all classes are those of the class listened to most.
    """
    if problem.covered_s is None:
        return None
    false = class_counts(problem, judge(problem, minimum_iou))[1].sum(axis=0)
    hours = problem.covered_s.sum(axis=0) / 3600
    rows: list[tuple[str | None, int, float]] = [
        (None, int(false.sum()), float(problem.covered_s.max(axis=1).sum() / 3600))
    ]
    rows += [(label, int(count), float(each)) for label, count, each in zip(problem.labels, false, hours, strict=True)]
    table: list[tuple[Any, ...]] = []
    for label, count, heard in rows:
        if heard > 0:
            rate = poisson_rate(count, heard)
            table.append((label, count, heard, rate.per_hour, rate.low, rate.high, rate.at_most))
        else:
            table.append((label, count, 0.0, None, None, None, None))
    names = ("label", "count", "hours", "per_hour", "low", "high", "at_most")
    kinds = (pl.String, pl.Int64, *[pl.Float64] * 5)
    return pl.DataFrame(table, schema=dict(zip(names, kinds, strict=True)), orient="row")


def covered_hours(problem: DetectionProblem) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Hours of each recording listened to for the class listened to most, (recordings,)."""
    if problem.covered_s is None:
        raise DataError(
            "nobody said what was listened to",
            where="evaluation of detections",
            mend="Give coverage: without it a prediction that no reference explains is unknown, not false.",
        )
    return np.asarray(problem.covered_s.max(axis=1) / 3600, dtype=np.float64)
