"""The tables of a scoring: per class, per recording and unit, per stratum, and what became of every event."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from tymbal.annotations import make_events
from tymbal.evaluation.detection.counts import per_unit, shares
from tymbal.evaluation.detection.outcomes import STATES, Outcomes, class_counts
from tymbal.evaluation.detection.problem import UNKNOWN, DetectionProblem
from tymbal.evaluation.detection.ranking import RankedBoxes
from tymbal.evaluation.detection.strata import overlap_strata, recall_by, share_of_units, snr_strata


def at_iou(minimum_iou: float, table: pl.DataFrame) -> pl.DataFrame:
    """The table with its IoU as the first column."""
    return table.select(pl.lit(minimum_iou).alias("minimum_iou"), *table.columns)


CURVES = {
    "minimum_iou": pl.Float64,
    "label": pl.String,
    "threshold": pl.Float64,
    **dict.fromkeys(("true", "false", "missed"), pl.Int64),
    **dict.fromkeys(("precision", "recall", "f1"), pl.Float64),
}


def _share_columns(problem: DetectionProblem, true: Any, false: Any, missed: Any) -> dict[str, pl.Series]:
    """precision, recall and f1 with null where undefined; without coverage recall alone."""
    values = shares(*(np.asarray(part, dtype=np.float64) for part in (true, false, missed)))
    if problem.covered_s is None:
        values["precision"], values["f1"] = (np.full(len(true), np.nan) for _ in range(2))
    return {name: pl.Series(values[name]).fill_nan(None) for name in ("precision", "recall", "f1")}


def class_table(problem: DetectionProblem, outcomes: Outcomes, iou: float, scored: bool, seed: int) -> pl.DataFrame:
    """One row per class: counts, shares and AP; the interval of F1 counts the units that hold the class."""
    parts = class_counts(problem, outcomes)
    true, false, missed = (part.sum(axis=0) for part in parts)
    said = np.bincount(outcomes.predictions.label, minlength=len(problem.labels))
    ap: list[float | None] = [None] * len(problem.labels)
    if scored and problem.covered_s is not None:
        ranked = RankedBoxes(problem, iou)
        for place, value in zip(ranked.kept, ranked.per_class(np.ones((1, problem.units)))[0], strict=True):
            ap[place] = float(value)
    columns = _share_columns(problem, true, false, missed)
    bounds: list[tuple[float | None, float | None]] = []
    units = []
    for number in range(len(problem.labels)):
        own = per_unit(problem, np.stack([part[:, number] for part in parts], axis=1))
        units.append(int((own[:, 0] + own[:, 2] > 0).sum()))
        f1 = columns["f1"][number]
        ratio = np.stack([2 * own[:, 0], 2 * own[:, 0] + own[:, 1] + own[:, 2]], axis=1)
        bounds.append((None, None) if f1 is None else share_of_units(f1, ratio, seed, units[-1]))
    return pl.DataFrame(
        {
            "label": list(problem.labels),
            "references": true + missed,
            "predictions": said,
            "true": true,
            "false": false,
            "missed": missed,
            "unjudged": said - true - false,
            **columns,
            "ap": pl.Series(ap, dtype=pl.Float64),
            "f1_low": pl.Series([low for low, _ in bounds], dtype=pl.Float64),
            "f1_high": pl.Series([high for _, high in bounds], dtype=pl.Float64),
            "units": units,
        }
    )


def place_table(problem: DetectionProblem, outcomes: Outcomes, kind: str) -> pl.DataFrame:
    """Counts per recording or unit, all classes together."""
    names = problem.recordings if kind == "recording" else problem.names
    of = np.arange(len(names)) if kind == "recording" else problem.unit
    parts = [
        np.bincount(of, weights=part.sum(axis=1), minlength=len(names)) for part in class_counts(problem, outcomes)
    ]
    true, false, missed = (part.astype(np.int64) for part in parts)
    hours: list[float | None] = [None] * len(names)
    if problem.covered_s is not None:
        heard = np.bincount(of, weights=problem.covered_s.max(axis=1) / 3600, minlength=len(names))
        hours = [float(value) for value in heard]
    return pl.DataFrame(
        {
            kind: list(names),
            "references": true + missed,
            "true": true,
            "false": false,
            "missed": missed,
            **_share_columns(problem, true, false, missed),
            "hours": pl.Series(hours, dtype=pl.Float64),
        }
    )


def strata_table(problem: DetectionProblem, outcomes: Outcomes, references: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Recall by overlap and, where references have a column `snr_db`, by signal-to-noise ratio."""
    tables = [recall_by(problem, outcomes, overlap_strata(problem), seed=seed)]
    if "snr_db" in references.columns and references["snr_db"].dtype.is_numeric():
        snr_db = references["snr_db"].cast(pl.Float64).to_numpy().astype(np.float64)
        tables.append(recall_by(problem, outcomes, snr_strata(problem, snr_db), seed=seed))
    return pl.concat(tables)


def event_table(
    problem: DetectionProblem, outcomes: Outcomes, references: pl.DataFrame, predictions: pl.DataFrame
) -> pl.DataFrame:
    """Both sides with what became of each event; partners are rows of this table."""
    truth, said = problem.references, outcomes.predictions
    fate = np.where(outcomes.counted, np.where(outcomes.found, "found", "missed"), "not counted")
    partner = np.full(len(truth) + len(said), -1, dtype=np.int64)
    iou = np.full(len(partner), np.nan)
    for pairs in (outcomes.pairs, outcomes.absorbing):
        partner[pairs.reference] = pairs.prediction + len(truth)
        partner[pairs.prediction + len(truth)] = pairs.reference
        iou[pairs.reference], iou[pairs.prediction + len(truth)] = pairs.iou, pairs.iou
    wanted = ["recording", "channel", "onset_s", "offset_s", "low_hz", "high_hz", "label", "score"]
    ours = make_events(references).select(wanted)[truth.row]
    theirs = make_events(predictions).select(wanted)[said.row]
    sides = pl.Series("side", ["reference"] * len(truth) + ["prediction"] * len(said), dtype=pl.String)
    states = np.concatenate([fate, np.array(STATES)[outcomes.state]]).tolist()
    return pl.concat([ours, theirs]).with_columns(
        sides,
        pl.Series("outcome", states, dtype=pl.String),
        pl.Series("iou", iou).fill_nan(None),
        pl.Series("partner", [None if row < 0 else row for row in partner.tolist()], dtype=pl.Int64),
    )


def notes_of(problem: DetectionProblem) -> tuple[str, ...]:
    """What a reader of the scores must know: events left out, what was not listened to."""
    notes = [f"{count} {reason} were left out" for reason, count in problem.left_out.items()]
    if problem.covered_s is None:
        notes.append("nobody said what was listened to: recall only, a prediction without a reference is unknown")
        return tuple(notes)
    outside = int((~problem.references.covered & (problem.references.label != UNKNOWN)).sum())
    if outside:
        notes.append(f"{outside} references lie outside what was listened to: neither found nor missed")
    unheard = int((problem.covered_s.max(axis=1) == 0).sum())
    if unheard:
        notes.append(f"{unheard} of {len(problem.recordings)} recordings were not listened to at all: nothing is false")
    return tuple(notes)
