"""One classification problem as arrays: what was true, what was said, and which examples belong to which unit.

Metrics never copy examples to resample them: a resample is a row of multiplicities over units, and every metric
here is a function of such rows. That is what makes two thousand resamples cheap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Problem:
    """Examples of one test, checked.

    reference : (n,) class numbers, or (n, classes) booleans where an example may carry several labels or none.
    given : (n,) predicted class numbers, or (n, classes) scores, larger = surer.
    unit : (n,) number of the independent unit of each example, 0 ... units-1.
    names : (units,) what the units are called; sorted.
    classes : how many classes there are.
    """

    reference: NDArray[Any]
    given: NDArray[Any]
    unit: Integers
    names: tuple[str, ...] = field(repr=False)
    classes: int

    @property
    def units(self) -> int:
        return len(self.names)

    def membership(self) -> NDArray[np.bool_]:
        """(n, classes) booleans: which labels each example carries."""
        if self.reference.ndim == 2:
            return self.reference.astype(bool)
        member: NDArray[np.bool_] = self.reference[:, None] == np.arange(self.classes)
        return member

    def per_unit(self, columns: Floats) -> Floats:
        """Sum per-example statistics (n, k) within units: (units, k)."""
        sums = [np.bincount(self.unit, weights=column, minlength=self.units) for column in columns.T]
        return np.stack(sums, axis=1)


def encode(values: Sequence[object], labels: Sequence[object]) -> Integers:
    """Class numbers (n,) of `values` in the order of `labels`; DataError names the first value not among them."""
    numbers = {label: number for number, label in enumerate(labels)}
    if len(numbers) != len(labels):
        raise DataError("a label is listed twice", where="labels", mend="Give each label once.")
    try:
        return np.array([numbers[value] for value in values], dtype=np.int64)
    except KeyError as error:
        raise DataError(
            f"label {error.args[0]!r} is not among the {len(labels)} labels",
            where="encode",
            allowed=", ".join(str(label) for label in list(labels)[:20]),
            mend="Give every label that occurs, in the order of the score columns.",
        ) from None


def make_problem(
    takes: Literal["labels", "scores"], reference: Any, given: Any, groups: Sequence[object] | None
) -> Problem:
    """Check lengths, kinds and values and number what has names.

    `groups` names the highest independent unit of each example; None makes every example its own unit.
    Raises DataError: lengths differ, nothing to evaluate, one class only, NaN or infinite scores, a missing group,
    reference labels that cannot be matched with score columns.
    """
    truth = _as_array(reference, "reference")
    said = _as_array(given, "predicted" if takes == "labels" else "scores")
    if not len(truth):
        raise DataError("there are no examples to evaluate", where="reference")
    if len(truth) != len(said):
        raise DataError(
            f"{len(truth)} reference labels and {len(said)} predictions", where="evaluation", allowed="equal lengths"
        )
    unit, names = number_units(groups, len(truth))
    if takes == "labels":
        truth, said, classes = _check_labels(truth, said)
    else:
        truth, said, classes = _check_scores(truth, said)
    return Problem(truth, said, unit, names, classes)


def _as_array(values: Any, name: str) -> NDArray[Any]:
    if hasattr(values, "to_numpy"):  # polars, pandas
        values = values.to_numpy()
    array = np.asarray(values)
    if array.dtype == object:
        if any(value is None for value in array.ravel()):
            raise DataError("a label is missing", where=name, mend="Leave out examples without a label.")
        array = array.astype(str)
    if array.ndim not in (1, 2):
        raise DataError(f"an array of shape {array.shape}", where=name, allowed="(n,) or (n, classes)")
    return array


def number_units(groups: Sequence[object] | None, examples: int) -> tuple[Integers, tuple[str, ...]]:
    """(unit number of each example, sorted unit names); None = each example by itself. DataError for a missing one."""
    if groups is None:
        return np.arange(examples), tuple(str(number) for number in range(examples))
    listed = list(groups)
    if len(listed) != examples:
        raise DataError(f"{len(listed)} groups for {examples} examples", where="groups", allowed="equal lengths")
    if any(group is None or group != group for group in listed):
        raise DataError(
            "an example has no group",
            where="groups",
            mend="Name the unit of every example, or leave the example out: guessing would make intervals too narrow.",
        )
    names, unit = np.unique(np.array([str(group) for group in listed]), return_inverse=True)
    return unit.astype(np.int64).ravel(), tuple(names.tolist())


def _check_labels(truth: NDArray[Any], said: NDArray[Any]) -> tuple[Integers, Integers, int]:
    if truth.ndim != 1 or said.ndim != 1:
        raise DataError(
            f"shapes {truth.shape} and {said.shape}", where="evaluation", allowed="one label (n,) per example"
        )
    if (truth.dtype.kind in "US") != (said.dtype.kind in "US"):
        raise DataError(
            "reference and predicted are not of one kind: names on one side, numbers on the other",
            where="evaluation",
            mend="Give names to both, or class numbers to both.",
        )
    values, numbers = np.unique(np.concatenate([truth, said]), return_inverse=True)
    numbers = numbers.astype(np.int64).ravel()
    _refuse_one_class(truth)
    return numbers[: len(truth)], numbers[len(truth) :], len(values)


def _check_scores(truth: NDArray[Any], said: NDArray[Any]) -> tuple[NDArray[Any], Floats, int]:
    if said.ndim != 2 or said.dtype.kind not in "fiub":
        raise DataError(
            f"scores of shape {said.shape} and type {said.dtype}", where="scores", allowed="numbers (n, classes)"
        )
    scores = said.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    if len(bad):
        raise DataError(
            f"{len(bad)} of {len(scores)} examples have a NaN or infinite score, the first is example {bad[0]}",
            where="scores",
            mend="A model that gives NaN has diverged: look at its training before evaluating it.",
        )
    classes = scores.shape[1]
    if truth.ndim == 2:
        if truth.shape != scores.shape:
            raise DataError(f"reference {truth.shape} and scores {scores.shape}", where="evaluation", allowed="equal")
        if not np.isin(truth, (0, 1)).all():
            raise DataError("labels that are not 0 or 1", where="reference", allowed="booleans (n, classes)")
        return truth.astype(bool), scores, classes
    if truth.dtype.kind not in "iu":
        raise DataError(
            "names cannot be matched with score columns",
            where="reference",
            allowed="class numbers (n,) or booleans (n, classes)",
            mend="Use encode(reference, labels), with the labels in the order of the columns.",
        )
    if truth.min() < 0 or truth.max() >= classes:
        raise DataError(f"class numbers {truth.min()} to {truth.max()} for {classes} score columns", where="reference")
    _refuse_one_class(truth)
    return truth.astype(np.int64), scores, classes


def _refuse_one_class(truth: NDArray[Any]) -> None:
    if (truth == truth[0]).all():
        raise DataError(
            f"every example is of one class, {truth[0]!s}",
            where="reference",
            mend="Evaluate on a test split that holds at least two classes.",
        )
