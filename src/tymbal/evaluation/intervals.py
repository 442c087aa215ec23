"""Every score with its interval (rule 4 of the design): resample the highest independent unit.

Within a unit examples are anything but independent, so whole units are drawn, with replacement, as many as there are
(cluster bootstrap). Below MIN_UNITS units no interval is given and every unit is shown.

Which interval: the bootstrap gives the standard error; the interval is value +- t(units - 1) * se * sqrt(units /
(units - 1)), on the logit scale for a metric in [0, 1], on the plain scale for a difference. Why not percentiles: with
few units they are too narrow and lean the wrong way near 1: in simulation (docs/decisions/0002-intervals.md, with the
command) a nominal 0.95 covered 0.82-0.89 at eight units by percentiles, 0.82-0.89 by BCa, 0.94-0.97 by this one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from tymbal.errors import DataError, UsageError
from tymbal.evaluation.counting import class_shares, class_statistics
from tymbal.evaluation.metrics import Metric, Prepared, get_metric
from tymbal.evaluation.problem import Floats, Problem, encode, make_problem, number_units
from tymbal.evaluation.ranking import Ranked

MIN_UNITS = 8  # below it no interval is lawful
SHOWN_UNITS = 50  # up to this many each unit's own value is kept
CONFIDENCE = 0.95
_BLOCK = 1 << 22  # cells of a block of multiplicities: 32 MB


@dataclass(frozen=True)
class Estimate:
    """A value, its interval (None where fewer than MIN_UNITS units allow none) and what was resampled.

    `per_unit` holds each unit's own value (None where undefined there), always below MIN_UNITS units and up to
    SHOWN_UNITS. `note` says in words what a reader must know: classes left out, no spread seen.
    """

    value: float
    low: float | None
    high: float | None
    units: int
    unit_name: str
    per_unit: dict[str, float | None] = field(default_factory=dict, repr=False)
    examples: int = 0
    confidence: float = CONFIDENCE
    note: str = ""


@dataclass(frozen=True)
class Difference(Estimate):
    """An Estimate of A - B on the same units; `p` is two-sided against no difference (None without interval)."""

    p: float | None = None


@dataclass(frozen=True)
class SeedSpread:
    """How far a metric moved with the seed alone: nothing about new animals or new recordings."""

    mean: float
    low: float
    high: float
    sd: float | None
    seeds: int


def estimate(
    metric: str | Metric,
    reference: Any,
    given: Any,
    *,
    groups: Sequence[object] | None,
    unit_name: str,
    resamples: int = 2000,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """A metric with the interval over its independent units.

    reference : (n,) labels or, for score metrics, class numbers or (n, classes) booleans.
    given : (n,) predicted labels, or (n, classes) scores, as the metric takes.
    groups : (n,) the *highest* independent unit of each example (individual, site, session, recording): where units
        are nested the lower ones ride along inside. None = every example is its own unit.
    unit_name : what a unit is called, singular ("session"); printed with its number.
    Raises DataError (see `make_problem`) and UsageError.
    """
    _check(resamples, confidence)
    problem, prepared = get_metric(metric).bind(reference, given, groups)
    value = _once(prepared, problem)
    note = _left_out_note(prepared)
    low = high = None
    if problem.units >= MIN_UNITS:
        draws = resample(prepared, problem.units, resamples, seed)
        low, high, said = share_interval(value, draws, problem.units, confidence)
        note = "; ".join(part for part in (note, said) if part)
    shown = _per_unit(prepared, problem)
    return Estimate(value, low, high, problem.units, unit_name, shown, len(problem.unit), confidence, note)


def paired_difference(
    metric: str | Metric,
    reference: Any,
    predicted_a: Any,
    predicted_b: Any,
    *,
    groups: Sequence[object] | None,
    unit_name: str,
    resamples: int = 2000,
    seed: int = 0,
) -> Difference:
    """A - B of one metric on the same examples, both measured in every resample of the same units (95 %).

    What is hard in a unit is hard for both, so this is far sharper than comparing two intervals. Arguments as
    `estimate`; `p` = two-sided Student's t with units - 1 degrees, agreeing with the interval.
    """
    _check(resamples, CONFIDENCE)
    chosen = get_metric(metric)
    problem, first = chosen.bind(reference, predicted_a, groups)
    _, second = chosen.bind(reference, predicted_b, groups)
    value = _once(first, problem) - _once(second, problem)
    low = high = p = None
    note = _left_out_note(first)
    if problem.units >= MIN_UNITS:

        def both(weights: Floats) -> Floats:
            return first(weights) - second(weights)

        draws = resample(both, problem.units, resamples, seed)
        error = standard_error(draws, problem.units)
        reach = t_quantile(problem.units, CONFIDENCE) * error
        low, high = max(value - reach, -1.0), min(value + reach, 1.0)
        if error > 0:
            p = float(2 * stats.t.sf(abs(value) / error, problem.units - 1))
        else:
            p = 1.0 if value == 0 else 0.0
            note = "; ".join(part for part in (note, "the same difference in every resample") if part)
    one, two = _per_unit(first, problem), _per_unit(second, problem)
    shown = {name: None if a is None or (b := two[name]) is None else a - b for name, a in one.items()}
    return Difference(value, low, high, problem.units, unit_name, shown, len(problem.unit), CONFIDENCE, note, p)


def estimate_classes(
    reference: Sequence[object],
    predicted: Sequence[object],
    labels: Sequence[object],
    *,
    groups: Sequence[object] | None,
    unit_name: str,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, dict[str, Estimate | None]]:
    """precision, recall and f1 of each label with intervals: {label: {"precision": Estimate | None, ...}}.

    None where a share has no denominator. A label's units are those that hold it in the reference: fewer than
    MIN_UNITS of them and that label has no interval, however many units there are in all.
    """
    _check(resamples, CONFIDENCE)
    truth, said = encode(reference, labels), encode(predicted, labels)
    if not len(truth) or len(truth) != len(said):
        raise DataError(f"{len(truth)} reference labels and {len(said)} predictions", where="estimate_classes")
    unit, names = number_units(groups, len(truth))
    problem = Problem(truth, said, unit, names, len(labels))
    statistics = problem.per_unit(class_statistics(truth, said, len(labels)))
    held = (statistics[:, 2 * len(labels) :] > 0).sum(axis=0)
    values = class_shares(statistics.sum(axis=0, keepdims=True))
    blocks = [class_shares(w @ statistics) for w in _multiplicities(problem.units, resamples, seed)]
    result: dict[str, dict[str, Estimate | None]] = {}
    for number, label in enumerate(labels):
        units, row = int(held[number]), {}
        for name, share in values.items():
            value = float(share[0, number])
            draws = np.concatenate([block[name][:, number] for block in blocks])
            row[name] = None if math.isnan(value) else _class_estimate(value, draws, units, unit_name)
        result[str(label)] = row
    return result


def estimate_labels(
    reference: Any,
    scores: Any,
    labels: Sequence[object],
    *,
    groups: Sequence[object] | None,
    unit_name: str,
    resamples: int = 2000,
    seed: int = 0,
) -> dict[str, dict[str, Estimate | None]]:
    """Average precision and AUROC of each label of examples that may carry several or none; no threshold is needed.

    reference (n, labels) booleans, scores (n, labels). Returns {label: {"ap": Estimate | None, "auroc": ...}}, None
    where no example carries the label, or for AUROC every one. Units and intervals of a label as `estimate_classes`.
    """
    _check(resamples, CONFIDENCE)
    problem = make_problem("scores", reference, scores, groups)
    member = problem.membership()
    if member.shape[1] != len(labels):
        raise DataError(f"{len(labels)} labels for {member.shape[1]} columns", where="estimate_labels", allowed="equal")
    held = (problem.per_unit(member.astype(np.float64)) > 0).sum(axis=0)
    result: dict[str, dict[str, Estimate | None]] = {str(label): {} for label in labels}
    for name, auroc in (("ap", False), ("auroc", True)):
        ranked = Ranked(problem, auroc=auroc, absent_is_zero=False)
        kept = [number for number in range(len(labels)) if number not in ranked.left_out]
        values = ranked.per_class(np.ones((1, problem.units)))[0]
        blocks = [ranked.per_class(weights) for weights in _multiplicities(problem.units, resamples, seed)]
        draws = np.concatenate(blocks)
        for number, label in enumerate(labels):
            result[str(label)][name] = None
            if number in kept:
                place = kept.index(number)
                found = _class_estimate(float(values[place]), draws[:, place], int(held[number]), unit_name)
                result[str(label)][name] = found
    return result


def _class_estimate(value: float, draws: Floats, units: int, unit_name: str) -> Estimate:
    if units < MIN_UNITS:
        return Estimate(value, None, None, units, unit_name)
    low, high, note = share_interval(value, draws, units, CONFIDENCE)
    return Estimate(value, low, high, units, unit_name, note=note)


def resample(prepared: Callable[[Floats], Floats], units: int, resamples: int, seed: int) -> Floats:
    """The metric (resamples,) in each of `resamples` draws of `units` units with replacement; NaN where undefined.

    Units with equal statistics are exchangeable: they are drawn as one kind, by number, which is the same
    distribution and turns a hundred thousand single examples into a handful of kinds.
    """
    statistics = getattr(prepared, "statistics", None)
    if statistics is not None and units > SHOWN_UNITS:
        kinds, counts = np.unique(statistics, axis=0, return_counts=True)
        if 2 * len(kinds) <= units:
            drawn = np.random.default_rng(seed).multinomial(units, counts / units, size=resamples)
            return np.asarray(prepared.combine(drawn @ kinds))  # type: ignore[attr-defined]
    return np.concatenate([prepared(weights) for weights in _multiplicities(units, resamples, seed)])


def _multiplicities(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """Blocks (rows, units) of how often each unit was drawn; each row sums to `units`."""
    random = np.random.default_rng(seed)
    block = max(1, _BLOCK // units)
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = random.integers(0, units, size=(rows, units))
        drawn += np.arange(rows)[:, None] * units
        yield np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units).astype(np.float64)


def share_interval(value: float, draws: Floats, units: int, confidence: float) -> tuple[float, float, str]:
    """(low, high, note) of a metric in [0, 1] from its resamples: Student's t on the logit scale.

    At exactly 0 or 1 the resamples have no spread, which does not mean certainty: the bound is then that of Clopper
    and Pearson for `units` units without an exception, alpha/2 ** (1 / units).
    """
    if value <= 1e-12 or value >= 1 - 1e-12:
        bound = ((1 - confidence) / 2) ** (1 / units)
        note = "no unit differs; the far end is the exact binomial bound"
        return (0.0, 1 - bound, note) if value < 0.5 else (bound, 1.0, note)
    error = standard_error(draws, units)
    if error == 0:
        return value, value, "the same value in every resample"
    logit, slope = math.log(value / (1 - value)), value * (1 - value)
    reach = t_quantile(units, confidence) * error / slope
    return _expit(logit - reach), _expit(logit + reach), ""


def standard_error(draws: Floats, units: int) -> float:
    """Standard deviation of resampled values, made unbiased for the number of units; undefined (NaN) draws left out."""
    defined = draws[~np.isnan(draws)]
    if len(defined) < 2:
        return 0.0
    spread = float(defined.std())
    # resampling divides by units where an unbiased variance divides by units - 1
    return spread * math.sqrt(units / (units - 1)) if spread > 1e-12 else 0.0


def t_quantile(units: int, confidence: float) -> float:
    """How many standard errors an interval reaches: Student's t with units - 1 degrees of freedom."""
    return float(stats.t.ppf((1 + confidence) / 2, units - 1))


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0


def _once(prepared: Prepared, problem: Problem) -> float:
    return float(prepared(np.ones((1, problem.units)))[0])


def _per_unit(prepared: Prepared, problem: Problem) -> dict[str, float | None]:
    if problem.units > SHOWN_UNITS:
        return {}
    values = prepared(np.eye(problem.units))
    return {name: None if math.isnan(v) else float(v) for name, v in zip(problem.names, values, strict=True)}


def _left_out_note(prepared: Prepared) -> str:
    count = len(prepared.left_out)
    if not count:
        return ""
    scale = getattr(prepared, "scale", 1.0)
    treated = "left out" if scale == 1.0 else "counted as 0"
    return f"{count} class{'es' if count > 1 else ''} without the examples it takes, {treated}"


def _check(resamples: int, confidence: float) -> None:
    if resamples < 100:
        raise UsageError(f"{resamples} resamples", where="resamples", allowed="100 or more")
    if not 0.5 <= confidence < 1:
        raise UsageError(f"a confidence of {confidence}", where="confidence", allowed="0.5 to below 1, say 0.95")


def seed_spread(values: Sequence[float]) -> SeedSpread:
    """Mean, range and standard deviation (None for one seed) of one metric over the seeds of training."""
    if not len(values) or any(value != value for value in values):
        raise DataError("no values, or NaN among them", where="seed_spread")
    array = np.asarray(values, dtype=np.float64)
    sd = float(array.std(ddof=1)) if len(array) > 1 else None
    return SeedSpread(float(array.mean()), float(array.min()), float(array.max()), sd, len(array))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p values, in the order given: their family-wise error is at most alpha (Holm 1979)."""
    p = np.asarray(p_values, dtype=np.float64)
    if ((p < 0) | (p > 1) | np.isnan(p)).any():
        raise DataError("a p value outside 0 to 1", where="holm")
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(np.minimum(p[order] * np.arange(len(p), 0, -1), 1.0))
    adjusted = np.empty_like(p)
    adjusted[order] = stepped
    return [float(value) for value in adjusted]
