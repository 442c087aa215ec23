"""What each family is known by, measured on the sound."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.reference import synthesis as slow
from tests.synthesis.voices_for_tests import VOICE

from tymbal.synthesis.families import RENDERERS, renderer
from tymbal.synthesis.families.harmonic import filter_db
from tymbal.synthesis.voices import WEIGHTS, Voice

RATE = 16_000.0
SECOND = 16_000


def sound(voice: Voice, samples: int = SECOND, seed: int = 0) -> np.ndarray:
    return renderer(voice.family)(voice, samples, RATE, np.random.default_rng(seed))


def rate_of_bursts(wave: np.ndarray) -> float:
    """The strongest rate (Hz) above 3 Hz in the smoothed power."""
    power = np.convolve(wave**2, np.ones(32) / 32, mode="same")
    spectrum = np.abs(np.fft.rfft(power - power.mean()))
    return float((3 + np.argmax(spectrum[3:])) * RATE / len(wave))


@pytest.mark.parametrize("family", RENDERERS)
@pytest.mark.parametrize("samples", [32, 100, SECOND])
def test_every_family_renders_any_length_alike_again(family: str, samples: int) -> None:
    voice = replace(VOICE, family=family)
    wave = sound(voice, samples)
    assert wave.shape == (samples,)
    assert wave.dtype == np.float32
    assert np.isfinite(wave).all()
    assert np.any(wave)
    assert wave.tobytes() == sound(voice, samples).tobytes()
    assert samples < SECOND or wave.tobytes() != sound(voice, samples, seed=1).tobytes()


def test_the_default_weights_are_those_of_all_families() -> None:
    assert set(WEIGHTS) == set(RENDERERS)
    assert sum(WEIGHTS.values()) == pytest.approx(1)


def test_a_tone_follows_its_contour() -> None:
    wave = sound(replace(VOICE, contour=(-0.5, 0.5)))
    for part, place in ((slice(1000, 3000), 2000 / SECOND), (slice(13_000, 15_000), 14_000 / SECOND)):
        spectrum = np.abs(np.fft.rfft(wave[part] * np.hanning(2000)))
        assert np.argmax(spectrum) * RATE / 2000 == pytest.approx(1000 * 2 ** (place - 0.5), rel=0.02)


def test_harmonics_lie_at_multiples_with_the_levels_of_source_and_filter() -> None:
    voice = replace(VOICE, family="harmonic", f0_hz=400.0)
    spectrum = np.abs(np.fft.rfft(sound(voice)[2000:14_000] * np.hanning(12_000)))
    numbers = np.arange(1, 15)
    bins = np.round(numbers * 400 * 12_000 / RATE).astype(int)
    level = 20 * np.log10([spectrum[at - 3 : at + 4].max() for at in bins])
    asked = -6.0 * np.log2(numbers) + filter_db(voice, numbers * 400.0)
    np.testing.assert_allclose(level - level[0], asked - asked[0], atol=0.3)
    between = spectrum[(bins[:-1] + bins[1:]) // 2].max()
    assert 20 * np.log10(between / spectrum.max()) < -80
    assert 1 - slow.share_below(sound(voice), RATE, 0.45 * RATE + 50) < 1e-7


@pytest.mark.parametrize("family", ["trill", "pulses"])
def test_elements_repeat_at_their_rate(family: str) -> None:
    assert rate_of_bursts(sound(replace(VOICE, family=family))) == pytest.approx(20, abs=1.5)


def test_a_buzz_beats_three_times_as_fast() -> None:
    assert rate_of_bursts(sound(replace(VOICE, family="buzz"))) == pytest.approx(60, abs=1.5)


def test_noise_is_a_band_and_a_click_is_over_at_once() -> None:
    wave = sound(replace(VOICE, family="noise"))
    assert slow.share_below(wave, RATE, 1000 * 2**0.26) - slow.share_below(wave, RATE, 1000 * 2**-0.26) > 0.99
    click = sound(replace(VOICE, family="click"))
    assert np.abs(click[round(7 * 0.002 * RATE) + 8 :]).max() == 0
    assert np.sum(click[:64] ** 2) > 0.5 * np.sum(click**2)
