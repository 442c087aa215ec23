"""Risk decomposition: terms with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from tests.probes.diagnostics.planted import CONFIG, context_of, made, row_of, with_probe
from tests.reference import diagnostics as slow

from tymbal.evaluation import Judged
from tymbal.probes.diagnostics.base import DiagnosticWork
from tymbal.probes.diagnostics.risk import TERMS, decompose, gather, plan

N = 160
LABELS = [f"k{row % 2}" for row in range(N)]
TRUTH = np.arange(N) % 2
GROUPS = [f"g{row // 4:02d}" for row in range(N)]


def noise(seed: int, dim: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(N, dim))


def carrying(seed: int, strength: float = 4.0) -> np.ndarray:
    return noise(seed, 4) + strength * TRUTH[:, None] * np.array([1.0, 0, 0, 0])


def test_the_terms_are_those_of_the_slow_twin_and_sum_to_the_test_error() -> None:
    context = context_of({"weak": carrying(0, 1.0), "noise": noise(1, 30)}, LABELS, groups=GROUPS)
    result = made("risk", context)
    asked, found = plan(context), {}
    work = DiagnosticWork(context.task.examples, context.reference, GROUPS, context.task.labels, {})
    work.prepare()
    for fit in context.book.fits.values():
        found[fit] = work(fit).value
    for probe in context.probes:
        parts = gather(context, asked[probe], found)[:3]
        expected = slow.risk(*((part.truth, part.scores.argmax(axis=1)) for part in parts))
        row = row_of(result, probe=probe)
        for name, value in expected.items():
            assert row[name]["value"] == pytest.approx(value)
        assert sum(row[term]["value"] for term in TERMS) == pytest.approx(row["test_error"]["value"])
        assert [len(part.rows) for part in parts] == [3 * N, 3 * N, N], "each row trained on, and held out, thrice"
        assert row["test_error"]["units"] == 40


def test_known_answers_of_the_terms() -> None:
    units = [f"u{row // 2}" for row in range(20)]
    right, truth = np.arange(20) % 2, np.arange(20) % 2

    def wrong(count: int) -> Judged:
        return Judged(truth, np.where(np.arange(20) < count, 1 - right, right), units)

    terms = decompose("accuracy", (wrong(1), wrong(4), wrong(10)), "unit")
    shown = {name: term["value"] for name, term in terms.items()}
    assert shown == pytest.approx({"test_error": 0.5, "underfit": 0.05, "probe_gap": 0.15, "encoder_gap": 0.3})


def test_a_probe_too_small_for_its_layer_underfits() -> None:
    signs = np.random.default_rng(3).choice([-1.0, 1.0], size=(N, 2))
    labels = [f"k{int(a * b > 0)}" for a, b in signs]  # exclusive or: no line parts them, their product does
    layers = {"factors": signs + 0.1 * noise(4, 2), "product": signs.prod(axis=1, keepdims=True) + 0.1 * noise(5, 1)}
    result = made("risk", context_of(layers, labels, groups=GROUPS))
    small, enough = row_of(result, probe="ridge-factors"), row_of(result, probe="ridge-product")
    assert small["largest"] == "underfit"
    assert small["underfit"]["low"] > 0.25
    assert abs(small["encoder_gap"]["value"]) < 0.15
    assert enough["test_error"]["value"] < 0.02
    larger = made("risk", context_of(layers, labels, groups=GROUPS, config=with_probe("knn")))
    assert row_of(larger, probe="knn-factors")["test_error"]["value"] < 0.02, "a larger head mends it, as it is said"


def test_many_values_and_few_examples_are_a_probe_gap() -> None:
    loose = with_probe("ridge", options={"low": -4.0, "high": -4.0, "steps": 1})
    layers = {"wide": np.hstack([carrying(6, 0.8), noise(7, 400)])}
    result = made("risk", context_of(layers, LABELS, groups=GROUPS, config=loose))
    row = row_of(result, probe="ridge-wide")
    assert row["largest"] == "probe_gap"
    assert row["probe_gap"]["low"] > 0.1
    assert row["underfit"]["value"] < 0.15


def test_an_encoder_that_knows_the_training_recordings_by_heart_is_an_encoder_gap() -> None:
    """One named test fold: the layer carries the label of training recordings and nothing of the test ones."""
    folds = ["test" if row >= 112 else "train" for row in range(N)]
    inside = np.array([fold == "train" for fold in folds])
    layers = {"by_heart": np.where(inside[:, None], carrying(8), noise(9, 4)), "honest": carrying(10)}
    result = made("risk", context_of(layers, LABELS, groups=GROUPS, folds=folds))
    row = row_of(result, probe="ridge-by_heart")
    assert row["largest"] == "encoder_gap"
    assert row["encoder_gap"]["low"] > 0.2
    assert row["underfit"]["value"] < 0.05
    assert row["no_better_than_guessing"]
    assert row["encoder_gap"]["units"] == 12, "the side with fewer units"
    honest = row_of(result, probe="ridge-honest")
    assert honest["encoder_gap"]["low"] <= 0 <= honest["encoder_gap"]["high"]
    assert not honest["no_better_than_guessing"]


def test_a_layer_with_nothing_is_no_better_than_guessing_and_no_encoder_gap() -> None:
    result = made("risk", context_of({"nothing": noise(11, 3), "label": carrying(12)}, LABELS, groups=GROUPS))
    row = row_of(result, probe="ridge-nothing")
    assert row["no_better_than_guessing"]
    assert row["guessing_error"] == pytest.approx(0.5)
    assert row["encoder_gap"]["low"] <= 0 <= row["encoder_gap"]["high"]
    assert "ridge-nothing" in result["reading"].split("Guessing is not beaten beyond doubt by")[1]


def test_below_eight_units_there_are_values_without_intervals() -> None:
    groups = [f"g{row // 40}" for row in range(N)]
    result = made("risk", context_of({"label": carrying(13)}, LABELS, groups=groups, config=CONFIG))
    row = row_of(result, probe="ridge-label")
    assert row["test_error"]["units"] == 4
    assert all(row[term]["low"] is None for term in TERMS)
    assert "Test error 0.0" in row["reading"]
