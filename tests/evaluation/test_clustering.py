"""Clustering scores against slow twins and scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer
from tests.reference import embeddings as slow

from tymbal.errors import DataError
from tymbal.evaluation import CLUSTERING, cluster, estimate_clustering
from tymbal.evaluation.problem import Problem


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(2, 14), units=st.integers(1, 5))
def test_scores_equal_their_twins_under_any_multiplicity(seed: int, n: int, units: int) -> None:
    random = np.random.default_rng(seed)
    labels, found = random.integers(0, 3, n), random.integers(0, 3, n)
    unit = random.integers(0, units, n)
    draw = random.multinomial(units, np.full(units, 1 / units)).astype(float)
    weights = draw[unit]
    if not weights.sum():
        return
    problem = Problem(labels, found, unit, tuple(map(str, range(units))), 3)
    nmi = CLUSTERING["nmi"].prepare(problem)(draw[None])[0]
    half = CLUSTERING["ari"].prepare(problem)(draw[None])[0]
    assert nmi == pytest.approx(slow.nmi(labels.tolist(), found.tolist(), weights.tolist()), abs=1e-9)
    assert 2 * half - 1 == pytest.approx(slow.ari(labels.tolist(), found.tolist(), weights.tolist()), abs=1e-9)


def test_scores_equal_scikit_learn() -> None:
    random = np.random.default_rng(1)
    labels, found = random.integers(0, 5, 200), random.integers(0, 4, 200)
    rows = estimate_clustering(labels.tolist(), found.tolist(), groups=None, unit_name="clip")
    assert rows["nmi"].value == pytest.approx(peer.normalized_mutual_info_score(labels, found), abs=1e-12)
    assert rows["ari"].value == pytest.approx(peer.adjusted_rand_score(labels, found), abs=1e-12)
    assert rows["ari"].low is not None
    assert rows["ari"].low < rows["ari"].value < rows["ari"].high  # type: ignore[operator]


def test_renamed_clusters_are_the_same_clusters() -> None:
    rows = estimate_clustering(["a", "a", "b", "b"], [7, 7, 3, 3], groups=None, unit_name="clip")
    assert (rows["nmi"].value, rows["ari"].value) == (1.0, 1.0)


def test_worse_than_chance_is_negative() -> None:
    rows = estimate_clustering(["a", "a", "b", "b"], [0, 1, 0, 1], groups=None, unit_name="clip")
    assert rows["nmi"].value == 0.0
    assert rows["ari"].value == pytest.approx(-0.5)


def test_k_means_finds_what_is_apart_and_repeats() -> None:
    random = np.random.default_rng(0)
    values = np.concatenate([random.normal(center, 0.1, (20, 4)) for center in (0, 5, 10)])
    found = cluster(values, 3)
    truth = np.repeat([0, 1, 2], 20)
    assert peer.adjusted_rand_score(truth, found) == 1.0
    assert np.array_equal(found, cluster(values, 3))
    with pytest.raises(DataError, match="2 to n clusters"):
        cluster(values, 61)
