from __future__ import annotations

import itertools

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.training import rate_factors

from tymbal.training import rate_factor


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 200), st.integers(0, 100), st.floats(0, 1))
def test_the_schedule_is_its_slow_twin(steps: int, warmup: int, fraction: float) -> None:
    warmup = min(warmup, steps - 1)
    ours = [rate_factor(step, steps, warmup, fraction) for step in range(steps)]
    np.testing.assert_allclose(ours, rate_factors(steps, warmup, fraction), atol=1e-12)


def test_it_climbs_to_one_and_ends_at_the_fraction() -> None:
    factors = [rate_factor(step, 100, 10, 0.01) for step in range(100)]
    assert factors[10] == 1.0
    assert abs(factors[-1] - 0.01) < 1e-12
    assert 0 < factors[0] < factors[5] < factors[9] < 1
    assert all(a > b for a, b in itertools.pairwise(factors[10:]))


def test_a_run_of_one_step_uses_the_full_rate() -> None:
    assert rate_factor(0, 1, 0, 0.5) == 1.0
