"""Backgrounds have the spectrum, the swell, the rain and the hum that were drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import welch

from tymbal.synthesis.backgrounds import Ambience, Backgrounds, draw_ambience, render_background
from tymbal.synthesis.distributions import constant

RATE, SAMPLES = 16_000.0, 320_000
PLAIN = Ambience(0.0, (0.0,) * 8, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, False)


def render(ambience: Ambience, seed: int = 0) -> np.ndarray:
    return render_background((ambience,), SAMPLES, RATE, np.random.default_rng(seed))


def level_db(wave: np.ndarray, hertz: float) -> float:
    frequencies, power = welch(wave, RATE, nperseg=4096)
    near = (frequencies > hertz / 1.1) & (frequencies < hertz * 1.1)
    return float(10 * np.log10(power[near].mean()))


@pytest.mark.parametrize("slope", [-0.2, 0.0, 1.0, 2.0])
def test_power_falls_by_its_slope(slope: float) -> None:
    wave = render(replace(PLAIN, slope=slope))
    assert wave.dtype == np.float32
    assert np.mean(wave.astype(np.float64) ** 2) == pytest.approx(1, rel=1e-4)
    assert level_db(wave, 400) - level_db(wave, 3200) == pytest.approx(3 * 3.0103 * slope, abs=0.5)


def test_tilt_and_low_pass_bend_it() -> None:
    tilted = render(replace(PLAIN, tilt_db=(0.0,) * 7 + (12.0,)))
    assert level_db(tilted, 7500) - level_db(tilted, 1000) == pytest.approx(12, abs=1.5)
    dull = render(replace(PLAIN, low_pass=0.4))
    assert level_db(dull, 1000) - level_db(dull, 6400) == pytest.approx(24, abs=1.5)
    assert level_db(dull, 1000) - level_db(dull, 2800) == pytest.approx(0, abs=0.7)


def test_swell_wanders_by_its_decibels() -> None:
    spread = []
    for seed in range(8):
        wave = render(replace(PLAIN, swell_db=4.0, swell_hz=1.0), seed)
        power = 10 * np.log10(np.mean(wave.reshape(-1, 1600) ** 2, axis=1))
        spread.append(power.std())
    assert np.mean(spread) == pytest.approx(4.0, abs=0.6)
    assert render(replace(PLAIN, swell_db=0.0)).reshape(-1, 1600).std(axis=1).std() < 0.03


def test_rain_and_hum_have_their_power() -> None:
    dry, wet = render(PLAIN), render(replace(PLAIN, rain=15.0, rain_db=0.0))
    kurtosis = [np.mean(wave**4) / np.mean(wave**2) ** 2 for wave in (dry, wet)]
    assert kurtosis[0] == pytest.approx(3, abs=0.1)
    assert kurtosis[1] > 10
    humming = render(replace(PLAIN, hum_hz=50.0, hum_db=0.0))
    spectrum = np.abs(np.fft.rfft(humming)) ** 2
    lines = np.arange(1, 9) * 50 * SAMPLES // int(RATE)
    assert spectrum[lines].sum() / spectrum.sum() == pytest.approx(0.5, abs=0.03)
    white = np.abs(np.fft.rfft(dry)) ** 2
    assert white[lines].sum() / white.sum() < 0.001


def test_two_backgrounds_are_mixed_at_equal_power() -> None:
    blue, red = replace(PLAIN, slope=-2.0), replace(PLAIN, slope=2.0)
    both = render_background((blue, red), SAMPLES, RATE, np.random.default_rng(0))
    low, high = level_db(both, 60) - level_db(render(red), 60), level_db(both, 7000) - level_db(render(blue), 7000)
    assert (low, high) == (pytest.approx(-3, abs=0.7), pytest.approx(-3, abs=0.7))


def test_what_is_drawn_is_what_the_plan_says() -> None:
    plan = Backgrounds(slope=constant(1.5), hum=1.0, mixed=1.0, rain=constant(3.0))
    first, second = draw_ambience(plan, np.random.default_rng(0))
    assert first.slope == second.slope == 1.5
    assert first.hum_hz in (50.0, 60.0)
    assert first.rain == 3.0
    assert first.tilt_db != second.tilt_db
    assert len(draw_ambience(replace(plan, mixed=0.0), np.random.default_rng(0))) == 1
