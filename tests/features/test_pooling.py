"""Means over time bins against a loop over frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.features import bin_means

from tymbal.features.pooling import pool_event, pool_segment
from tymbal.units import FrameGrid


def values_of(frames: int, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    return np.random.default_rng(seed).normal(size=(frames, 3)).astype(np.float32)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 60), st.integers(1, 12), st.sampled_from([0.01, 0.1, 0.37]), st.integers(0, 5))
def test_segments_equal_the_slow_twin(frames: int, bins: int, hop_s: float, start: int) -> None:
    grid = FrameGrid(hop_s, start + hop_s * 0.317, hop_s)  # no centre halfway between bins: ties are not the point
    values = values_of(frames)
    width_s = frames * hop_s / bins
    pooled, bin_grid = pool_segment(values, grid, start, width_s, bins)
    members = list(zip(grid.centers_s(frames).tolist(), values.astype(np.float64), strict=True))
    expected = bin_means(members, start, start + frames * hop_s, bins)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled, expected, atol=1e-5)
    assert bin_grid.centers_s(bins) == pytest.approx([start + width_s * (i + 0.5) for i in range(bins)])
    assert bin_grid.receptive_s == pytest.approx(hop_s + width_s)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 12), st.floats(0.01, 0.99))
def test_events_equal_the_slow_twin(frames: int, bins: int, shift: float) -> None:
    centers = 0.1 * np.arange(frames)
    onset, offset = -0.1 * shift, 0.1 * (frames - shift)
    values = values_of(frames)
    pooled, mask = pool_event(values, centers, onset, offset, bins)
    assert pooled.shape == (bins, 3)
    if frames <= bins:
        assert mask.tolist() == [True] * frames + [False] * (bins - frames)
        np.testing.assert_array_equal(pooled[:frames], values)
        assert not pooled[frames:].any()
    else:
        assert mask.all()
        members = list(zip(centers.tolist(), values.astype(np.float64), strict=True))
        np.testing.assert_allclose(pooled, bin_means(members, onset, offset, bins), atol=1e-5)


def test_a_gap_is_masked_not_filled() -> None:
    centers = np.concatenate([np.arange(0, 1, 0.1), np.arange(9.05, 10, 0.1)])
    pooled, mask = pool_event(values_of(20), centers, 0.0, 10.0, 5)
    assert mask.tolist() == [True, False, False, False, True]
    assert not pooled[1:4].any()
