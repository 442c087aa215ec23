"""Costs by hand."""

from __future__ import annotations

import pytest

from tymbal.benchmarks.reproduce import paper_config
from tymbal.benchmarks.reproduce.cost import Facts, work
from tymbal.benchmarks.reproduce.models import MODELS, AtHand

SET = Facts("set", hours=2.0, examples=100, train=60, longest_s=10.0, labels=5, segment_s=10.0)


def test_features_of_beats_by_hand() -> None:
    found = work(AtHand(MODELS[0], "missing"), SET, paper_config())
    values = 13 * 62 * 768
    assert found.stored_gb == pytest.approx(values * 2 * 720 / 1e9)
    assert found.memory_gb == pytest.approx(2 * values * 100 * 4 / 1e9)
    assert found.encode_cpu_h == pytest.approx(0.2)
    pooled = work(AtHand(MODELS[0], "missing"), SET, paper_config(frames=16))
    assert pooled.memory_gb == pytest.approx(2 * 13 * 16 * 768 * 100 * 4 / 1e9)
    assert pooled.stored_gb == found.stored_gb


def test_fits_cost_more_with_more_examples_and_frames() -> None:
    few = work(AtHand(MODELS[0], "missing"), SET, paper_config(frames=4)).fit_cpu_h
    many = work(AtHand(MODELS[0], "missing"), SET, paper_config(frames=16)).fit_cpu_h
    assert few is not None
    assert many is not None
    assert 3.9 < many / few < 4.2
