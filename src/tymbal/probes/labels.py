"""Label names and their numbers, one label per example or several."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError

Labels = Sequence[str] | Sequence[Iterable[str]]


@dataclass(frozen=True)
class LabelCoder:
    """Sorted label names; `encode` gives what losses take."""

    names: tuple[str, ...]
    multilabel: bool

    @classmethod
    def learn(cls, labels: Labels, *, multilabel: bool) -> LabelCoder:
        """The names among `labels`. Raises DataError for fewer than two classes, or labels of the wrong kind."""
        found: set[str] = set()
        for row, label in enumerate(labels):
            if multilabel and not isinstance(label, str):
                found.update(str(name) for name in label)
            elif not multilabel and isinstance(label, str):
                found.add(label)
            else:
                allowed = "a list of names (may be empty)" if multilabel else "one name"
                raise DataError(f"label {label!r} of example {row}", where="labels", allowed=allowed)
        least = 1 if multilabel else 2
        if len(found) < least:
            said = f"all {len(labels)} examples are {next(iter(found))!r}" if found else "no example has a label"
            raise DataError(
                said if len(labels) else "no examples",
                where="labels",
                allowed=f"{least} class{'es' if least > 1 else ''} or more",
                mend="A probe learns to tell classes apart: give examples of each, or another label column.",
            )
        return cls(tuple(sorted(found)), multilabel)

    def encode(self, labels: Labels, *, known: bool = False) -> NDArray[np.float32]:
        """Membership (n, classes), 1 where an example carries the label.

        Labels never learned raise DataError; with `known` they are passed over.
        """
        number = {name: index for index, name in enumerate(self.names)}
        out = np.zeros((len(labels), len(self.names)), dtype=np.float32)
        for row, label in enumerate(labels):
            for name in [label] if isinstance(label, str) else label:
                if known and name not in number:
                    continue
                if name not in number:
                    raise DataError(
                        f"label {name!r} of example {row} was not among the training examples",
                        where="labels",
                        allowed=", ".join(self.names),
                        mend="Make folds so that every label is in every training part, or leave the label out.",
                    )
                out[row, number[name]] = 1.0
        return out

    def decode(self, scores: NDArray[np.float32]) -> list[str] | list[list[str]]:
        """The best label of each row, or all above 0.5 in rows of several labels."""
        if not self.multilabel:
            return [self.names[index] for index in scores.argmax(axis=1)]
        return [[name for name, score in zip(self.names, row, strict=True) if score > 0.5] for row in scores]


def class_weights(targets: NDArray[np.float32], kind: str) -> NDArray[np.float32]:
    """Weight of each class, shape (classes,): 1, or n / (classes present * examples of the class), absent ones 0."""
    classes = targets.shape[1]
    if kind == "none":
        return np.ones(classes, dtype=np.float32)
    counts = targets.sum(axis=0)
    present = counts > 0
    weights = np.zeros(classes, dtype=np.float32)
    weights[present] = targets.sum() / (present.sum() * counts[present])
    return weights
