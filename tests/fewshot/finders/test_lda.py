"""The discriminant on patches against loops and against the textbook."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import fewshot as slow

from tymbal.fewshot.finders import lda


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), frames=st.integers(1, 60), smooth=st.integers(1, 9))
def test_scores_are_those_of_loops(seed: int, frames: int, smooth: int) -> None:
    random = np.random.default_rng(seed)
    pixels = random.standard_normal((frames, 5)).astype(np.float32)
    offsets = np.unique(random.integers(-9, 10, 7)).astype(np.int64)
    weights = random.standard_normal((len(offsets), 5))
    model = lda.Lda(weights, offsets, 0.3, smooth, 1, 2)
    wanted = slow.linear_scores(pixels, weights, offsets, 0.3, smooth)
    np.testing.assert_allclose(model.curve(pixels), wanted, atol=1e-4)


def test_direction_is_fishers_where_nothing_is_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lda, "SHRINKAGE", 0.0)
    random = np.random.default_rng(5)
    mixing = random.standard_normal((6, 6))
    around = random.standard_normal((4000, 6)) @ mixing
    inside = random.standard_normal((3000, 6)) @ mixing + np.arange(6)
    weights, bias = lda.direction(lda.Moments.of(inside), lda.Moments.of(around))
    pooled = (np.cov(inside.T, bias=True) + np.cov(around.T, bias=True)) / 2
    fisher = np.linalg.solve(pooled, inside.mean(axis=0) - around.mean(axis=0))
    np.testing.assert_allclose(weights / np.linalg.norm(weights), fisher / np.linalg.norm(fisher), atol=1e-6)
    assert float(inside.mean(axis=0) @ weights + bias) == pytest.approx(1.0)
    assert float(around.mean(axis=0) @ weights + bias) == pytest.approx(0.0, abs=1e-9)
