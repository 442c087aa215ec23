from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import calibration as slow

from tymbal.errors import DataError, UsageError
from tymbal.evaluation import CALIBRATION, estimate_calibration, measure, reliability
from tymbal.evaluation.calibration import BINS, brier_score, negative_log_likelihood


def draw(seed: int, n: int, classes: int, several: bool, coarse: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Reference and probabilities; `coarse` ones repeat and fall on the edges of bins."""
    rng = np.random.default_rng(seed)
    if several:
        scores = rng.random((n, classes))
        scores = np.round(scores * BINS) / BINS if coarse else scores
        truth = rng.random((n, classes)) < scores
        truth[0, 0], truth[1, 0] = True, False
        return truth, scores
    scores = rng.dirichlet(np.ones(classes), n)
    truth = np.array([rng.choice(classes, p=row) for row in scores])
    truth[:2] = 0, 1
    return truth, scores


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 60), st.integers(2, 4), st.booleans(), st.booleans())
def test_errors_are_those_of_the_loops(seed: int, n: int, classes: int, several: bool, coarse: bool) -> None:
    truth, scores = draw(seed, n, classes, several, coarse)
    edges = {
        "ece": [index / BINS for index in range(BINS + 1)],
        "adaptive_ece": slow.adaptive_edges(truth, scores, BINS),
    }
    problem, _ = CALIBRATION["ece"].bind(truth, scores)
    weights = np.random.default_rng(seed).integers(0, 4, problem.units).astype(float)
    weights[0] = 1.0
    for name, metric in CALIBRATION.items():
        assert measure(metric, truth, scores) == pytest.approx(slow.ece(truth, scores, np.ones(n), edges[name]))
        _, prepared = metric.bind(truth, scores)
        assert prepared(weights[None])[0] == pytest.approx(slow.ece(truth, scores, weights, edges[name]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(5, 40), st.integers(2, 4), st.booleans())
def test_proper_scores_are_those_of_the_loops(seed: int, n: int, classes: int, several: bool) -> None:
    truth, scores = draw(seed, n, classes, several)
    assert brier_score(truth, scores).mean() == pytest.approx(slow.brier(truth, scores))
    assert negative_log_likelihood(truth, scores).mean() == pytest.approx(slow.nll(truth, scores))


def test_by_hand() -> None:
    truth, scores = np.array([0, 1, 1]), np.array([[0.8, 0.2], [0.8, 0.2], [0.4, 0.6]])
    found = estimate_calibration(truth, scores, groups=None, unit_name="example")
    assert found["ece"].value == pytest.approx((abs(1.6 - 1) + abs(0.6 - 1)) / 3)
    assert found["brier"].value == pytest.approx((0.08 + 1.28 + 0.32) / 3)
    assert found["nll"].value == pytest.approx(-np.log(0.8 * 0.2 * 0.6) / 3)
    assert found["ece"].low is None  # three units


def test_honest_scores_have_almost_no_error_and_bold_ones_much() -> None:
    truth, scores = draw(0, 4000, 3, False)
    sites = [f"s{index // 40}" for index in range(4000)]
    honest = estimate_calibration(truth, scores, groups=sites, unit_name="site")
    assert honest["ece"].value < 0.03
    assert honest["adaptive_ece"].value < 0.03
    bold = scores**3 / (scores**3).sum(axis=1, keepdims=True)
    worse = estimate_calibration(truth, bold, groups=sites, unit_name="site")
    assert worse["ece"].value > 0.1
    for name in ("brier", "nll"):
        assert worse[name].low > honest[name].high  # type: ignore[operator]


def test_intervals_resample_units_and_hold_the_value() -> None:
    truth, scores = draw(1, 200, 3, False)
    apart = estimate_calibration(truth, scores, groups=None, unit_name="example")
    together = estimate_calibration(truth, scores, groups=[f"g{index // 10}" for index in range(200)], unit_name="site")
    for name, one in together.items():
        assert (one.units, one.unit_name) == (20, "site")
        assert one.value == pytest.approx(apart[name].value)
        assert one.low is not None
        assert one.high is not None
        assert one.low < one.value < one.high


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("several", [False, True])
def test_the_reliability_table_holds_every_decision_once(adaptive: bool, several: bool) -> None:
    truth, scores = draw(2, 400, 3, several)
    table = reliability(truth, scores, bins=8, adaptive=adaptive)
    said = slow.decisions(truth, scores)
    assert table["decisions"].sum() == len(said)
    for row in table.iter_rows(named=True):
        own = [(c, r) for c, r, _ in said if row["low"] < c <= row["high"]]
        assert row["decisions"] == len(own)
        assert row["confidence"] == pytest.approx(np.mean([c for c, _ in own]))
        assert row["right"] == pytest.approx(np.mean([r for _, r in own]))
        if row["units"] >= 8:
            assert row["right_low"] < row["right"] < row["right_high"]
        else:
            assert row["right_low"] is None
    if adaptive:
        assert max(table["decisions"]) - min(table["decisions"]) <= 1


def test_what_are_no_probabilities_is_refused() -> None:
    truth = np.array([0, 1])
    with pytest.raises(DataError, match="scores from -1 to 3"):
        reliability(truth, np.array([[3.0, 0.0], [-1.0, 2.0]]))
    with pytest.raises(DataError, match="do not sum to 1"):
        estimate_calibration(truth, np.array([[0.9, 0.9], [0.1, 0.9]]), groups=None, unit_name="x")
    with pytest.raises(UsageError, match="0 bins"):
        reliability(truth, np.array([[0.5, 0.5], [0.5, 0.5]]), bins=0)
    assert negative_log_likelihood(truth, np.array([[1.0, 0.0], [1.0, 0.0]])).tolist() == [0.0, -np.log(1e-15)]
