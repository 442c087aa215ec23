"""Calibration: of the decisions a probe makes at 0.8, are eight in ten right? As it is, and after one temperature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.evaluation import estimate_calibration, estimate_ratio, reliability
from tymbal.evaluation.calibration import negative_log_likelihood
from tymbal.probes.diagnostics import risk
from tymbal.probes.diagnostics.base import Context, Diagnostic, Found
from tymbal.probes.diagnostics.scored import Part, in_words, listed, plain
from tymbal.probes.heads.base import softmax
from tymbal.probes.heads.scaling import fit_scale

_LEAST = 1e-12  # a score of 0 has no logarithm
BINS = 10


def scaled(scores: NDArray[Any], factor: float) -> NDArray[np.float32]:
    """Scores (n, labels) as if their logits had been multiplied by `factor`, 1 / temperature."""
    logits = np.log(np.maximum(scores.astype(np.float64), _LEAST))
    return softmax(factor * logits).astype(np.float32)


def conclude(context: Context, asked: dict[str, list[risk.Fold]], found: Found) -> dict[str, Any]:
    """One row per probe: ECE, Brier score and log likelihood, before and after; temperatures; reliability bins."""
    rows = [_row(context, name, folds, found) for name, folds in asked.items()]
    notes = [
        "The temperature of each test fold was fitted to the scores of held-out groups inside its training folds. "
        "ECE leans upwards, the more so the fewer examples there are; the Brier score and the log likelihood do not."
    ]
    return {"rows": rows, "reading": _reading(rows), "notes": notes}


def _row(context: Context, probe: str, folds: Sequence[risk.Fold], found: Found) -> dict[str, Any]:
    task = context.task
    before: list[Part] = []
    after: list[Part] = []
    temperatures = {}
    for fold in folds:
        _, held, tested, _ = risk.gather(context, [fold], found)
        logits = np.log(np.maximum(held.scores.astype(np.float64), _LEAST))
        targets = np.eye(len(task.labels))[held.truth]
        factor = fit_scale(logits, targets, np.ones(len(targets)), False)
        temperatures[fold.whole.fold] = 1.0 / factor
        before.append(tested)
        after.append(Part(tested.rows, tested.truth, scaled(tested.scores, factor)))
    return {
        "probe": probe,
        "temperatures": temperatures,
        "before": _measured(context, Part.joined(before)),
        "after": _measured(context, Part.joined(after)),
        "nll_gain": _gain(context, Part.joined(before), Part.joined(after)),
        "bins": _bins(context, Part.joined(before)),
    }


def _measured(context: Context, part: Part) -> dict[str, Any]:
    task = context.task
    units = task.units[part.rows].tolist()
    given = estimate_calibration(part.truth, part.scores, groups=units, unit_name=task.unit_name)
    surest = part.scores.max(axis=1).astype(np.float64)
    right = (part.scores.argmax(axis=1) == part.truth).astype(np.float64)
    excess = estimate_ratio(
        surest - right, np.ones(len(right)), groups=units, unit_name=task.unit_name, bounds=(-1.0, 1.0)
    )
    return {**{name: plain(each) for name, each in given.items()}, "overconfidence": plain(excess)}


def _gain(context: Context, before: Part, after: Part) -> dict[str, Any]:
    """Nats per example that the temperature saves, paired."""
    task = context.task
    saved = negative_log_likelihood(before.truth, before.scores) - negative_log_likelihood(after.truth, after.scores)
    units = task.units[before.rows].tolist()
    return plain(estimate_ratio(saved, np.ones(len(saved)), groups=units, unit_name=task.unit_name))


def _bins(context: Context, part: Part) -> list[dict[str, Any]]:
    units = context.task.units[part.rows].tolist()
    return reliability(part.truth, part.scores, groups=units, bins=BINS).to_dicts()


def _reading(rows: Sequence[Mapping[str, Any]]) -> str:
    best = min(rows, key=lambda row: float(row["before"]["nll"]["value"]))
    text = (
        f"Most honest as it is: {best['probe']}, log loss {in_words(best['before']['nll'])} nats per example, "
        f"calibration error (ECE) {in_words(best['before']['ece'])}."
    )
    sure = [_sure(row) for row in rows]
    for kind, words in (("over", "Too sure of themselves"), ("under", "Too unsure of themselves")):
        named = [str(row["probe"]) for row, each in zip(rows, sure, strict=True) if each == kind]
        if named:
            text += f"\n{words}: {listed(named)}."
    helped = [str(row["probe"]) for row in rows if _above_zero(row["nll_gain"])]
    if helped:
        text += f"\nOne temperature, fitted inside the training folds, helps {listed(helped)}."
    return text


def _sure(row: Mapping[str, Any]) -> str:
    """Whether the highest scores are beyond doubt higher ("over") or lower ("under") than the share that is right."""
    excess = row["before"]["overconfidence"]
    if excess["low"] is None or excess["low"] <= 0 <= excess["high"]:
        return ""
    return "over" if excess["low"] > 0 else "under"


def _above_zero(found: Mapping[str, Any]) -> bool:
    return found["low"] is not None and found["low"] > 0


CALIBRATION = Diagnostic("calibration", "Are the scores honest", "always", risk.plan, conclude)
