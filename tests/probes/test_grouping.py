from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.errors import DataError
from tymbal.probes.grouping import grouped_folds, validation_rows


def problem(seed: int) -> tuple[list[str], np.ndarray]:
    rng = np.random.default_rng(seed)
    n, classes = int(rng.integers(10, 60)), int(rng.integers(2, 5))
    groups = [f"g{number}" for number in rng.integers(0, rng.integers(3, 20), n)]
    return groups, np.eye(classes, dtype=np.float32)[rng.integers(0, classes, n)]


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.floats(0.1, 0.4))
def test_validation_takes_whole_groups_and_no_label_whole(seed: int, fraction: float) -> None:
    groups, targets = problem(seed)
    held = validation_rows(groups, targets, fraction, seed=seed)
    names = np.asarray(groups)
    assert not set(names[held]) & set(names[~held])
    assert held.sum() <= 3 * fraction * len(groups)
    assert (targets[~held].sum(axis=0) > 0).tolist() == (targets.sum(axis=0) > 0).tolist()
    assert np.array_equal(held, validation_rows(groups, targets, fraction, seed=seed))


def test_validation_comes_near_its_share_of_every_label() -> None:
    targets = np.eye(4, dtype=np.float32)[np.arange(400) % 4]
    held = validation_rows([str(index // 2) for index in range(400)], targets, 0.2, seed=0)
    assert 78 <= held.sum() <= 84
    assert np.abs(targets[held].sum(axis=0) - 20).max() <= 2


def test_nothing_is_held_out_where_every_group_alone_holds_a_label() -> None:
    held = validation_rows(["a", "a", "b", "b"], np.eye(2, dtype=np.float32)[[0, 0, 1, 1]], 0.3, seed=0)
    assert not held.any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 3))
def test_no_group_straddles_folds(seed: int, folds: int) -> None:
    groups, targets = problem(seed)
    if len(set(groups)) < folds:
        return
    found = grouped_folds(groups, targets, np.full(folds, 1 / folds), seed=0)
    assert set(found.tolist()) == set(range(folds))
    for group in set(groups):
        assert len(set(found[np.asarray(groups) == group])) == 1


def test_fewer_groups_than_folds_are_refused() -> None:
    with pytest.raises(DataError, match="2 groups cannot fill 3 folds"):
        grouped_folds(["a", "b"], np.eye(2, dtype=np.float32), np.full(3, 1 / 3), seed=0)
