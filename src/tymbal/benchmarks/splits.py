"""The official splits, drawn as the benchmarks' own scripts draw them."""

from __future__ import annotations

import random
from collections.abc import Sequence

import numpy as np

from tymbal.benchmarks.dataset import FOLDS, TEST, TRAIN, VALIDATION

SEED = 42


def stratified(labels: Sequence[str | int]) -> list[str]:
    """BEANS's 6:2:2: 40 % held out, half of that for test, random_state 42, stratified by label. Fold of every row.

    The order of the rows and the kind of the labels (numbers sort otherwise than text) decide the draw. Raises
    scikit-learn's ValueError where a label has too few rows to be split.
    """
    return _two_draws(len(labels), np.asarray(labels))


def shuffled(count: int) -> list[str]:
    """The same 6:2:2 without labels, as rfcx is split by file."""
    return _two_draws(count, None)


def _two_draws(count: int, labels: np.ndarray[tuple[int, ...], np.dtype[np.generic]] | None) -> list[str]:
    from sklearn.model_selection import train_test_split

    def draw(
        rows: np.ndarray[tuple[int], np.dtype[np.int64]], share: float
    ) -> list[np.ndarray[tuple[int], np.dtype[np.int64]]]:
        chosen = None if labels is None else labels[rows]
        return list(train_test_split(rows, test_size=share, random_state=SEED, shuffle=True, stratify=chosen))

    train, held = draw(np.arange(count), 0.4)
    validation, test = draw(held, 0.5)
    folds = np.empty(count, dtype=object)
    for name, rows in zip(FOLDS, (train, validation, test), strict=True):
        folds[rows] = name
    return [str(fold) for fold in folds]


def by_recordist(recordists: Sequence[str]) -> list[str]:
    """cbi: recordists in order of first appearance, shuffled by Python's generator with seed 42, cut at .6 and .8."""
    names = list(dict.fromkeys(recordists))
    random.Random(SEED).shuffle(names)
    first, second = int(0.6 * len(names)), int(0.8 * len(names))
    fold = dict.fromkeys(names[:first], TRAIN) | dict.fromkeys(names[first:second], VALIDATION)
    return [fold.get(name, TEST) for name in recordists]


def by_chunk(chunk: int, chunks: int) -> str:
    """dcase and enabirds: within every recording, the first 60 % of its chunks, the next 20 %, the rest."""
    place = chunk / chunks
    return TRAIN if place < 0.6 else VALIDATION if place < 0.8 else TEST


def by_file(number: int) -> str:
    """Hainan gibbons: files 0-5 in the order of their names, 6-8, the rest."""
    return TRAIN if number <= 5 else VALIDATION if number <= 8 else TEST
