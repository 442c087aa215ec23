from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tymbal.synthesis.mixtures.mixing import overlap_of
from tymbal.synthesis.mixtures.steering import pairs_at, steer

Rows = list[tuple[int, int]]
SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8)), min_size=1, max_size=6)


def spans(rows: Rows) -> NDArray[np.int64]:
    return np.array([(onset, onset + length) for onset, length in rows], dtype=np.int64)


@given(SPANS, SPANS, st.lists(st.integers(-40, 40), min_size=1, max_size=5))
def test_pairs_are_those_found_one_by_one(
    a: list[tuple[int, int]], b: list[tuple[int, int]], delays: list[int]
) -> None:
    first, second = spans(a), spans(b)
    slow = [sum(on < f + d and o + d < off for on, off in first for o, f in second) for d in delays]
    assert pairs_at(first, second)(np.array(delays)).tolist() == slow


@pytest.mark.parametrize("recordings", [2, 4])
@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.6])
def test_the_ratio_is_reached_and_the_mixture_starts_at_0(ratio: float, recordings: int) -> None:
    rng = np.random.default_rng(1)
    rate = 1000
    made = [spans([(at * 300 + int(rng.integers(60)), 200) for at in range(20)]) for _ in range(recordings)]
    starts = steer(made, [6200] * recordings, ratio, rate, np.random.default_rng(0))
    assert starts.min() == 0
    assert overlap_of(made, starts) == pytest.approx(ratio, abs=0.5 / (20 * recordings))
    again = steer(made, [6200] * recordings, ratio, rate, np.random.default_rng(0))
    np.testing.assert_array_equal(starts, again)


def test_what_is_out_of_reach_comes_as_near_as_it_can() -> None:
    lone = [spans([(100, 50)]), spans([(10, 50)])]
    starts = steer(lone, [1000, 1000], 5.0, 1000, np.random.default_rng(0))
    assert overlap_of(lone, starts) == 0.5
