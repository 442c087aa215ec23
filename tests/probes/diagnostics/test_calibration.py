"""Calibration summary: probes too sure, too unsure and about right, and what one temperature does."""

from __future__ import annotations

import numpy as np
import pytest
from tests.probes.diagnostics.planted import CONFIG, context_of, made, row_of

from tymbal.probes.diagnostics import calibration, risk
from tymbal.probes.diagnostics.base import Found
from tymbal.probes.study.fits import FitResult

N = 1600
GROUPS = [f"g{row // 4:03d}" for row in range(N)]
RANDOM = np.random.default_rng(0)
HONEST = RANDOM.dirichlet([0.6, 0.6, 0.6], N)
TRUTH = np.array([RANDOM.choice(3, p=row) for row in HONEST])  # drawn by these very probabilities


def concluded(scores: np.ndarray) -> dict:
    """As if every fit had given these scores to its examples."""
    context = context_of({"layer": HONEST}, [f"k{each}" for each in TRUTH], groups=GROUPS, config=CONFIG)
    asked = risk.plan(context)
    found: Found = {fit: FitResult(scores[list(fit.test)].astype(np.float32), {}) for fit in context.book.fits.values()}
    return row_of(calibration.conclude(context, asked, found), probe="ridge-layer")


def test_scores_that_are_the_truth_are_honest_and_stay_so() -> None:
    row = concluded(HONEST)
    assert row["before"]["ece"]["value"] < 0.05
    assert row["before"]["overconfidence"]["low"] <= 0 <= row["before"]["overconfidence"]["high"]
    assert list(row["temperatures"].values()) == pytest.approx([1.0] * 4, abs=0.15)
    assert row["nll_gain"]["value"] == pytest.approx(0.0, abs=0.01)


@pytest.mark.parametrize(("factor", "kind"), [(3.0, "over"), (0.4, "under")])
def test_one_temperature_undoes_one_factor(factor: float, kind: str) -> None:
    raised = HONEST**factor
    row = concluded(raised / raised.sum(axis=1, keepdims=True))
    assert list(row["temperatures"].values()) == pytest.approx([factor] * 4, rel=0.15)
    assert row["nll_gain"]["low"] > 0
    assert row["after"]["ece"]["value"] < 0.6 * row["before"]["ece"]["value"]
    assert calibration._sure(row) == kind
    shown = row["before"]["overconfidence"]
    assert shown["low"] > 0 if kind == "over" else shown["high"] < 0


def test_the_temperature_comes_from_training_folds_alone() -> None:
    first = concluded(HONEST)
    context = context_of({"layer": HONEST}, [f"k{each}" for each in TRUTH], groups=GROUPS, config=CONFIG)
    asked = risk.plan(context)
    found: Found = {}
    for fit in context.book.fits.values():
        scores = HONEST[list(fit.test)].astype(np.float32)
        if fit.part == "whole":
            scores = np.roll(scores, 1, axis=1)  # whatever happens on test examples
        found[fit] = FitResult(scores, {})
    other = row_of(calibration.conclude(context, asked, found), probe="ridge-layer")
    assert other["temperatures"] == first["temperatures"]
    assert other["before"]["nll"]["value"] > first["before"]["nll"]["value"]


def test_a_real_probe_is_summarised_with_bins_and_units() -> None:
    values = np.log(HONEST + 1e-3) + 0.1 * RANDOM.normal(size=(N, 3))
    result = made("calibration", context_of({"layer": values}, [f"k{each}" for each in TRUTH], groups=GROUPS))
    row = row_of(result, probe="ridge-layer")
    assert sum(each["decisions"] for each in row["bins"]) == N
    assert row["before"]["brier"]["units"] == 400
    assert result["reading"].startswith("Most honest as it is: ridge-layer, log loss ")
