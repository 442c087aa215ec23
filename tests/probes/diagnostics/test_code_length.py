"""Online code length: against the slow twin, and labels with known lengths."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.probes.diagnostics.planted import CONFIG, context_of, made, row_of
from tests.reference import diagnostics as slow

from tymbal.probes.diagnostics.code_length import bits, block_ends, frequencies

N = 256
GROUPS = [f"g{row // 4:02d}" for row in range(N)]
TRUTH = np.random.default_rng(1).permutation(np.arange(N) % 4)
LABELS = [f"k{each}" for each in TRUTH]
NOISE = np.random.default_rng(0).normal(size=(N, 6))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 30))
def test_bits_are_those_of_the_slow_code(seed: int, labels: int, length: int) -> None:
    random = np.random.default_rng(seed)
    counts = random.integers(0, 3, labels)
    counts[random.integers(labels)] += 1
    scores = random.dirichlet(np.ones(labels), length) * (counts > 0)
    truth = random.integers(0, labels, length)
    expected = slow.code_length(scores.tolist(), truth.tolist(), counts.tolist())
    np.testing.assert_allclose(bits(scores, truth, counts), expected, rtol=1e-12)


def test_known_lengths() -> None:
    seen = np.array([5, 5])
    sure = np.array([[1.0, 0.0]])
    assert bits(sure, np.array([0]), seen)[0] == pytest.approx(-math.log2(10 / 11 + 1 / 22))
    assert bits(sure, np.array([1]), seen)[0] == pytest.approx(math.log2(22)), "a certain mistake, and not infinite"
    assert bits(np.array([[0.5, 0.5]]), np.array([1]), seen)[0] == pytest.approx(1.0)
    new = bits(np.tile([1.0, 0.0, 0.0], (3, 1)), np.array([2, 2, 2]), np.array([4, 0, 0]))
    np.testing.assert_allclose(new, [math.log2(4), -math.log2(0.75 * 0.75), -math.log2(2.5 / 3 * 2.5 / 3)])
    np.testing.assert_allclose(frequencies(np.array([3, 1, 0]), 0.5), [3.5 / 5, 1.5 / 5, 0.0])
    np.testing.assert_allclose(frequencies(np.array([3, 1, 0]), math.inf), [0.5, 0.5, 0.0])


def test_random_labels_take_n_log_k_bits_and_nothing_is_said_to_be_read() -> None:
    result = made("code_length", context_of({"noise": NOISE}, LABELS, groups=GROUPS))
    assert result["uniform_bits"] == pytest.approx(N * 2)
    assert result["frequency_bits"] == pytest.approx(N * 2, rel=0.05)
    row = row_of(result, probe="ridge-noise")
    assert row["bits"] == pytest.approx(N * 2, rel=0.08)
    assert row["compression"] == pytest.approx(1.0, abs=0.08)
    assert row["saved_per_example"]["low"] <= 0
    assert "Not shown to be shorter than by frequencies: ridge-noise" in result["reading"]


def test_random_labels_are_not_told_in_fewer_bits_than_evenly() -> None:
    spent = []
    for seed in range(6):
        labels = [f"k{each}" for each in np.random.default_rng(seed).permutation(TRUTH)]
        features = {"noise": np.random.default_rng(100 + seed).normal(size=(N, 6))}
        config = replace(CONFIG, orders=1, seed=seed)
        result = made("code_length", context_of(features, labels, groups=GROUPS, config=config))
        spent.append(result["rows"][0]["bits"] / result["uniform_bits"])
    assert np.mean(spent) >= 1.0, spent


def test_a_linearly_readable_label_has_a_short_code_and_one_dug_out_a_longer_one() -> None:
    plain = NOISE + 6 * np.eye(4, 6)[TRUTH]
    turn = np.linalg.qr(np.random.default_rng(2).normal(size=(66, 66)))[0]
    dug = np.hstack([NOISE[:, :6] + 2.5 * np.eye(4, 6)[TRUTH], np.random.default_rng(3).normal(size=(N, 60))]) @ turn
    result = made("code_length", context_of({"plain": plain, "dug": dug, "noise": NOISE}, LABELS, groups=GROUPS))
    lengths = {row["probe"]: row["bits"] for row in result["rows"]}
    assert lengths["ridge-plain"] < 0.25 * N * 2
    assert lengths["ridge-plain"] < 0.7 * lengths["ridge-dug"] < 0.7 * lengths["ridge-noise"]
    row = row_of(result, probe="ridge-plain")
    assert row["saved_per_example"]["low"] > 1
    assert row["bits_low"] <= row["bits"] <= row["bits_high"]
    for curve in row["curves"]:
        assert [seen for seen, _, _ in curve] == np.cumsum([0, *(count for _, count, _ in curve[:-1])]).tolist()
        assert sum(count for _, count, _ in curve) == N
        assert curve[0][2] == pytest.approx(2.0), "the first block is coded evenly"
        assert curve[-1][2] < 0.2
    total = sum(count * each for _, count, each in row["curves"][0])
    assert row["bits_low"] - 1e-6 <= total <= row["bits_high"] + 1e-6


def test_named_test_examples_have_no_part_in_it() -> None:
    folds = ["test" if row >= 200 else "validation" if row >= 160 else "train" for row in range(N)]
    values = NOISE + 6 * np.eye(4, 6)[TRUTH]
    first = made("code_length", context_of({"layer": values}, LABELS, groups=GROUPS, folds=folds))
    assert first["examples"] == 200
    values = values.copy()
    values[200:] = 99.0
    other = made("code_length", context_of({"layer": values}, LABELS, groups=GROUPS, folds=folds))
    assert other["rows"] == first["rows"]


def test_a_label_that_comes_late_costs_bits_and_not_infinitely_many() -> None:
    truth = np.where(np.arange(N) // 4 == 63, "rare", "common")  # one group holds it all
    other = np.where(np.arange(N) % 2, truth, "usual")
    result = made("code_length", context_of({"noise": NOISE}, other.tolist(), groups=GROUPS))
    assert np.isfinite(result["rows"][0]["bits"])
    alone = made("code_length", context_of({"noise": NOISE}, truth.tolist(), groups=GROUPS))
    assert alone["rows"][0]["bits"] < 80, "most blocks hold one label alone, which needs no probe"


def test_blocks_double_and_end_where_groups_end() -> None:
    assert block_ends(np.arange(1, 101), 8) == [12, 25, 50, 100]
    assert block_ends(np.array([30, 100]), 8) == [30, 100]
    assert block_ends(np.array([100]), 8) == [100], "one group: everything is coded evenly"
    one = made("code_length", context_of({"noise": NOISE}, LABELS, groups=GROUPS, config=replace(CONFIG, orders=1)))
    assert one["rows"][0]["bits_low"] == one["rows"][0]["bits_high"]
