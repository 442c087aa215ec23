"""Mean differences over pairs and sets: equal to the simple case, and the interval covers."""

from __future__ import annotations

import numpy as np
import pytest

from tymbal.errors import DataError
from tymbal.evaluation import paired_difference
from tymbal.evaluation.means import PairedMean, mean_over_sets, paired_mean


def labels(random: np.random.Generator, truth: np.ndarray, right: float) -> np.ndarray:
    return np.where(random.random(len(truth)) < right, truth, 1 - truth)


def test_one_pair_of_one_set_is_the_paired_difference() -> None:
    random = np.random.default_rng(0)
    truth, groups = random.integers(0, 2, 240), np.repeat(np.arange(12), 20).tolist()
    a, b = labels(random, truth, 0.8), labels(random, truth, 0.7)
    plain = paired_difference("accuracy", truth, a, b, groups=groups, unit_name="site")
    found = paired_mean("accuracy", truth, [(a, b)], groups=groups)
    whole = mean_over_sets({"one": found})
    assert (whole.value, whole.low, whole.high) == pytest.approx((plain.value, plain.low, plain.high))
    assert whole.p == pytest.approx(plain.p)
    assert (found.units, found.examples, whole.units, whole.unit_name) == (12, 240, 1, "set")


def test_pairs_are_resampled_together() -> None:
    random = np.random.default_rng(1)
    truth, groups = random.integers(0, 2, 200), np.repeat(np.arange(10), 20).tolist()
    a, b = labels(random, truth, 0.8), labels(random, truth, 0.7)
    one = paired_mean("accuracy", truth, [(a, b)], groups=groups)
    twice = paired_mean("accuracy", truth, [(a, b), (a, b)], groups=groups)
    assert twice.value == pytest.approx(one.value)
    assert twice.error == pytest.approx(one.error)  # the same pair twice is no new evidence
    both = paired_mean("accuracy", truth, [(a, b), (b, a)], groups=groups)
    assert (both.value, both.error) == (0.0, 0.0)


def test_sets_weigh_alike_and_their_variances_add() -> None:
    sets = {"small": PairedMean(0.2, 0.03, 10, 50), "large": PairedMean(0.0, 0.04, 100, 5000)}
    found = mean_over_sets(sets)
    assert found.value == pytest.approx(0.1)
    assert found.per_unit == {"small": 0.2, "large": 0.0}
    assert found.low is not None
    assert found.high is not None
    assert (found.high - found.low) / 2 == pytest.approx(0.025 * 1.996, rel=0.02)  # sqrt(.03² + .04²) / 2
    assert found.examples == 5050


def test_a_set_of_few_units_leaves_no_interval_and_is_named() -> None:
    found = mean_over_sets({"few": PairedMean(0.2, None, 4, 50), "many": PairedMean(0.1, 0.01, 20, 50)})
    assert (found.low, found.high, found.p) == (None, None, None)
    assert found.value == pytest.approx(0.15)
    assert "fewer than 8 independent units in few" in found.note
    with pytest.raises(DataError, match="no sets"):
        mean_over_sets({})
    with pytest.raises(DataError, match="no pairs"):
        paired_mean("accuracy", [0, 1], [], groups=None)


def test_the_interval_covers_the_true_mean() -> None:
    random, inside, runs = np.random.default_rng(2), 0, 120
    for _ in range(runs):
        sets = {}
        for name, units, gain in (("a", 12, 0.10), ("b", 20, 0.02), ("c", 9, 0.0)):
            truth, groups = np.zeros(units * 10, dtype=int), np.repeat(np.arange(units), 10).tolist()
            truth[::2] = 1
            own = np.repeat(random.uniform(-0.1, 0.1, units), 10)  # what a unit adds to both
            a = np.where(random.random(len(truth)) < 0.7 + gain + own, truth, 1 - truth)
            b = np.where(random.random(len(truth)) < 0.7 + own, truth, 1 - truth)
            sets[name] = paired_mean("accuracy", truth, [(a, b)], groups=groups, resamples=200)
        found = mean_over_sets(sets)
        assert found.low is not None
        assert found.high is not None
        inside += found.low <= 0.04 <= found.high
    assert 0.89 <= inside / runs <= 1.0
