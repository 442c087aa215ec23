from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold
from tests.reference.corpus import imbalance as slow_imbalance

from tymbal.corpus import balance
from tymbal.corpus.balance import assign, imbalance, random_imbalance

Counts = NDArray[np.float64]


@st.composite
def problems(draw: st.DrawFn) -> tuple[Counts, NDArray[np.float64]]:
    folds = draw(st.integers(2, 5))
    groups, labels = draw(st.integers(3 * folds, 30)), draw(st.integers(1, 5))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 9, (groups, labels)).astype(float) * (rng.random((groups, labels)) < 0.6)
    counts = np.column_stack([counts, counts.sum(axis=1)])
    counts = counts[counts[:, -1] > 0]
    equal = draw(st.booleans())
    shares = np.full(folds, 1 / folds) if equal else rng.dirichlet(np.full(folds, 3.0))
    return counts, shares


def totals(counts: Counts, fold_of: NDArray[np.int64], folds: int) -> Counts:
    return np.array([counts[fold_of == fold].sum(axis=0) for fold in range(folds)])


@given(problems())
@settings(max_examples=80, deadline=None)
def test_never_worse_than_random_groups_on_average(problem: tuple[Counts, NDArray[np.float64]]) -> None:
    counts, shares = problem
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(balance, "_fill_empty", lambda *_: None)  # the one step that may give balance away
        fold_of = assign(counts, shares, seed=1)
    reached = imbalance(totals(counts, fold_of, len(shares)), shares)
    assert reached == pytest.approx(slow_imbalance(counts, fold_of.tolist(), shares.tolist()))
    assert reached <= random_imbalance(counts, shares) + 1e-9


@given(problems())
@settings(max_examples=40, deadline=None)
def test_the_same_every_time_and_no_fold_empty(problem: tuple[Counts, NDArray[np.float64]]) -> None:
    counts, shares = problem
    fold_of = assign(counts, shares, seed=1)
    assert (assign(counts, shares, seed=1) == fold_of).all()
    assert len(set(fold_of.tolist())) == min(len(shares), len(counts))


def test_random_imbalance_is_the_mean_over_random_draws() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 9, (12, 3)).astype(float)
    shares = np.array([0.5, 0.3, 0.2])
    drawn = [imbalance(totals(counts, rng.choice(3, 12, p=shares), 3), shares) for _ in range(4000)]
    assert np.mean(drawn) == pytest.approx(random_imbalance(counts, shares), rel=0.05)


def test_equal_groups_are_dealt_out_evenly() -> None:
    counts = np.ones((20, 1))
    assert np.bincount(assign(counts, np.full(5, 0.2), seed=3)).tolist() == [4] * 5
    assert (assign(counts, np.full(5, 0.2), seed=3) != assign(counts, np.full(5, 0.2), seed=4)).any()


def test_no_fold_stays_empty_where_groups_are_enough() -> None:
    counts = np.array([[100.0], [1.0], [1.0]])
    assert sorted(assign(counts, np.array([0.98, 0.01, 0.01]), seed=0).tolist()) == [0, 1, 2]


def test_as_balanced_as_scikit_learn() -> None:
    ours, theirs = [], []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        groups = np.repeat(np.arange(40), rng.integers(1, 12, 40))
        labels = (rng.integers(0, 6, 40)[groups] + (rng.random(len(groups)) < 0.2)) % 6
        counts = np.zeros((40, 7))
        np.add.at(counts, (groups, labels), 1)
        counts[:, 6] = counts[:, :6].sum(axis=1)
        shares = np.full(5, 0.2)
        ours.append(imbalance(totals(counts, assign(counts, shares, seed=seed), 5), shares))
        fold_of = np.zeros(40, dtype=np.int64)
        split = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        for fold, (_, test) in enumerate(split.split(labels, labels, groups)):
            fold_of[groups[test]] = fold
        theirs.append(imbalance(totals(counts, fold_of, 5), shares))
    assert np.mean(ours) < np.mean(theirs)
