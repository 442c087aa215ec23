"""The reservoir and the refit."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tymbal.fewshot.finders import transductive
from tymbal.fewshot.finders.lda import Moments


@settings(max_examples=40, deadline=None)
@given(sizes=st.lists(st.integers(0, 40), max_size=12), most=st.integers(2, 30))
def test_the_reservoir_is_bounded_and_thinned_evenly(sizes: list[int], most: int) -> None:
    held = transductive.Reservoir(most)
    number = 0
    for size in sizes:
        pixels = np.arange(number, number + size, dtype=np.float32)[:, None]
        held.add(pixels, np.arange(size), np.array([0]))
        number += size
    rows = held.rows()
    assert len(rows) <= most
    if number:
        kept = rows[:, 0]
        assert kept[0] == 0
        assert len(set(np.diff(kept))) <= 1, "every n-th of all"
        assert len(kept) == number or len(kept) > most // 2 - 1


def test_joined_moments_are_those_of_all_rows() -> None:
    random = np.random.default_rng(0)
    first, second = random.standard_normal((50, 3)), random.standard_normal((50, 3)) + 2
    both = Moments.of(np.concatenate([first, second]))
    found = transductive.joined(Moments.of(first), 50, second)
    np.testing.assert_allclose(found.mean, both.mean)
    np.testing.assert_allclose(found.covariance, both.covariance)
