from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from tests.probes.synthetic import make_examples

from tymbal.errors import DataError
from tymbal.features import Examples
from tymbal.probes import ProbeConfig, StudyConfig
from tymbal.probes.study.fits import Fit, FitResult
from tymbal.probes.study.nesting import choose, inner_fits, inner_parts
from tymbal.probes.study.nesting import test_fits as outer_fits
from tymbal.probes.study.task import Task, task_of

CONFIG = StudyConfig(split="by_group")


def make_task(folds: list[str] | None = None, n: int = 60) -> Task:
    examples, _, groups = make_examples(n)
    numbers = [str(int(group[1:]) % 3) for group in groups] if folds is None else folds
    return task_of(with_folds(examples, numbers), CONFIG)


def with_folds(examples: Examples, folds: list[str]) -> Examples:
    table = examples.table.with_columns(pl.Series("fold", folds))
    return dataclasses.replace(examples, table=table)


PROBES = {"one": ProbeConfig(head="ridge"), "two": ProbeConfig(head="linear")}


def test_inner_fits_never_touch_a_test_row_and_tear_no_group() -> None:
    task = make_task()
    fits = inner_fits(task, PROBES, 3)
    assert len(fits) == 3 * 3 * 2
    for fold in task.test_folds:
        train, test = task.rows(fold)
        own = [fit for fit in fits if fit.fold == fold and fit.probe == "one"]
        assert sorted(row for fit in own for row in fit.test) == train.tolist()
        for fit in own:
            assert not set(fit.train) & set(fit.test)
            assert not (set(fit.train) | set(fit.test)) & set(test.tolist())
            assert not set(task.groups[list(fit.train)]) & set(task.groups[list(fit.test)])


def test_test_fits_use_all_training_rows_and_every_seed() -> None:
    task = make_task()
    fits = outer_fits(task, PROBES, 3, keep_validation=False)
    assert [(fit.fold, fit.probe, fit.seed) for fit in fits[:4]] == [
        ("0", "one", 0),
        ("0", "two", 0),
        ("0", "two", 1),
        ("0", "two", 2),
    ]
    for fit in fits:
        assert (list(fit.train), list(fit.test)) == tuple(rows.tolist() for rows in task.rows(fit.fold))


def scores_for(task: Task, fit: Fit, right: float, seed: int) -> FitResult:
    """Scores of which about a share `right` point to the reference."""
    rng = np.random.default_rng([seed, int(fit.fold), len(fit.part)])
    rows = np.asarray(fit.test)
    noise = rng.random((len(rows), 3)).astype(np.float32)
    hits = rng.random(len(rows)) < right
    noise[hits] += 2 * task.targets[rows[hits]]
    return FitResult(noise, {})


def test_the_best_inside_is_chosen_whatever_the_test_folds_say() -> None:
    task = make_task()
    fits = inner_fits(task, PROBES, 3)
    better = {"0": "one", "1": "two", "2": "two"}
    found = {fit: scores_for(task, fit, 0.9 if better[fit.fold] == fit.probe else 0.2, 1) for fit in fits}
    choices = choose(task, found, list(PROBES), "accuracy")
    assert {fold: choice.probe for fold, choice in choices.items()} == better
    for fold, choice in choices.items():
        parts = [(fit, result) for fit, result in found.items() if (fit.fold, fit.probe) == (fold, "one")]
        rows = np.concatenate([fit.test for fit, _ in parts])
        assert all(set(task.labels) == {task.reference[row] for row in fit.train} for fit, _ in parts)
        said = np.concatenate([result.scores for _, result in parts]).argmax(axis=1)
        assert choice.scores["one"] == pytest.approx((task.targets[rows].argmax(axis=1) == said).mean())


def test_rows_whose_label_was_never_trained_on_do_not_count() -> None:
    task = make_task()
    train, _ = task.rows("0")
    lacking = train[task.targets[train, 0] == 0]
    held = train[:20]
    fit = Fit("0", "inner 0", "one", 0, PROBES["one"], tuple(lacking.tolist()), tuple(held.tolist()))
    rival = Fit("0", "inner 0", "two", 0, PROBES["two"], tuple(lacking.tolist()), tuple(held.tolist()))
    wrong = 1 - task.targets[list(held)]
    right_where_possible = np.where(task.targets[list(held), :1] > 0, wrong, task.targets[list(held)])
    found = {fit: FitResult(right_where_possible, {}), rival: FitResult(wrong, {})}
    only = Task(**{**task.__dict__, "folds": np.where(task.folds == "0", "test", "train")})
    found = {Fit(**{**each.__dict__, "fold": "test"}): result for each, result in found.items()}
    assert choose(only, found, ["one", "two"], "accuracy")["test"].scores == {"one": 1.0, "two": 0.0}


def test_a_single_candidate_needs_no_choice() -> None:
    task = make_task()
    only = {"one": PROBES["one"]}
    assert inner_fits(task, only, 3) == []
    assert {choice.probe for choice in choose(task, {}, ["one"], "accuracy").values()} == {"one"}


def test_equal_scores_go_to_the_first_named() -> None:
    task = make_task()
    fits = inner_fits(task, PROBES, 2)
    found = {fit: FitResult(task.targets[list(fit.test)], {}) for fit in fits}
    assert {choice.probe for choice in choose(task, found, ["two", "one"], "accuracy").values()} == {"two"}


def test_named_folds_are_validated_once() -> None:
    task = make_task(["train"] * 30 + ["validation"] * 15 + ["test"] * 15)
    assert task.test_folds == ("test",)
    parts = inner_parts(task, "test", 5, seed=0)
    assert len(parts) == 1
    assert (parts[0][0].tolist(), parts[0][1].tolist()) == (list(range(30)), list(range(30, 45)))


def test_one_training_group_cannot_be_chosen_in() -> None:
    examples, _, _ = make_examples(40, groups=2)
    task = task_of(with_folds(examples, ["0"] * 20 + ["1"] * 20), CONFIG)
    with pytest.raises(DataError, match="single group"):
        inner_fits(task, PROBES, 3)


def test_too_little_data_to_choose_in_is_said_with_the_mend() -> None:
    examples, _, _ = make_examples(4, classes=2, groups=4)
    task = task_of(with_folds(examples, ["0", "0", "1", "1"]), CONFIG)  # every inner part would hold one label
    with pytest.raises(DataError, match=r"nothing can be chosen inside fold '0'.*fewer folds.*one head"):
        inner_fits(task, PROBES, 2)
    assert inner_fits(task, {"one": PROBES["one"]}, 2) == []
    assert len(outer_fits(task, {"one": PROBES["one"]}, 1, keep_validation=False)) == 2


def test_training_rows_of_one_label_are_named_before_anything_is_fitted() -> None:
    examples, _, _ = make_examples(4, classes=2, groups=4)
    task = task_of(with_folds(examples, ["0", "1", "0", "1"]), CONFIG)
    with pytest.raises(DataError, match=r"training rows of fold '0' hold one label"):
        outer_fits(task, {"one": PROBES["one"]}, 1, keep_validation=False)
    with pytest.raises(DataError, match="nothing can be chosen inside fold '0'"):
        inner_fits(task, PROBES, 2)


def test_a_metric_that_held_out_rows_do_not_define_says_so() -> None:
    task = make_task()
    kind = np.flatnonzero(task.targets[:, 0])
    held = tuple(row for row in kind.tolist() if task.folds[row] != "0")
    train = tuple(row for row in task.rows("0")[0].tolist() if row not in held[1:])
    fits = [Fit("0", "inner 0", name, 0, config, train, held[1:]) for name, config in PROBES.items()]
    found = {fit: FitResult(task.targets[list(fit.test)], {}) for fit in fits}
    with pytest.raises(DataError, match="nothing can be chosen inside fold '0': auroc is not defined"):
        choose(task, found, list(PROBES), "auroc")
