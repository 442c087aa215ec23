"""Risk decomposition: where a probe's test error comes from, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tymbal.evaluation import Judged, contrast, estimate
from tymbal.probes.diagnostics.base import Context, Diagnostic, Found, LabelledFit, Rows
from tymbal.probes.diagnostics.scored import Part, as_error, chance_level, in_words, listed, plain
from tymbal.probes.study.nesting import inner_parts
from tymbal.probes.study.task import Task

TERMS = ("underfit", "probe_gap", "encoder_gap")
MEANING = {
    "underfit": "the probe does not even fit what it was trained on: the layer does not hold the label in a form that "
    "this probe can read, or the probe is too small or too strongly penalised. Try a larger head",
    "probe_gap": "the probe fits its own examples but not held-out groups of the same folds: more groups to learn "
    "from, fewer values or a stronger penalty would help, or a layer that takes fewer examples to read",
    "encoder_gap": "held-out groups of the training folds are read, test folds are not: the test folds differ from "
    "them, or the encoder itself was trained on these training recordings",
}


@dataclass(frozen=True)
class Fold:
    """The fits of one probe and test fold: on all training rows, and on them without one inner part each."""

    whole: LabelledFit
    inner: tuple[LabelledFit, ...]


def plan(context: Context) -> dict[str, list[Fold]]:
    """Per probe and test fold one fit on all training rows, scored on them and on the test rows, and inner fits."""
    task, book = context.task, context.book
    asked: dict[str, list[Fold]] = {name: [] for name in context.probes}
    for fold in task.test_folds:
        train, test = task.rows(fold)
        parts = inner_parts(task, fold, context.config.inner_folds, seed=context.config.seed)
        parts = [(kept, held) for kept, held in parts if len(_labels(task, kept)) > 1]
        for probe in context.probes.items():
            whole = book.ask(probe, fold=fold, part="whole", train=train, test=np.concatenate([train, test]))
            inner = [
                book.ask(probe, fold=fold, part=f"inner {number}", train=kept, test=held)
                for number, (kept, held) in enumerate(parts)
            ]
            asked[probe[0]].append(Fold(whole, tuple(inner)))
    return asked


def _labels(task: Task, rows: Rows) -> Rows:
    return np.flatnonzero(task.targets[rows].any(axis=0))


def gather(context: Context, folds: Sequence[Fold], found: Found) -> tuple[Part, Part, Part, int]:
    """(training rows, held-out inner rows, test rows) with their scores over all folds, and how many were left out.

    Left out are rows whose label the fit was not trained on: nobody could get them right.
    """
    task = context.task
    fitted: list[Part] = []
    held: list[Part] = []
    tested: list[Part] = []
    lost = 0
    for fold in folds:
        scores, trained = found[fold.whole].scores, len(fold.whole.train)
        fitted.append(Part.of(task, np.asarray(fold.whole.train), scores[:trained]))
        rest = np.asarray(fold.whole.test[trained:])
        for target, fit, rows, given in [
            (tested, fold.whole, rest, scores[trained:]),
            *((held, fit, np.asarray(fit.test), found[fit].scores) for fit in fold.inner),
        ]:
            part = Part.of(task, rows, given)
            known = np.isin(part.truth, _labels(task, np.asarray(fit.train)))
            lost += int((~known).sum())
            target.append(part.keep(known))
    return Part.joined(fitted), Part.joined(held), Part.joined(tested), lost


def decompose(metric: str, parts: tuple[Judged, Judged, Judged], unit_name: str) -> dict[str, dict[str, Any]]:
    """The terms of a test error from (training, held-out, test) examples, each with its interval over units.

    underfit = error(train -> train); probe gap = error(train \\ S -> S) - underfit; encoder gap = error(train ->
    test) - error(train \\ S -> S); their sum is the test error. Dubois, Hashimoto & Liang 2023 (arXiv 2302.03068),
    section 3, whose usability error is `underfit` here: their approximation error, of the best of all
    encoders, is taken as 0. error = 1 - metric.
    """
    fitted, held, tested = parts

    def error(part: Judged) -> dict[str, Any]:
        given = estimate(metric, part.reference, part.given, groups=part.groups, unit_name=unit_name)
        return plain(as_error(given))

    return {
        "test_error": error(tested),
        "underfit": error(fitted),
        "probe_gap": plain(contrast(metric, fitted, held, unit_name=unit_name)),
        "encoder_gap": plain(contrast(metric, held, tested, unit_name=unit_name)),
    }


def conclude(context: Context, asked: dict[str, list[Fold]], found: Found) -> dict[str, Any]:
    """One row per probe: test error and its terms, the largest of them, guessing, and a sentence."""
    task, metric = context.task, context.config.metric
    rows: list[dict[str, Any]] = []
    lost = 0
    for name, folds in asked.items():
        *parts, lost = gather(context, folds, found)
        fitted, held, tested = (part.judged(task, metric) for part in parts)
        terms = decompose(metric, (fitted, held, tested), task.unit_name)
        level = chance_level(metric, parts[2].truth)
        guess = None if level is None else 1 - level
        rows.append({"probe": name, **terms, "guessing_error": guess, **_judge(terms, guess)})
    notes = [
        "The fits behind the probe gap have fewer training examples than the one that is tested "
        f"({context.config.inner_folds} inner folds), which moves some error from the encoder gap to the probe gap: a "
        "negative encoder gap says no more than that."
    ]
    if lost:
        notes.append(f"{lost} held-out rows carry a label that their training part lacks: left out.")
    return {"metric": metric, "rows": rows, "reading": _reading(rows), "notes": notes}


def _judge(terms: Mapping[str, Mapping[str, Any]], guess: float | None) -> dict[str, Any]:
    largest = max(TERMS, key=lambda name: terms[name]["value"])
    total = terms["test_error"]
    highest = total["value"] if total["high"] is None else total["high"]
    unread = guess is not None and highest >= guess - 1e-9
    shares = ", ".join(f"{name.replace('_', ' ')} {in_words(terms[name], sign=name != 'underfit')}" for name in TERMS)
    text = f"Test error {in_words(total)}: {shares}."
    if unread:
        text += " Guessing is not beaten beyond doubt: nothing that this probe reads here is sure."
    if total["value"] > 0.02:
        text += f" Mostly {largest.replace('_', ' ')}: {MEANING[largest]}."
    return {"largest": largest, "no_better_than_guessing": bool(unread), "reading": text}


def _reading(rows: Sequence[Mapping[str, Any]]) -> str:
    best = min(rows, key=lambda row: float(row["test_error"]["value"]))
    text = f"Least test error: {best['probe']}, {in_words(best['test_error'])}"
    text += "." if best["guessing_error"] is None else f"; guessing gives {best['guessing_error']:.2f}."
    if len(rows) > 1:
        text += " That is the least of several on test examples, so a little too good: let tymbal probe pick."
    for term in TERMS:
        named = [str(row["probe"]) for row in rows if row["largest"] == term]
        if named:
            text += f"\nMostly {term.replace('_', ' ')} in {listed(named)}: {MEANING[term]}."
    blind = [str(row["probe"]) for row in rows if row["no_better_than_guessing"]]
    return text + (f"\nGuessing is not beaten beyond doubt by {listed(blind)}." if blind else "")


RISK = Diagnostic("risk", "Where the error comes from", "always", plan, conclude)
