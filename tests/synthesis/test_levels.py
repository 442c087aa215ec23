"""The power of a band over a stretch equals that of a filter over everything."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.reference import synthesis as slow

from tymbal.synthesis.levels import NARROWEST_OCTAVES, BandPower, call_gain, measured_band, measured_span

RATE = 16_000.0


@pytest.fixture(scope="module")
def noise() -> np.ndarray:
    """Red noise, 5 s, as steep as plans make it."""
    white = np.random.default_rng(0).standard_normal(80_000)
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.arange(1, len(spectrum)) ** 1.1
    return np.fft.irfft(spectrum, 80_000).astype(np.float32)


def chances_apart(fast: float, sound: np.ndarray, low_hz: float, high_hz: float, start: int, stop: int) -> float:
    """How far from the brick wall, in standard errors of noise power: 1 / sqrt(bandwidth times duration) of itself.

    Both take whole bins of other widths for the band. That moves the power of few degrees of freedom by some of its
    chance, and a stretch that happens to be quiet by as much as any other, so that the band's mean is its measure.
    """
    power = slow.mirrored_band(sound, low_hz, high_hz, RATE) ** 2
    plain = power[start:stop].mean()
    return abs(fast - plain) / max(plain, power.mean()) * np.sqrt((high_hz - low_hz) * (stop - start) / RATE)


@settings(max_examples=60, deadline=None)
@given(
    st.floats(30, 6000),
    st.floats(0.34, 4),
    st.integers(0, 75_000),
    st.integers(4000, 40_000),
)
def test_band_power_equals_the_brick_wall(
    noise: np.ndarray, low_hz: float, octaves: float, start: int, count: int
) -> None:
    high_hz = min(low_hz * 2**octaves, 8000.0)
    start, stop = measured_span(start, min(start + count, 80_000), 80_000, RATE)
    fast = BandPower(noise, RATE)(low_hz, high_hz, start, stop)
    assert chances_apart(fast, noise, low_hz, high_hz, start, stop) < 1.0


@settings(max_examples=12, deadline=None)
@given(st.floats(100, 6000), st.floats(0.34, 4), st.integers(0, 450_000), st.integers(4000, 100_000))
@example(100.0, 1.0, 0, 4000)  # where the cut end of a block once rang
def test_blocks_of_a_long_background_give_the_same(low_hz: float, octaves: float, start: int, count: int) -> None:
    red = np.cumsum(np.random.default_rng(0).standard_normal(480_000))
    red = (red - np.linspace(red[0], red[-1], 480_000)).astype(np.float32)
    high_hz, stop = min(low_hz * 2**octaves, 8000.0), min(start + count, 479_000)
    start, stop = measured_span(start, stop, 480_000, RATE)
    power = BandPower(red, RATE)
    assert chances_apart(power(low_hz, high_hz, start, stop), red, low_hz, high_hz, start, stop) < 0.3
    assert len(power._spectra) <= 4


def test_bands_are_widened_to_a_third_of_an_octave_and_spans_to_a_quarter_second() -> None:
    low, high = measured_band(1000, 1001, RATE)
    assert np.log2(high / low) == pytest.approx(NARROWEST_OCTAVES)
    assert np.sqrt(low * high) == pytest.approx(np.sqrt(1000 * 1001))
    assert measured_band(1000, 4000, RATE) == (1000, 4000)
    assert measured_band(7900, 8000, RATE)[1] == 8000
    assert measured_span(8000, 8100, 80_000, RATE) == (6050, 10_050)
    assert measured_span(0, 100, 80_000, RATE) == (0, 4000)
    assert measured_span(79_900, 80_000, 80_000, RATE) == (76_000, 80_000)
    assert measured_span(100, 200, 1000, RATE) == (0, 1000)


def test_gain_sets_the_ratio() -> None:
    call = np.random.default_rng(1).standard_normal(500).astype(np.float32)
    louder = call * call_gain(call, 13.0, 0.02)
    assert 10 * np.log10(np.mean(louder**2) / 0.02) == pytest.approx(13.0, abs=1e-4)
