"""Nested evaluation: which fits a study needs, and the choice made inside the training folds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.evaluation import get_metric, measure
from tymbal.probes.config import ProbeConfig
from tymbal.probes.grouping import grouped_folds
from tymbal.probes.study.config import seeds_of
from tymbal.probes.study.fits import Fit, FitResult
from tymbal.probes.study.task import Task

TEST = "test"
_MEND = "Make fewer folds, split by a column with more groups, or give one head and one choice of layers."


@dataclass(frozen=True)
class Choice:
    """The probe picked for one test fold, and every candidate's score inside the training folds."""

    fold: str
    probe: str
    scores: dict[str, float]


def inner_parts(
    task: Task, fold: str, inner_folds: int, seed: int
) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """(training rows, held-out rows) pairs inside the training rows of test fold `fold`.

    Where folds are named train/validation/test, validation is held out once; else whole groups of the training
    rows are dealt into `inner_folds` folds, or as many as there are groups. Raises DataError for a single group.
    """
    train, _ = task.rows(fold)
    named = _validation(task, fold)
    if named.any():
        return [(train[~named], train[named])]
    groups = task.groups[train]
    count = min(inner_folds, len(np.unique(groups)))
    if count < 2:
        raise DataError(
            f"the training part of fold {fold!r} is a single group, so nothing can be chosen inside it",
            where="study",
            mend=_MEND,
        )
    shares = np.full(count, 1 / count)
    part = grouped_folds(groups.tolist(), task.targets[train], shares, seed=seed)
    return [(train[part != index], train[part == index]) for index in range(count)]


def _validation(task: Task, fold: str) -> NDArray[np.bool_]:
    """Which training rows of a test fold are the validation fold: none, where folds are those of a cross-validation."""
    train, _ = task.rows(fold)
    named: NDArray[np.bool_] = (task.folds[train] == "validation") & (task.test_folds == (TEST,))
    return named


def inner_fits(
    task: Task, candidates: Mapping[str, ProbeConfig], inner_folds: int, *, keep_validation: bool = False
) -> list[Fit]:
    """One fit per test fold, inner part and candidate (seed 0); none where there is nothing to choose among.

    With `keep_validation` a fit also watches the validation fold that it is judged on.
    Raises DataError where the training rows of a test fold are too few to choose inside.
    """
    if len(candidates) < 2:
        return []
    fits = []
    for fold in task.test_folds:
        parts = [
            (index, train, held)
            for index, (train, held) in enumerate(inner_parts(task, fold, inner_folds, seed=0))
            if len(_labels(task, train)) >= task.least_labels  # a part of fewer teaches nothing about the choice
        ]
        if not any(np.isin(_labels(task, held), _labels(task, train)).any() for _, train, held in parts):
            least = "a label" if task.multilabel else "two labels"
            raise _undecided(fold, f"no part of its training rows holds {least} to learn and one of them to judge by")
        for index, train, held in parts:
            for name, config in candidates.items():
                rows = tuple(train.tolist()), tuple(held.tolist())
                watch = rows[1] if keep_validation and _validation(task, fold).any() else ()
                fits.append(Fit(fold, f"inner {index}", name, 0, config, *rows, watch))
    return fits


def _labels(task: Task, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.flatnonzero(task.targets[rows].any(axis=0))


def _undecided(fold: str, why: str) -> DataError:
    return DataError(f"nothing can be chosen inside fold {fold!r}: {why}", where="study", mend=_MEND)


def test_fits(task: Task, probes: Mapping[str, ProbeConfig], seeds: int, *, keep_validation: bool) -> list[Fit]:
    """One fit per test fold, probe and seed, on all training rows; with `keep_validation` on the training fold alone,
    watching the validation fold where there is one. Raises DataError where these rows hold too few labels."""
    fits = []
    for fold in task.test_folds:
        learned = task.rows(fold)[0]
        learned = learned[~_validation(task, fold)] if keep_validation else learned
        if len(_labels(task, learned)) < task.least_labels:
            raise DataError(
                f"the training rows of fold {fold!r} hold {'no label' if task.multilabel else 'one label alone'}",
                where="study",
                mend="Split by a column whose groups hold several labels, or make fewer folds.",
            )
        train, test = task.rows(fold)
        named = _validation(task, fold) if keep_validation else np.zeros(len(train), dtype=np.bool_)
        rows = tuple(train[~named].tolist()), tuple(test.tolist()), tuple(train[named].tolist())
        for name, config in probes.items():
            fits += [Fit(fold, TEST, name, seed, config, *rows) for seed in seeds_of(config, seeds)]
    return fits


def choose(task: Task, found: Mapping[Fit, FitResult], candidates: Sequence[str], metric: str) -> dict[str, Choice]:
    """For every test fold the candidate with the best metric over its held-out inner rows together.

    Held-out rows whose one label the inner training part lacks are left out: nobody could get them right. Equal
    scores go to the candidate named first. No test row has any part in this. Raises DataError where the held-out
    rows do not define the metric.
    """
    choices = {}
    for fold in task.test_folds:
        scores = {}
        for name in candidates if len(candidates) > 1 else ():
            parts = [(fit, fitted) for fit, fitted in found.items() if fit.fold == fold and fit.probe == name]
            known = [_known(task, fit) for fit, _ in parts]
            rows = [np.asarray(fit.test)[kept] for (fit, _), kept in zip(parts, known, strict=True)]
            given = [fitted.scores[kept] for (_, fitted), kept in zip(parts, known, strict=True)]
            try:
                scores[name] = score_of(task, np.concatenate(rows), np.concatenate(given), metric)
            except DataError as error:
                raise _undecided(fold, f"{metric} is not defined on its held-out rows ({error.what})") from error
        best = max(scores, key=lambda name: scores[name]) if scores else candidates[0]
        choices[fold] = Choice(fold, best, scores)
    return choices


def _known(task: Task, fit: Fit) -> NDArray[np.bool_]:
    """Held-out rows of a fit that can be judged by it."""
    if task.multilabel:
        return np.ones(len(fit.test), dtype=np.bool_)
    known: NDArray[np.bool_] = task.targets[list(fit.test)] @ task.targets[list(fit.train)].sum(axis=0) > 0
    return known


def score_of(task: Task, rows: NDArray[np.int64], scores: NDArray[np.float32], metric: str) -> float:
    """A metric of scores (len(rows), labels) against the reference of those rows."""
    return measure(metric, task.truth(rows), given_to(metric, scores))


def given_to(metric: str, scores: NDArray[np.float32]) -> NDArray[Any]:
    """What a metric takes of scores (n, labels): these, or the number of the best label."""
    return scores if get_metric(metric).takes == "scores" else scores.argmax(axis=1)
