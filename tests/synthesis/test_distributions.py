"""Distributions by name: what they draw, and what of them is refused."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tymbal.config import dumps, from_plain, to_plain
from tymbal.errors import ConfigError
from tymbal.synthesis.distributions import Distribution, check_weights, choice, constant, log_uniform, pick, uniform

RNG = np.random.default_rng(0)
pair = st.tuples(st.floats(0.1, 10), st.floats(0.1, 10)).map(lambda two: (min(two), max(two)))
anything = st.one_of(
    st.floats(-5, 5).map(constant),
    pair.map(lambda two: uniform(*two)),
    pair.map(lambda two: log_uniform(*two)),
    st.tuples(pair, st.floats(0, 1)).map(
        lambda it: Distribution(triangular=(it[0][0], it[0][0] + it[1] * (it[0][1] - it[0][0]), it[0][1]))
    ),
    st.lists(st.floats(-3, 3), min_size=1, max_size=4).map(lambda values: choice(*values)),
    pair.map(lambda two: Distribution(normal=(two[0], two[1]), clip=(-1.0, 1.5))),
)


@settings(max_examples=60, deadline=None)
@given(anything, st.integers(0, 2**32))
def test_draws_lie_in_the_bounds_and_come_again_from_the_same_seed(each: Distribution, seed: int) -> None:
    drawn = each.draws(np.random.default_rng(seed), 50)
    low, high = each.bounds
    assert drawn.min() >= low - 1e-9
    assert drawn.max() <= high + 1e-9
    assert np.array_equal(drawn, each.draws(np.random.default_rng(seed), 50))
    each.check("x", low, high)
    assert from_plain(Distribution, to_plain(each)) == each


@pytest.mark.parametrize(
    ("each", "law"),
    [
        (uniform(-2, 3), stats.uniform(-2, 5)),
        (log_uniform(0.5, 8), stats.loguniform(0.5, 8)),
        (Distribution(normal=(1, 2)), stats.norm(1, 2)),
        (Distribution(triangular=(0, 1, 4)), stats.triang(0.25, 0, 4)),
    ],
    ids=lambda each: getattr(each, "kind", ""),
)
def test_draws_follow_the_law(each: Distribution, law: stats.rv_continuous) -> None:
    assert stats.kstest(each.draws(np.random.default_rng(3), 4000), law.cdf).pvalue > 0.01


def test_choices_follow_their_weights_and_counts_are_whole() -> None:
    drawn = Distribution(choice=(1, 2, 5), weights=(1, 0, 3)).draws(np.random.default_rng(0), 4000)
    assert np.mean(drawn == 5) == pytest.approx(0.75, abs=0.03)
    assert not (drawn == 2).any()
    assert constant(2.5).count(RNG) == 3
    names = [pick(np.random.default_rng(seed), {"a": 0.0, "b": 3.0, "c": 1.0}) for seed in range(400)]
    assert set(names) == {"b", "c"}
    assert names.count("b") == pytest.approx(300, abs=30)


@pytest.mark.parametrize(
    ("each", "told"),
    [
        (Distribution(), "exactly one of constant, uniform"),
        (Distribution(constant=1, uniform=(0, 1)), "exactly one of"),
        (uniform(2, 1), "rising order"),
        (log_uniform(0, 1), "above 0"),
        (Distribution(normal=(0, -1)), "negative"),
        (choice(), "empty"),
        (Distribution(choice=(1, 2), weights=(1,)), "one for each"),
        (Distribution(uniform=(0, 1), weights=(1, 1)), "belong to choice"),
        (Distribution(choice=(1, 2), weights=(0, 0)), "not all 0"),
        (constant(math.nan), "not finite"),
        (uniform(0, 20), r"draws from 0 to 20 \(allowed: 0 to 10\)"),
        (Distribution(normal=(1, 1)), r"clip = \[low, high\]"),
    ],
)
def test_bad_ones_are_told_by_field(each: Distribution, told: str) -> None:
    with pytest.raises(ConfigError, match=told) as caught:
        each.check("levels.snr_db", 0, 10, where="plan.toml")
    assert "plan.toml: levels.snr_db" in str(caught.value)


def test_bad_weights_are_told() -> None:
    with pytest.raises(ConfigError, match=r"unknown 'tune' \(allowed: tone, trill\)"):
        check_weights("families", {"tune": 1.0}, ("tone", "trill"))
    for weights in ({}, {"tone": -1.0}, {"tone": 0.0}, {"tone": math.inf}):
        with pytest.raises(ConfigError, match="not all 0"):
            check_weights("families", weights, ("tone",))


def test_none_of_the_unset_kinds_stands_in_the_file() -> None:
    assert dumps({"snr": uniform(1, 2)}).split() == ["[snr]", "uniform", "=", "[", "1,", "2,", "]"]
