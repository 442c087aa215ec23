"""The registry of detection metrics: one line each. Names that take an IoU are written "f1@0.5"."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
from scipy import stats

from tymbal.errors import DataError, UsageError
from tymbal.evaluation.counting import Counted, divide
from tymbal.evaluation.detection import alarms, collar, counts, psds, ranking, segments, voxaboxen
from tymbal.evaluation.detection.outcomes import class_counts, judge
from tymbal.evaluation.detection.problem import UNKNOWN, DetectionProblem
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
from tymbal.evaluation.metrics import Prepared


@dataclass(frozen=True)
class DetectionMetric:
    """A metric of detections.

    prepare : (problem, minimum IoU) -> metric bound to it, as `Prepared`.
    takes : "decisions" at the threshold, or the "ranking" of all predictions by score.
    at_iou : whether it depends on the IoU. needs_coverage : whether it counts what is false.
    scale : "share" for metrics in [0, 1]; "plain" for those without an upper bound, where smaller is better.
    resamples : how many are drawn where it is dear.
    """

    name: str
    title: str
    takes: Literal["decisions", "ranking"]
    prepare: Callable[[DetectionProblem, float], Any]
    at_iou: bool = True
    needs_coverage: bool = True
    scale: Literal["share", "plain"] = "share"
    resamples: int = 2000


def _prepare_false_alarms(problem: DetectionProblem, minimum_iou: float) -> Counted:
    false = class_counts(problem, judge(problem, minimum_iou))[1].sum(axis=1)
    hours = alarms.covered_hours(problem)
    sums = counts.per_unit(problem, np.stack([false, hours], axis=1))
    return Counted(sums, lambda total: divide(total[:, 0], total[:, 1]))


def _prepare_psds(problem: DetectionProblem, _: float, settings: psds.PsdsSettings) -> psds.Psds:
    return psds.Psds(problem, settings)


DETECTION = {
    metric.name: metric
    for metric in (
        DetectionMetric("f1", "F1 (micro)", "decisions", partial(counts.prepare_micro, share="f1")),
        DetectionMetric(
            "precision", "precision (micro)", "decisions", partial(counts.prepare_micro, share="precision")
        ),
        DetectionMetric(
            "recall", "recall (micro)", "decisions", partial(counts.prepare_micro, share="recall"), needs_coverage=False
        ),
        DetectionMetric("macro_f1", "F1 (macro)", "decisions", partial(counts.prepare_macro, share="f1")),
        DetectionMetric(
            "macro_recall",
            "recall (macro)",
            "decisions",
            partial(counts.prepare_macro, share="recall"),
            needs_coverage=False,
        ),
        DetectionMetric("map", "mAP (macro)", "ranking", ranking.RankedBoxes),
        DetectionMetric("collar_f1", "collar-based F1", "decisions", collar.prepare_collar_f1, at_iou=False),
        DetectionMetric(
            "collar_error_rate",
            "collar-based error rate",
            "decisions",
            collar.prepare_collar_error_rate,
            at_iou=False,
            scale="plain",
        ),
        DetectionMetric("segment_f1", "segment-based F1", "decisions", segments.prepare_segment_f1, at_iou=False),
        DetectionMetric(
            "segment_error_rate",
            "segment-based error rate",
            "decisions",
            segments.prepare_segment_error_rate,
            at_iou=False,
            scale="plain",
        ),
        DetectionMetric(
            "psds1", "PSDS, scenario 1", "ranking", partial(_prepare_psds, settings=psds.PSDS1), False, resamples=200
        ),
        DetectionMetric(
            "psds2", "PSDS, scenario 2", "ranking", partial(_prepare_psds, settings=psds.PSDS2), False, resamples=200
        ),
        DetectionMetric(
            "false_alarms_per_hour", "false alarms per hour", "decisions", _prepare_false_alarms, scale="plain"
        ),
        DetectionMetric("voxaboxen_macro_f1", "macro F1 as Voxaboxen", "decisions", voxaboxen.prepare_voxaboxen_macro),
        DetectionMetric("voxaboxen_micro_f1", "micro F1 as Voxaboxen", "decisions", voxaboxen.prepare_voxaboxen_micro),
    )
}


def get_detection_metric(name: str) -> tuple[DetectionMetric, float]:
    """The metric that a name like "f1@0.5" or "psds1" means, and its IoU (0.5 where it takes none).

    Raises UsageError with the names there are.
    """
    kind, at, iou = name.partition("@")
    if kind not in DETECTION:
        raise UsageError(f"unknown metric {name!r}", parameter="metric", allowed=", ".join(metric_names()))
    metric = DETECTION[kind]
    if metric.at_iou != bool(at):
        wanted = f"{kind}@0.5" if metric.at_iou else kind
        raise UsageError(f"{name!r} is not how this metric is written", parameter="metric", allowed=wanted)
    try:
        value = float(iou) if at else 0.5
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise UsageError(f"the IoU of {name!r}", parameter="metric", allowed="0 to below 1, say f1@0.5")
    return metric, value


def metric_names() -> list[str]:
    """How every metric is written."""
    return [f"{name}@IOU" if metric.at_iou else name for name, metric in DETECTION.items()]


def estimate_detection(name: str, problem: DetectionProblem, *, seed: int = 0) -> Estimate:
    """A metric of detections with its interval over independent units.

    The interval is that of `estimate` for shares, and value ± t se from 0 up on the plain scale. Raises UsageError for
    an unknown name and DataError where the metric is undefined: no reference, no coverage, no scores.
    """
    metric, prepared = bind(name, problem)
    value = float(prepared(np.ones((1, problem.units)))[0])
    if math.isnan(value):
        raise DataError(
            f"{metric.title} is undefined: no event that it could be of",
            where="evaluation of detections",
            mend="Look at the counts: references judged, predictions judged, hours listened to.",
        )
    note = _left_out(prepared)
    low = high = None
    if problem.units >= MIN_UNITS:
        draws = resample(prepared, problem.units, metric.resamples, seed)
        if metric.scale == "share":
            low, high, said = share_interval(value, draws, problem.units, CONFIDENCE)
        else:
            reach = t_quantile(problem.units, CONFIDENCE) * standard_error(draws, problem.units)
            low, high, said = max(value - reach, 0.0), value + reach, ""
        note = "; ".join(part for part in (note, said) if part)
    examples = int((problem.references.label != UNKNOWN).sum())
    shown = _per_unit(prepared, problem)
    return Estimate(value, low, high, problem.units, problem.unit_name, shown, examples, CONFIDENCE, note)


def paired_detection_difference(
    name: str, first: DetectionProblem, second: DetectionProblem, *, seed: int = 0
) -> Difference:
    """A - B of one metric of two detectors on the same references and units, both measured in every resample (95 %).

    Raises DataError where the units differ, as `paired_difference` otherwise.
    """
    if first.names != second.names:
        raise DataError("the two detectors were not run on the same units", where="paired_detection_difference")
    metric, one = bind(name, first)
    _, two = bind(name, second)
    units = first.units

    def both(weights: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
        return np.asarray(one(weights) - two(weights))

    value = float(both(np.ones((1, units)))[0])
    shown = {}
    if units <= SHOWN_UNITS:
        gaps = both(np.eye(units))
        shown = {name: None if math.isnan(gap) else float(gap) for name, gap in zip(first.names, gaps, strict=True)}
    empty = Difference(value, None, None, units, first.unit_name, shown, len(first.references))
    if units < MIN_UNITS:
        return empty
    error = standard_error(resample(both, units, metric.resamples, seed), units)
    reach = t_quantile(units, CONFIDENCE) * error
    p = float(2 * stats.t.sf(abs(value) / error, units - 1)) if error > 0 else float(value == 0)
    return replace(empty, low=value - reach, high=value + reach, p=p)


def bind(name: str, problem: DetectionProblem) -> tuple[DetectionMetric, Prepared]:
    """The metric and what it is bound to the problem. Raises DataError where it needs coverage that is not there."""
    metric, iou = get_detection_metric(name)
    if metric.needs_coverage and problem.covered_s is None:
        raise DataError(
            f"{metric.title} counts what is false, but nobody said what was listened to",
            where="evaluation of detections",
            allowed=", ".join(other.name for other in DETECTION.values() if not other.needs_coverage),
            mend="Give coverage (tymbal index --complete, where everything was labelled).",
        )
    prepared: Prepared = metric.prepare(problem, iou)
    return metric, prepared


def _left_out(prepared: Prepared) -> str:
    count = len(prepared.left_out)
    return f"{count} class{'es' if count > 1 else ''} without a reference, left out" if count else ""


def _per_unit(prepared: Prepared, problem: DetectionProblem) -> dict[str, float | None]:
    if problem.units > SHOWN_UNITS:
        return {}
    values = prepared(np.eye(problem.units))
    return {name: None if math.isnan(v) else float(v) for name, v in zip(problem.names, values, strict=True)}
