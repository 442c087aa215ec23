"""Differences between different examples of shared units, and ratios of sums."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.reference.classification import balanced_accuracy

from tymbal.errors import DataError, UsageError
from tymbal.evaluation import Judged, contrast, estimate_ratio, paired_difference


def drawn(units: int, size: int, right: float, seed: int) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Labels of three classes, predictions right with probability `right`, unit names."""
    random = np.random.default_rng(seed)
    reference = random.integers(0, 3, units * size)
    given = np.where(random.random(len(reference)) < right, reference, (reference + 1) % 3)
    return reference, given, [f"u{number:02d}" for number in np.repeat(np.arange(units), size)]


def test_on_the_same_examples_it_is_the_paired_difference() -> None:
    reference, one, groups = drawn(12, 5, 0.8, 0)
    two = drawn(12, 5, 0.6, 1)[1]
    ours = contrast("balanced_accuracy", Judged(reference, one, groups), Judged(reference, two, groups), unit_name="u")
    theirs = paired_difference("balanced_accuracy", reference, one, two, groups=groups, unit_name="u")
    assert (ours.value, ours.low, ours.high, ours.p) == (theirs.value, theirs.low, theirs.high, theirs.p)
    assert ours.per_unit == theirs.per_unit


def test_units_of_one_side_alone_and_of_both_are_resampled_as_by_copying_rows() -> None:
    first, second = drawn(10, 4, 0.9, 2), drawn(14, 3, 0.5, 3)
    second = (*second[:2], [f"u{int(name[1:]) + 4:02d}" for name in second[2]])  # u04-u17: six are shared
    found = contrast("balanced_accuracy", Judged(*first), Judged(*second), unit_name="u", resamples=200, seed=5)
    names = sorted({*first[2], *second[2]})
    random, values = np.random.default_rng(5), []
    for _ in range(200):
        times = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))
        of = dict(zip(names, times.tolist(), strict=True))
        values.append(
            balanced_accuracy(first[0], first[1], [of[name] for name in first[2]])
            - balanced_accuracy(second[0], second[1], [of[name] for name in second[2]])
        )
    assert found.value == pytest.approx(
        balanced_accuracy(first[0], first[1], [1] * 40) - balanced_accuracy(second[0], second[1], [1] * 42)
    )
    assert found.units == 10
    half = 2.262 * np.std(values) * np.sqrt(10 / 9)  # t of 9 degrees: the side with fewer units
    assert found.high - found.value == pytest.approx(half, rel=1e-3)
    assert set(found.per_unit) == {f"u{number:02d}" for number in range(4, 10)}


def test_independent_sides_cover_and_few_units_give_no_interval() -> None:
    hits = 0
    for seed in range(200):
        one, two = drawn(9, 8, 0.8, 2 * seed), drawn(20, 8, 0.8, 2 * seed + 1)
        two = (*two[:2], [f"other {name}" for name in two[2]])
        found = contrast("accuracy", Judged(*one), Judged(*two), unit_name="u", resamples=200, seed=seed)
        assert found.low is not None
        hits += found.low <= 0 <= found.high
    assert hits >= 182
    few = contrast("accuracy", Judged(*drawn(7, 5, 0.8, 0)), Judged(*drawn(20, 5, 0.8, 0)), unit_name="u")
    assert (few.low, few.high, few.p, few.units) == (None, None, None, 7)


def test_a_ratio_of_sums_is_a_mean_where_below_is_one_and_covers_on_both_scales() -> None:
    values, groups = np.array([3.0, 5.0, 1.0]), ["a", "a", "b"]
    found = estimate_ratio(values, np.ones(3), groups=groups, unit_name="u")
    assert (found.value, found.low, found.per_unit) == (3.0, None, {"a": 4.0, "b": 1.0})
    hits = {"plain": 0, "log": 0}
    for seed in range(200):
        random = np.random.default_rng(seed)
        of = random.gamma(4.0, 0.5, 12).repeat(6)
        above, below = random.poisson(3 * of), np.full(72, 3.0)
        for scale in hits:
            one = estimate_ratio(
                above, below, groups=np.arange(12).repeat(6), unit_name="u", scale=scale, resamples=200
            )
            hits[scale] += one.low <= 2.0 <= one.high
    assert min(hits.values()) >= 180
    none = estimate_ratio(np.zeros(9), np.ones(9), groups=None, unit_name="u", scale="log")
    assert (none.value, none.low) == (0.0, None)


@given(
    values=arrays(np.float64, st.integers(8, 20), elements=st.floats(0, 2)),
    scale=st.sampled_from(["plain", "log", "logit"]),
)
@settings(max_examples=60, deadline=None)
def test_an_interval_never_leaves_its_bounds(values: np.ndarray, scale: Any) -> None:
    found = estimate_ratio(
        values, np.ones(len(values)), groups=None, unit_name="u", scale=scale, bounds=(0.0, 2.0), resamples=100
    )
    if found.low is None or found.high is None:
        assert (scale, found.value) == ("log", 0.0)
        return
    assert 0 <= found.low <= found.value + 1e-9
    assert found.value - 1e-9 <= found.high <= 2


def test_on_the_logit_scale_a_mean_is_a_share_of_its_bounds() -> None:
    values = np.random.default_rng(0).uniform(0, 2, 30)
    one = estimate_ratio(values, np.ones(30), groups=None, unit_name="u", scale="logit", bounds=(0.0, 2.0))
    half = estimate_ratio(values / 2, np.ones(30), groups=None, unit_name="u", scale="logit", bounds=(0.0, 1.0))
    assert (one.low, one.high) == pytest.approx((2 * half.low, 2 * half.high))  # type: ignore[operator]
    with pytest.raises(UsageError, match="two numbers on the logit scale"):
        estimate_ratio(values, np.ones(30), groups=None, unit_name="u", scale="logit")


def test_what_cannot_be_divided_is_refused() -> None:
    with pytest.raises(DataError, match="not finite"):
        estimate_ratio(np.array([np.inf]), np.ones(1), groups=None, unit_name="u")
    with pytest.raises(DataError):
        estimate_ratio(np.ones(2), np.zeros(2), groups=None, unit_name="u")
