"""Thresholds and the choice between finders."""

from __future__ import annotations

import numpy as np
import pytest

from tymbal.fewshot.calibrate import LEAST_WAY, LEVEL, Calibration, Choice, Sample, calibrated, iou, pick, weighted


def samples(found: list[float], false: list[float], ground: float = 0.0) -> list[Sample]:
    return [Sample((each,), tuple(false), ground) for each in found]


def test_the_threshold_lies_between_what_is_apart() -> None:
    made = calibrated(samples([0.9, 0.95, 1.0, 0.92, 0.97], [0.5, 0.45, 0.3]))
    assert 0.5 < made.threshold < 0.9
    assert made.f1 > 0.85
    odds = made.odds(np.array([made.threshold, 0.95]))
    assert odds[0] == pytest.approx(0.0)
    assert odds[1] == pytest.approx(LEVEL)


def test_without_false_boxes_the_threshold_keeps_away_from_the_ground() -> None:
    made = calibrated(samples([1.0, 1.0, 1.0], [], ground=0.2))
    assert made.threshold >= 0.2 + LEAST_WAY * 0.8 - 1e-9


def test_where_nothing_is_apart_few_boxes_are_told_of_rather_than_all() -> None:
    false = np.random.default_rng(0).normal(0.5, 0.1, 500)
    made = calibrated(samples([0.5, 0.45, 0.55, 0.6, 0.4], false.tolist()))
    assert (false > made.threshold).sum() < 5
    assert made.f1 < 0.5


def test_examples_that_are_never_found_give_no_events() -> None:
    made = calibrated(samples([-np.inf, -np.inf], [0.4, 0.7]))
    assert made.threshold > 0.7
    assert made.f1 == 0.0


def test_one_example_is_calibrated_by_itself_and_the_ground() -> None:
    made = calibrated(samples([1.0], [0.99, 0.98], ground=0.1))
    assert 0.4 < made.threshold < 0.8


def test_a_fusion_is_kept_unless_one_is_far_better() -> None:
    def option(f1: float, *names: str) -> Choice:
        each = Calibration(0.0, 1.0, f1)
        return Choice(names, (1 / len(names),) * len(names), (each,) * len(names), each, ())

    single, fused = option(0.9, "ncc"), option(0.85, "ncc", "lda")
    assert pick([single, option(0.2, "lda"), fused]) is fused
    assert pick([single, option(0.2, "lda"), option(0.5, "ncc", "lda")]) is single


def test_iou_and_weighted_sums() -> None:
    found = iou(10, 20, np.array([10, 15, 20, 0]), np.array([20, 25, 30, 40]))
    np.testing.assert_allclose(found, [1.0, 5 / 15, 0.0, 0.25])
    each = Calibration(0.0, LEVEL, 1.0)
    total = weighted(np.array([[1.0, 3.0], [100.0, -100.0]]), [each, each], [0.5, 0.5])
    np.testing.assert_allclose(total, [2.0, 0.5 * (1.5 - 3) * LEVEL])  # one that is sure does not outvote the other
