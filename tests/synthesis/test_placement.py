"""Where calls are put."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import synthesis as slow

from tymbal.errors import DataError
from tymbal.synthesis.distributions import constant
from tymbal.synthesis.placement import LEAST_SHARE, TIMINGS, Calls, steered, timed

lengths_of = st.lists(st.integers(1, 900), min_size=0, max_size=30)


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(sorted(TIMINGS)), lengths_of, st.integers(0, 10**6), st.sampled_from([0.0, 0.5, 1.0]))
def test_calls_lie_in_the_scene_or_are_cut_by_its_edge(timing: str, lengths: list[int], seed: int, edge: float) -> None:
    each, total = np.array(lengths, dtype=np.int64), 1000
    starts = timed(timing, each, total, 100.0, Calls(edge=edge), np.random.default_rng(seed))
    assert starts.shape == each.shape
    assert starts.dtype == np.int64
    inside = np.minimum(starts + each, total) - np.maximum(starts, 0)
    assert (inside >= LEAST_SHARE * each).all()
    if edge == 0:
        assert (inside == each).all()


def test_chance_is_even_over_the_scene_and_beats_are_even_in_time() -> None:
    short = np.ones(3000, dtype=np.int64)
    starts = timed("chance", short, 1000, 100.0, Calls(), np.random.default_rng(0))
    assert np.histogram(starts, 10, (0, 1000))[0].min() > 240
    beat = Calls(uneven=constant(0.0), edge=0.0)
    starts = np.sort(timed("even", np.ones(10, dtype=np.int64), 1000, 100.0, beat, np.random.default_rng(1)))
    assert set(np.diff(starts).tolist()) <= {99, 100, 101}
    bouts = Calls(gap_s=constant(0.5), edge=0.0)
    starts = timed("bouts", np.full(3, 20, dtype=np.int64), 10_000, 100.0, bouts, np.random.default_rng(2))
    assert np.diff(starts).tolist() == [70, 70]


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(5, 60), min_size=2, max_size=25),
    st.floats(0.0, 1.5),
    st.integers(0, 10**6),
)
def test_steering_meets_the_ratio_or_says_that_it_cannot(lengths: list[int], ratio: float, seed: int) -> None:
    each = np.array(lengths, dtype=np.int64)
    try:
        starts = steered(each, 6000, ratio, np.random.default_rng(seed))
    except DataError:
        assert ratio * len(lengths) > 0.25 * len(lengths) * (len(lengths) - 1) / 2  # few calls, many pairs
        return
    spans = [(int(start), int(start + length)) for start, length in zip(starts, each, strict=True)]
    assert slow.overlapping_pairs(spans) == int(np.floor(ratio * len(lengths) + 0.5))
    assert starts.min() >= 0
    assert (starts + each).max() <= 6000


def test_steering_refuses_what_no_placement_can_give() -> None:
    rng = np.random.default_rng(0)
    for lengths, ratio in (([10, 10], 2.0), ([2000], 0.0), ([600, 600], 0.0)):
        with pytest.raises(DataError, match="overlap ratio"):
            steered(np.array(lengths), 1000, ratio, rng)
    assert steered(np.array([], dtype=np.int64), 1000, 1.0, rng).shape == (0,)
