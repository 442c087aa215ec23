"""Resampling: as good as soxr HQ, and the same bits wherever one begins."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from tests.reference.resample import resample as slow

from tymbal.audio import RatePlan, resample
from tymbal.audio.resample import MARGIN, TWO_STAGES, zero_beyond
from tymbal.errors import UsageError

RATES = (
    1,
    2,
    3,
    8,
    100,
    1000,
    8000,
    11025,
    16000,
    22050,
    31250,
    44099,
    44100,
    48000,
    96000,
    250000,
    312500,
    384000,
    500000,
)


def _band(samples: int, rate_hz: int, top_hz: float, *, tones: int = 30, fade: float = 0.2) -> NDArray[np.float32]:
    """Tones below 0.85 of `top_hz` / 2, faded in and out."""
    dice = np.random.default_rng(samples + rate_hz)
    time_s = np.arange(samples) / rate_hz
    x = np.zeros(samples)
    for hz in dice.uniform(0.01, 0.85, tones) * top_hz / 2:
        x += np.sin(2 * np.pi * hz * time_s + dice.uniform(0, 2 * np.pi))
    edge = max(1, int(fade * samples))
    ramp = 0.5 - 0.5 * np.cos(np.pi * np.arange(edge) / edge)
    x[:edge] *= ramp
    x[-edge:] *= ramp[::-1]
    return (0.5 * x / np.abs(x).max()).astype(np.float32)


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(44100, 16000), (48000, 16000), (16000, 48000), (44099, 16000), (16000, 44099), (256000, 22050), (7, 5), (10, 1)],
)
def test_against_the_slow_twin(from_hz: int, to_hz: int) -> None:
    samples = int(1500 * max(1, from_hz / to_hz))
    x = _band(samples, from_hz, min(from_hz, to_hz))
    ours, twin = resample(x, from_hz, to_hz), slow(x, from_hz, to_hz)
    assert len(ours) == len(twin) == -(-samples * to_hz // from_hz)
    # soxr HQ itself ripples by up to 0.01 dB (1.2e-3) in its pass band; 2e-4 was measured.
    assert np.abs(ours - twin).max() < 3e-4


@pytest.mark.parametrize(
    ("from_hz", "to_hz"),
    [(44100, 16000), (48000, 32000), (16000, 44100), (384000, 48000), (22050, 32000), (500000, 48000)],
)
def test_as_good_as_one_run_of_soxr(from_hz: int, to_hz: int) -> None:
    x = _band(max(3 * from_hz, 400_000), from_hz, min(from_hz, to_hz))
    ours, whole = resample(x, from_hz, to_hz), soxr.resample(x, from_hz, to_hz, quality="HQ")
    shared = min(len(ours), len(whole))
    assert RatePlan(from_hz, to_hz).chunk < shared // 2  # the join between chunks is inside
    assert np.abs(ours[:shared] - whole[:shared]).max() < 3e-6


def test_chunks_do_not_drift_as_one_long_run_does() -> None:
    from_hz, to_hz = 44099, 16000
    x = np.sin(2 * np.pi * 3000 * np.arange(40 * from_hz) / from_hz).astype(np.float32)
    place = np.arange(38 * to_hz, 38 * to_hz + 2000)
    truth = np.sin(2 * np.pi * 3000 * place / to_hz)
    assert np.abs(resample(x, from_hz, to_hz)[place] - truth).max() < 2e-4


@settings(max_examples=40, deadline=None)
@given(
    from_hz=st.sampled_from(RATES),
    to_hz=st.sampled_from(RATES),
    samples=st.integers(1, 3000),
    cut=st.floats(0, 1),
    length=st.integers(1, 2000),
)
def test_any_piece_is_the_slice_of_the_whole(from_hz: int, to_hz: int, samples: int, cut: float, length: int) -> None:
    if from_hz == to_hz:
        return
    plan = RatePlan(from_hz, to_hz)
    samples = min(samples, max(1, 3_000_000 * from_hz // to_hz))  # output small enough for a test
    x = np.random.default_rng(samples).uniform(-1, 1, samples).astype(np.float32)
    whole = resample(x, from_hz, to_hz)
    assert len(whole) == plan.length(samples)
    assert np.isfinite(whole).all()
    start = int(cut * (len(whole) - 1))
    numbers = range(start // plan.chunk, -(-min(start + length, len(whole)) // plan.chunk))
    fetch = zero_beyond(lambda first, end: x[first:end], samples)
    piece = np.concatenate([plan.run(number, fetch) for number in reversed(numbers)][::-1])
    skip = start - numbers[0] * plan.chunk
    np.testing.assert_array_equal(piece[skip : skip + min(length, len(whole) - start)], whole[start : start + length])


def test_the_margin_is_longer_than_the_filter() -> None:
    x = np.random.default_rng(5).uniform(-1, 1, 900_000).astype(np.float32)
    for from_hz, to_hz in ((44100, 16000), (48000, 32000), (16000, 48000), (44099, 16000)):
        plan = RatePlan(from_hz, to_hz)
        first, end = plan.span(1)
        wide = 8 * plan.down * -(-8 * MARGIN * max(1, from_hz // to_hz) // plan.down)
        wide = min(wide, first // plan.down * plan.down)
        ours = plan.run(1, lambda low, high: x[low:high])
        more = soxr.resample(x[first - wide : end + 40 * MARGIN], from_hz, to_hz, quality="HQ")
        skip = (plan.lead + wide // plan.down) * plan.up
        assert np.abs(ours - more[skip : skip + plan.chunk]).max() < 3e-6


def test_extreme_ratios_go_over_a_rate_between() -> None:
    assert RatePlan(500000, 1).middle_hz == 707
    assert RatePlan(500000, 1000).middle_hz is None
    assert TWO_STAGES == 1000
    slow_wave = np.cos(2 * np.pi * 0.2 * np.arange(400)).astype(np.float32)
    up = resample(slow_wave, 1, 4000)
    place = np.arange(150 * 4000, 250 * 4000, 997)
    assert np.abs(up[place] - np.cos(2 * np.pi * 0.2 * place / 4000)).max() < 5e-3


def test_huge_and_tiny_numbers_stay_finite() -> None:
    x = _band(20_000, 16000, 16000)
    huge = resample(x * np.float32(3e38), 16000, 44100)
    assert np.isfinite(huge).all()
    assert np.abs(huge / 3e38 - resample(x, 16000, 44100)).max() < 1e-5
    assert np.isfinite(resample(x * np.float32(1e-40), 16000, 44100)).all()
    assert not resample(np.zeros(5000, np.float32), 16000, 44100).any()


def test_edges_and_refusals() -> None:
    assert resample(np.zeros(0, np.float32), 16000, 8000).shape == (0,)
    assert len(resample(np.ones(1, np.float32), 16000, 1)) == 1  # no sound is lost, however short
    np.testing.assert_array_equal(resample(np.arange(5, dtype=np.float32), 3, 3), np.arange(5))
    with pytest.raises(UsageError, match="to_hz is 0"):
        resample(np.ones(4, np.float32), 16000, 0)
    with pytest.raises(UsageError, match="one channel"):
        resample(np.ones((4, 2), np.float32), 16000, 8000)
