"""Control grids brought to samples equal what plain formulas give at every sample."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import synthesis as slow
from tests.synthesis.voices_for_tests import VOICE

from tymbal.synthesis.families import shapes

RATE = 16_000.0


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8), st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_contours_are_natural_cubic_splines(knots: list[float], places: list[float]) -> None:
    fast = shapes.smooth_contour(tuple(knots), np.array(places))
    np.testing.assert_allclose(fast, slow.spline(knots, np.array(places)), atol=2e-4)


@pytest.mark.parametrize("samples", [1, 15, 16, 17, 1000])
def test_lines_between_control_points(samples: int) -> None:
    control = np.random.default_rng(samples).standard_normal((2, shapes.control_points(samples)))
    fast = shapes.to_samples(control, samples)
    assert fast.shape == (2, samples)
    for row, line in zip(control, fast, strict=True):
        np.testing.assert_allclose(line, slow.between(row, shapes.STEP, samples), atol=1e-12)


def test_phase_is_the_running_sum_of_cycles() -> None:
    frequency = np.random.default_rng(0).uniform(50, 7000, 40_000)
    fast = shapes.phase(frequency, RATE, np.random.default_rng(5))
    plain = slow.phase(frequency, RATE, np.random.default_rng(5).random())
    np.testing.assert_allclose(np.sin(fast), np.sin(plain), atol=2e-6)


def test_frequency_stays_below_what_the_rate_carries() -> None:
    voice = replace(VOICE, f0_hz=7000.0, contour=(-2.0, 2.0), vibrato_octaves=0.5)
    points = np.linspace(0, 1, 200)
    found = shapes.frequency(voice, points, points, RATE, np.random.default_rng(0))
    assert found.max() == 0.45 * RATE
    assert found.min() > 0


def test_envelopes_rise_and_fall_within_their_shares() -> None:
    shape = shapes.envelope(replace(VOICE, attack=0.1, release=0.3), 1000, RATE)
    assert shape.dtype == np.float32
    assert (np.diff(shape[:100]) > 0).all()
    assert (shape[100:700] == 1).all()
    assert (np.diff(shape[700:]) < 0).all()
    assert len(shapes.envelope(VOICE, 3, RATE)) == 3


def test_tremble_goes_from_one_minus_depth_to_one() -> None:
    wave = shapes.tremble(replace(VOICE, am_depth=0.6, am_hz=20.0), 16_000, RATE, np.random.default_rng(0))
    assert np.min(wave) == pytest.approx(0.4, abs=1e-3)
    assert np.max(wave) == pytest.approx(1.0, abs=1e-3)
    assert shapes.tremble(replace(VOICE, am_depth=0.0), 100, RATE, np.random.default_rng(0)) == 1.0


def test_noise_stays_in_its_band_at_unit_power() -> None:
    wave = shapes.noise_band(2000.0, 1.0, 16_000, RATE, np.random.default_rng(0))
    assert np.mean(wave**2) == pytest.approx(1, rel=1e-4)
    inside = slow.share_below(wave, RATE, 2000 * math.sqrt(2)) - slow.share_below(wave, RATE, 2000 / math.sqrt(2))
    assert inside > 0.999
    assert np.isfinite(shapes.noise_band(50.0, 0.1, 20, RATE, np.random.default_rng(0))).all()
