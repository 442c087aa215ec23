"""Intervals: who is resampled, what few units do, and whether they cover."""

from __future__ import annotations

import time

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tymbal.errors import DataError, UsageError
from tymbal.evaluation import METRICS, estimate, estimate_classes, estimate_labels, holm, paired_difference, seed_spread
from tymbal.evaluation.intervals import resample
from tymbal.evaluation.problem import make_problem


def simulated(random: np.random.Generator, units: int, *, mean: float, spread: float) -> tuple[np.ndarray, ...]:
    """Units of unequal size whose own accuracy is beta-distributed: reference, predicted, groups."""
    size = 1 + random.poisson(8, units)
    groups = np.repeat(np.arange(units), size)
    own = random.beta(mean * spread, (1 - mean) * spread, units)
    reference = random.integers(0, 2, len(groups))
    right = random.random(len(groups)) < own[groups]
    return reference, np.where(right, reference, 1 - reference), groups


@pytest.mark.parametrize(("units", "mean"), [(8, 0.7), (8, 0.92), (30, 0.92)])
def test_the_interval_covers_about_as_often_as_it_says(units: int, mean: float) -> None:
    random = np.random.default_rng(units)
    runs, hits, percentile = 250, 0, 0
    for run in range(runs):
        reference, predicted, groups = simulated(random, units, mean=mean, spread=5)
        found = estimate("accuracy", reference, predicted, groups=groups, unit_name="site", resamples=300, seed=run)
        hits += found.low <= mean <= found.high
        problem, bound = METRICS["accuracy"].bind(reference, predicted, groups)
        low, high = np.quantile(resample(bound, problem.units, 300, run), [0.025, 0.975])
        percentile += low <= mean <= high
    assert hits / runs >= 0.91
    assert hits > percentile or units > 8, "the reason for not taking percentiles"


def test_ignoring_units_would_not_cover() -> None:
    random = np.random.default_rng(1)
    hits = 0
    for run in range(200):
        reference, predicted, _ = simulated(random, 12, mean=0.7, spread=1.5)
        found = estimate("accuracy", reference, predicted, groups=None, unit_name="example", resamples=200, seed=run)
        hits += found.low <= 0.7 <= found.high
    assert hits / 200 < 0.85


def test_below_eight_units_no_interval_and_every_unit() -> None:
    reference, predicted, groups = simulated(np.random.default_rng(2), 7, mean=0.8, spread=5)
    found = estimate("accuracy", reference, predicted, groups=[f"bird {g}" for g in groups], unit_name="bird")
    assert (found.low, found.high, found.units, found.unit_name) == (None, None, 7, "bird")
    assert list(found.per_unit) == [f"bird {number}" for number in range(7)]
    for number in range(7):
        inside = groups == number
        assert found.per_unit[f"bird {number}"] == pytest.approx((reference == predicted)[inside].mean())
    pair = paired_difference("accuracy", reference, predicted, reference, groups=groups, unit_name="bird")
    assert (pair.low, pair.high, pair.p) == (None, None, None)
    assert len(pair.per_unit) == 7


def test_a_unit_without_a_defined_value_is_shown_as_none() -> None:
    scores = np.array([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3]])
    found = estimate("auroc", [0, 1, 0], scores, groups=["a", "a", "b"], unit_name="bird")
    assert found.per_unit == {"a": 1.0, "b": None}


def test_same_seed_same_interval_and_units_not_examples_are_drawn() -> None:
    reference, predicted, groups = simulated(np.random.default_rng(3), 12, mean=0.8, spread=3)
    one = estimate("accuracy", reference, predicted, groups=groups, unit_name="site")
    assert one == estimate("accuracy", reference, predicted, groups=groups, unit_name="site")
    # ten copies of every example bring no new site: nothing changes
    ten = estimate(
        "accuracy", np.tile(reference, 10), np.tile(predicted, 10), groups=np.tile(groups, 10), unit_name="site"
    )
    assert (ten.value, ten.low, ten.high) == pytest.approx((one.value, one.low, one.high))
    loose = estimate("accuracy", reference, predicted, groups=None, unit_name="example")
    assert loose.high - loose.low < one.high - one.low


def test_perfect_is_not_certain() -> None:
    found = estimate("accuracy", [0, 1] * 10, [0, 1] * 10, groups=list(range(20)), unit_name="cat")
    assert found.high == 1.0
    assert found.low == pytest.approx(0.025 ** (1 / 20))
    assert "binomial" in found.note


def test_equal_units_drawn_by_kind_spread_as_they_do_one_by_one() -> None:
    random = np.random.default_rng(4)
    reference = random.integers(0, 2, 400)
    predicted = np.where(random.random(400) < 0.8, reference, 1 - reference)
    _, bound = METRICS["accuracy"].bind(reference, predicted, None)
    by_kind = resample(bound, 400, 4000, 0)
    one_by_one = resample(lambda weights: bound(weights), 400, 4000, 0)
    assert by_kind.mean() == pytest.approx(one_by_one.mean(), abs=0.002)
    assert by_kind.std() == pytest.approx(one_by_one.std(), rel=0.06)
    share = (reference == predicted).mean()
    assert by_kind.std() == pytest.approx((share * (1 - share) / 400) ** 0.5, rel=0.06)


def test_paired_is_sharper_than_two_intervals_and_covers() -> None:
    random = np.random.default_rng(5)
    hits = 0
    for run in range(150):
        reference, predicted, groups = simulated(random, 15, mean=0.7, spread=2)
        spoiled = np.where(random.random(len(reference)) < 0.2, 1 - predicted, predicted)
        # a flip turns right into wrong and wrong into right: the true difference is 0.2 * (2 * 0.7 - 1)
        pair = paired_difference(
            "accuracy", reference, predicted, spoiled, groups=groups, unit_name="site", resamples=200, seed=run
        )
        hits += pair.low <= 0.2 * (2 * 0.7 - 1) <= pair.high
    assert hits / 150 >= 0.9
    alone = [
        estimate("accuracy", reference, said, groups=groups, unit_name="site", resamples=200)
        for said in (predicted, spoiled)
    ]
    assert pair.high - pair.low < sum(one.high - one.low for one in alone)
    assert pair.value == pytest.approx(alone[0].value - alone[1].value)
    assert (pair.p < 0.05) == (pair.low > 0 or pair.high < 0)


def test_identical_predictions_do_not_differ() -> None:
    reference, predicted, groups = simulated(np.random.default_rng(6), 9, mean=0.7, spread=3)
    pair = paired_difference("balanced_accuracy", reference, predicted, predicted, groups=groups, unit_name="site")
    assert (pair.value, pair.low, pair.high, pair.p) == (0, 0, 0, 1.0)
    assert "every resample" in pair.note


def test_classes_left_out_are_said() -> None:
    scores = np.eye(4)[[0, 1] * 8]
    reference = [0, 1] * 8
    said = {
        name: estimate(name, reference, scores, groups=list(range(16)), unit_name="call").note
        for name in METRICS
        if name in ("map", "cmap", "auroc")
    }
    assert "2 classes" in said["map"]
    assert "counted as 0" in said["map"]
    assert "left out" in said["cmap"]
    assert "left out" in said["auroc"]


def test_per_class_intervals_only_where_eight_units_hold_the_class() -> None:
    labels = ["common", "rare", "never"]
    reference = ["common"] * 20 + ["rare"] * 4
    predicted = ["common"] * 15 + ["rare"] * 5 + ["rare"] * 3 + ["common"]
    groups = [f"s{number % 12}" for number in range(20)] + ["s0", "s1", "s2", "s3"]
    found = estimate_classes(reference, predicted, labels, groups=groups, unit_name="session")
    common, rare = found["common"], found["rare"]
    assert common["recall"].value == pytest.approx(15 / 20)
    assert common["recall"].low < 0.75 < common["recall"].high
    assert common["recall"].units == 12
    assert rare["recall"].value == pytest.approx(3 / 4)
    assert (rare["recall"].low, rare["recall"].units) == (None, 4)
    assert rare["precision"].value == pytest.approx(3 / 8)
    assert found["never"] == {"precision": None, "recall": None, "f1": None}
    alone = estimate_classes(["rare"], ["rare"], labels, groups=None, unit_name="call")
    assert alone["rare"]["f1"].value == 1.0
    with pytest.raises(DataError, match="1 reference labels and 2"):
        estimate_classes(["rare"], ["rare", "rare"], labels, groups=None, unit_name="call")


def test_groups_must_be_whole() -> None:
    with pytest.raises(DataError, match="no group"):
        estimate("accuracy", [0, 1], [0, 1], groups=["a", None], unit_name="site")
    with pytest.raises(DataError, match="1 groups for 2 examples"):
        estimate("accuracy", [0, 1], [0, 1], groups=["a"], unit_name="site")
    with pytest.raises(UsageError, match="resamples"):
        estimate("accuracy", [0, 1], [0, 1], groups=["a", "b"], unit_name="site", resamples=3)
    with pytest.raises(UsageError, match="confidence"):
        estimate("accuracy", [0, 1], [0, 1], groups=["a", "b"], unit_name="site", confidence=95)


def test_units_keep_the_names_of_their_groups() -> None:
    problem = make_problem("labels", [0, 1, 0], [0, 1, 1], ["b", "a", "b"])
    assert problem.names == ("a", "b")
    assert problem.unit.tolist() == [1, 0, 1]


def test_seed_spread_and_holm() -> None:
    spread = seed_spread([0.5, 0.7, 0.6])
    assert (spread.mean, spread.low, spread.high, spread.sd, spread.seeds) == pytest.approx((0.6, 0.5, 0.7, 0.1, 3))
    assert seed_spread([0.5]).sd is None
    with pytest.raises(DataError):
        seed_spread([])
    # Holm (1979) by hand: sorted 0.01*4, 0.02*3, 0.03*2 -> 0.06 kept, 0.04 -> 0.06 (never falls)
    assert holm([0.03, 0.01, 0.04, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    with pytest.raises(DataError):
        holm([1.2])


def test_two_thousand_resamples_of_map_within_seconds() -> None:
    random = np.random.default_rng(7)
    reference = random.integers(0, 50, 10_000)
    scores = random.normal(size=(10_000, 50))
    scores[np.arange(10_000), reference] += 1.5
    begin = time.process_time()
    found = estimate("map", reference, scores, groups=None, unit_name="call")
    assert time.process_time() - begin < 15  # about 1.5 s of CPU on an idle core
    assert found.low < found.value < found.high
    begin = time.process_time()
    estimate("accuracy", reference, scores.argmax(axis=1), groups=None, unit_name="call")
    assert time.process_time() - begin < 0.5  # about 10 ms


def test_labels_of_sets_have_their_own_average_precision() -> None:
    random = np.random.default_rng(3)
    groups = [f"s{row // 10}" for row in range(200)]
    truth = random.random((200, 3)) < np.array([0.3, 0.0, 1.0])
    truth[:, 0] &= np.arange(200) < 60  # in six sessions alone: no interval
    scores = random.random((200, 3)) + 0.3 * truth
    found = estimate_labels(truth, scores, ["few", "never", "always"], groups=groups, unit_name="session")
    ap, auroc = found["few"]["ap"], found["few"]["auroc"]
    assert ap is not None
    assert auroc is not None
    assert ap.value == pytest.approx(average_precision_score(truth[:, 0], scores[:, 0]))
    assert auroc.value == pytest.approx(roc_auc_score(truth[:, 0], scores[:, 0]))
    assert (ap.low, ap.units) == (None, 6)
    assert found["never"] == {"ap": None, "auroc": None}
    always = found["always"]["ap"]
    assert found["always"]["auroc"] is None
    assert always is not None
    assert (always.value, always.units) == (1.0, 20)
    truth[:, 0] = random.random(200) < 0.3
    whole = estimate_labels(truth, scores, ["few", "never", "always"], groups=groups, unit_name="session")["few"]["ap"]
    assert whole is not None
    assert whole.low is not None
    assert whole.high is not None
    assert whole.low < whole.value < whole.high
    with pytest.raises(DataError, match="2 labels for 3 columns"):
        estimate_labels(truth, scores, ["few", "never"], groups=groups, unit_name="session")
