from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.corpus import cramer, epsilon

from tymbal.corpus.auditing.association import Fact, associations, codes, collapse, strength

few = st.lists(st.tuples(st.integers(-1, 3), st.integers(-1, 3)), min_size=1, max_size=30)


@given(few)
@settings(max_examples=150, deadline=None)
def test_strength_of_categories_is_bias_corrected_cramer(pairs: list[tuple[int, int]]) -> None:
    labels, values = (np.array(column) for column in zip(*pairs, strict=True))
    fact = Fact("f", values.astype(float), numeric=False)
    assert strength(labels, fact) == pytest.approx(cramer(labels.tolist(), values.tolist()), abs=1e-6)


@given(
    st.lists(
        st.tuples(st.integers(-1, 3), st.sampled_from([0.0, 1.0, 2.5, 7.0, float("nan")])), min_size=1, max_size=30
    )
)
@settings(max_examples=150, deadline=None)
def test_strength_of_numbers_is_the_rank_correlation_ratio(pairs: list[tuple[int, float]]) -> None:
    labels = np.array([label for label, _ in pairs])
    values = np.array([value for _, value in pairs])
    fact = Fact("f", values, numeric=True)
    assert strength(labels, fact) == pytest.approx(epsilon(labels.tolist(), values.tolist()), abs=1e-6)


def test_perfect_and_no_association() -> None:
    labels = np.repeat([0, 1], 20)
    assert strength(labels, Fact("same", labels.astype(float), numeric=False)) == pytest.approx(1)
    assert strength(labels, Fact("constant", np.zeros(40), numeric=False)) == 0
    assert strength(labels, Fact("level", np.arange(40.0), numeric=True)) > 0.85


def test_false_findings_are_rare_however_many_facts() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for seed in range(60):
        labels = rng.integers(0, 3, 30)
        facts = [Fact(f"n{i}", rng.standard_normal(30), numeric=True) for i in range(8)]
        facts += [Fact(f"c{i}", rng.integers(0, 3, 30).astype(float), numeric=False) for i in range(4)]
        found = associations({"label": labels}, facts, permutations=99, seed=seed)
        hits += any(each.p <= 0.05 for each in found)
    assert hits <= 8  # 3 expected; more than 8 of 60 has a chance below 1 in 200


def test_a_real_association_stands_out_of_many() -> None:
    rng = np.random.default_rng(6)
    labels = np.repeat([0, 1], 15)
    facts = [Fact("codec", labels.astype(float), numeric=False)]
    facts += [Fact(f"n{i}", rng.standard_normal(30), numeric=True) for i in range(10)]
    found = {each.fact: each for each in associations({"x": labels}, facts, permutations=199)}
    assert found["codec"].p == pytest.approx(1 / 200)
    assert found["codec"].units == 30
    assert min(each.p for name, each in found.items() if name != "codec") > 0.05
    assert associations({}, facts) == []


def test_collapse_takes_groups_as_units() -> None:
    labels = codes(["a", "a", "b", None, "b"])
    groups = ["g", "g", "h", "h", None]
    reduced, fact = collapse(groups, labels, Fact("level", np.array([1.0, 3.0, 5.0, np.nan, 9.0]), numeric=True))
    assert sorted(zip(reduced.tolist(), fact.values.tolist(), strict=True)) == [(0, 2.0), (1, 5.0), (1, 9.0)]
    _, kind = collapse(groups, labels, Fact("codec", np.array([0.0, 1.0, 1.0, 1.0, -1.0]), numeric=False))
    assert sorted(kind.values.tolist()) == [-1.0, 0.0, 1.0]
