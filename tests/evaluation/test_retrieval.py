"""Retrieval against its slow twin, worked cases, and intervals over units."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import embeddings as slow

from tymbal.errors import DataError
from tymbal.evaluation import estimate_mean, estimate_retrieval, retrieve


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(2, 12),
    m=st.integers(1, 9),
    itself=st.booleans(),
    tied=st.booleans(),
)
def test_every_query_equals_the_slow_twin(seed: int, n: int, m: int, itself: bool, tied: bool) -> None:
    random = np.random.default_rng(seed)

    def vectors(count: int) -> np.ndarray:
        # axes and zero vectors have similarities of exactly -1, 0 and 1: many ties, the same in any order of sums
        return np.eye(4)[random.integers(0, 4, count), :3] if tied else random.normal(size=(count, 3))

    values, labels = vectors(n), random.random((n, 3)) < 0.4
    database = None if itself else (vectors(m), random.random((m, 3)) < 0.4)
    found = retrieve(values, labels, database)
    others, truth = (values, labels) if database is None else database
    for query in range(n):
        rows = [row for row in range(len(others)) if not (itself and row == query)]
        near = [slow.cosine(values[query].tolist(), others[row].tolist()) for row in rows]
        good = [bool((labels[query] & truth[row]).any()) for row in rows]
        assert found.auc[query] == pytest.approx(slow.query_auc(near, good), abs=1e-9, nan_ok=True)
        assert found.first[query] == pytest.approx(slow.query_first(near, good), abs=1e-9, nan_ok=True)


def test_a_case_worked_by_hand() -> None:
    values = np.array([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0], [0.7, 0.3]])
    found = retrieve(values, np.array(["a", "a", "b", "b"]))
    # query 0 ranks 1 (a), 3 (b), 2 (b): AUC 1, first right; query 3 ranks 1 (a), 0 (a), 2 (b): AUC 0, first wrong
    assert found.auc.tolist() == pytest.approx([1.0, 1.0, 1.0, 0.0])
    assert found.first.tolist() == [1.0, 1.0, 1.0, 0.0]


def test_ties_count_half_whatever_the_order() -> None:
    values = np.array([[1.0, 0.0], [0.0, 1.0], [0.0, 2.0]])
    found = retrieve(values[:1], np.array(["a"]), (values[1:], np.array(["a", "b"])))
    assert found.auc.tolist() == [0.5]
    assert found.first.tolist() == [0.5]


def test_queries_without_another_positive_are_left_out_and_said() -> None:
    found = retrieve(np.array([[1.0, 0], [1, 0.1], [0, 1.0]]), np.array(["a", "a", "alone"]))
    assert np.isnan(found.auc[2])
    assert np.isnan(found.first[2])
    row = estimate_retrieval(found, groups=["x", "y", "z"], unit_name="clip")["retrieval_auc"]
    assert (row.value, row.units, row.examples, row.low) == (1.0, 2, 2, None)
    assert row.note == "1 example without an answer left out"
    assert row.per_unit == {"x": 1.0, "y": 1.0}


def test_intervals_are_over_units_not_queries() -> None:
    random = np.random.default_rng(0)
    values = np.repeat(random.random(10), 40)  # ten units that differ, forty equal queries in each
    groups = np.repeat(np.arange(10), 40).tolist()
    by_unit = estimate_mean(values, groups=groups, unit_name="recording")
    by_query = estimate_mean(values, groups=None, unit_name="clip")
    assert by_unit.low is not None
    assert by_query.low is not None
    assert by_unit.value == pytest.approx(by_query.value)
    assert by_unit.high - by_unit.low > 3 * (by_query.high - by_query.low)  # type: ignore[operator]


def test_bad_input_is_named() -> None:
    with pytest.raises(DataError, match="finite"):
        retrieve(np.array([[np.nan, 1.0]]), np.array(["a"]))
    with pytest.raises(DataError, match="one label row per vector"):
        retrieve(np.eye(2), np.array(["a"]))
    with pytest.raises(DataError, match="both"):
        retrieve(np.eye(2), np.array(["a", "b"]), (np.eye(2), np.eye(2)))
