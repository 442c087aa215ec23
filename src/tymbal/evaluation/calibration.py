"""Are scores honest: of the decisions made at 0.8, are eight in ten right? Smaller is better for all of these.

Scores must be probabilities. With one label per example a decision is the highest score of each example; with several
labels it is every score of every example, right where the example carries the label.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.errors import DataError, UsageError
from tymbal.evaluation.contrasts import estimate_ratio
from tymbal.evaluation.counting import Counted, divide
from tymbal.evaluation.intervals import CONFIDENCE, MIN_UNITS, Estimate, estimate, resample, share_interval
from tymbal.evaluation.metrics import Metric
from tymbal.evaluation.problem import Floats, Integers, Problem, make_problem

BINS = 15
_LEAST = 1e-15  # a score of 0 for what was true would lose all else in an infinite mean
_SUM = 1e-3  # how far the scores of an example may be from 1 together


def brier_score(reference: Any, scores: Any) -> Floats:
    """Squared error of each example's scores, (n,): the sum over classes of (score - truth)^2 (Brier 1950, eq. 2).

    0 to 2 for one label per example; for several labels the mean over labels, 0 to 1. Arguments and errors as
    `estimate_calibration`.
    """
    problem = _probabilities(reference, scores)
    errors = np.square(problem.given - problem.membership())
    return np.asarray(errors.mean(axis=1) if problem.reference.ndim == 2 else errors.sum(axis=1))


def negative_log_likelihood(reference: Any, scores: Any) -> Floats:
    """-log of the score of what was true, (n,), in nats; for several labels the mean over labels.

    Scores count as at least 1e-15. Arguments and errors as `estimate_calibration`.
    """
    problem = _probabilities(reference, scores)
    member = problem.membership()
    if problem.reference.ndim == 2:
        right = np.where(member, problem.given, 1.0 - problem.given)
        return np.asarray(-np.log(np.maximum(right, _LEAST)).mean(axis=1))
    return np.asarray(-np.log(np.maximum(problem.given[member], _LEAST)))


def _probabilities(reference: Any, scores: Any, groups: Sequence[object] | None = None) -> Problem:
    problem = make_problem("scores", reference, scores, groups)
    given = problem.given
    if ((given < 0) | (given > 1)).any():
        raise DataError(
            f"scores from {given.min():.4g} to {given.max():.4g}",
            where="scores",
            allowed="probabilities, 0 to 1",
            mend="Give softmax or sigmoid of the logits.",
        )
    if problem.reference.ndim == 1 and (np.abs(given.sum(axis=1) - 1.0) > _SUM).any():
        raise DataError(
            "the scores of an example do not sum to 1",
            where="scores",
            allowed="probabilities of classes of which each example has one",
            mend="For examples with several labels give the reference as booleans (n, classes).",
        )
    return problem


def _decisions(problem: Problem) -> tuple[Integers, Floats, Floats]:
    """Every decision's (example, confidence, right), each (decisions,)."""
    rows = np.arange(len(problem.given))
    member = problem.membership()
    if problem.reference.ndim == 2:
        return np.repeat(rows, problem.classes), problem.given.ravel(), member.ravel().astype(np.float64)
    best = problem.given.argmax(axis=1)
    return rows, problem.given[rows, best], member[rows, best].astype(np.float64)


def _edges(confidence: Floats, bins: int, adaptive: bool) -> Floats:
    """Edges (bins + 1,) from 0 to 1; adaptive ones hold equally many decisions, equal confidences one bin."""
    if bins < 1:
        raise UsageError(f"{bins} bins", where="calibration", allowed="1 or more")
    if not adaptive:
        return np.arange(bins + 1) / bins
    filled = -(-len(confidence) * np.arange(1, bins) // bins)  # decisions in the first 1 … bins - 1 bins
    inner = np.sort(confidence)[filled - 1]
    return np.concatenate([[0.0], np.unique(inner[inner < confidence.max()]), [1.0]])


def _sums(problem: Problem, edges: Floats, decisions: tuple[Integers, Floats, Floats]) -> Floats:
    """Per unit and bin the decisions, their confidence and how many were right: (units, 3 * bins)."""
    example, confidence, right = decisions
    bins = len(edges) - 1
    # Bins are closed on the right, as published: a confidence that equals an edge is in the bin below it.
    number = np.searchsorted(edges[1:-1], confidence, side="left")
    cell = problem.unit[example] * bins + number
    columns = (np.ones_like(confidence), confidence, right)
    parts = [np.bincount(cell, weights=column, minlength=problem.units * bins) for column in columns]
    return np.concatenate([part.reshape(problem.units, bins) for part in parts], axis=1)


def prepare_ece(problem: Problem, *, adaptive: bool, bins: int = BINS) -> Counted:
    """Expected calibration error: mean over decisions of |confidence - share right| of their bin.

    15 bins of equal width (Guo et al. 2017, arXiv 1706.04599, equation 3) or, `adaptive`, of equally many decisions
    (Nguyen and O'Connor 2015, arXiv 1508.05154, section 3). Resamples keep the bins of all examples together.
    """
    decisions = _decisions(problem)
    edges = _edges(decisions[1], bins, adaptive)

    def combine(sums: Floats) -> Floats:
        """(resamples, 3 * bins) -> (resamples,)."""
        count, confidence, right = np.split(sums, 3, axis=1)
        return divide(np.abs(confidence - right).sum(axis=1), count.sum(axis=1))

    return Counted(_sums(problem, edges, decisions), combine)


CALIBRATION = {  # smaller is better; read with `estimate_calibration`
    metric.name: metric
    for metric in (
        Metric("ece", "expected calibration error", "scores", partial(prepare_ece, adaptive=False)),
        Metric(
            "adaptive_ece", "expected calibration error, adaptive bins", "scores", partial(prepare_ece, adaptive=True)
        ),
    )
}
PROPER: dict[str, Callable[[Any, Any], Floats]] = {"brier": brier_score, "nll": negative_log_likelihood}


def estimate_calibration(
    reference: Any, scores: Any, *, groups: Sequence[object] | None, unit_name: str
) -> dict[str, Estimate]:
    """{"ece", "adaptive_ece", "brier", "nll"} with intervals over units.

    reference : (n,) class numbers, or (n, classes) booleans where examples may carry several labels.
    scores : (n, classes) probabilities.
    groups, unit_name : as `estimate`.

    Both calibration errors lean upwards: noise in a bin counts as error, the more so the fewer decisions there are.
    The Brier score and the log likelihood do not; their intervals are of the logit and the log scale, which hold them
    within 0 and what they can be. Raises DataError where scores are no probabilities.
    """
    several = _probabilities(reference, scores, groups).reference.ndim == 2
    found = {
        name: estimate(metric, reference, scores, groups=groups, unit_name=unit_name)
        for name, metric in CALIBRATION.items()
    }
    for name, each in PROPER.items():
        values = each(reference, scores)
        found[name] = estimate_ratio(
            values, np.ones_like(values), groups=groups, unit_name=unit_name, **_scale(name, several)
        )
    return found


def _scale(name: str, several: bool) -> dict[str, Any]:
    """The scale of the interval of a proper score, on which it stays within what the score can be."""
    if name == "brier":
        return {"scale": "logit", "bounds": (0.0, 1.0 if several else 2.0)}
    return {"scale": "log", "bounds": (0.0, -math.log(_LEAST))}


def reliability(
    reference: Any,
    scores: Any,
    *,
    groups: Sequence[object] | None = None,
    bins: int = BINS,
    adaptive: bool = False,
    resamples: int = 2000,
    seed: int = 0,
) -> pl.DataFrame:
    """One row per bin that holds a decision: low, high, decisions, confidence, right, right_low, right_high, units.

    `confidence` and `right` are means over the bin's decisions; honest scores have them equal. `right_low` and
    `right_high` are the 95 % interval of `right` over the units with a decision in the bin, null below eight of them.
    Arguments and errors as `estimate_calibration`.
    """
    problem = _probabilities(reference, scores, groups)
    decisions = _decisions(problem)
    edges = _edges(decisions[1], bins, adaptive)
    count, confidence, right = np.split(_sums(problem, edges, decisions), 3, axis=1)
    rows: list[tuple[Any, ...]] = []
    for index in np.flatnonzero(count.sum(axis=0)):
        held = count[:, index] > 0
        statistics = np.stack([right[held, index], count[held, index]], axis=1)
        total = count[:, index].sum()
        share = float(right[:, index].sum() / total)
        interval = _share(share, statistics, resamples, seed)
        bounds = float(edges[index]), float(edges[index + 1])
        rows.append((*bounds, int(total), float(confidence[:, index].sum() / total), share, *interval, int(held.sum())))
    return pl.DataFrame(rows, schema=_RELIABILITY, orient="row")


_RELIABILITY = {
    "low": pl.Float64,
    "high": pl.Float64,
    "decisions": pl.Int64,
    "confidence": pl.Float64,
    "right": pl.Float64,
    "right_low": pl.Float64,
    "right_high": pl.Float64,
    "units": pl.Int64,
}


def _share(
    value: float, statistics: NDArray[np.float64], resamples: int, seed: int
) -> tuple[float | None, float | None]:
    units = len(statistics)
    if units < MIN_UNITS:
        return None, None
    counted = Counted(statistics, lambda sums: divide(sums[:, 0], sums[:, 1]))
    low, high, _ = share_interval(value, resample(counted, units, resamples, seed), units, CONFIDENCE)
    return low, high
