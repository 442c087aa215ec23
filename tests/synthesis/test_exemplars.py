"""Exemplars are cut to their audible extent and know their band."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.reference import synthesis as slow
from tests.synthesis.voices_for_tests import VOICE

from tymbal.synthesis.exemplars import AUDIBLE_DB, VoiceSource, audible, band, crop, cut, render_voice

RATE = 16_000.0


@settings(max_examples=60, deadline=None)
@given(arrays(np.float32, st.integers(20, 200), elements=st.floats(-1, 1, width=32)), st.integers(1, 32))
def test_the_audible_extent_equals_a_look_at_every_window(wave: np.ndarray, window: int) -> None:
    wave[7] += 2.0  # never silent
    wave[np.abs(wave) < 1e-3] = 0.0  # float64 sums of what is far below float32's own rounding may differ
    assert audible(wave, window) == slow.audible(wave, window, AUDIBLE_DB)


def test_syllables_and_gaps_fill_the_duration() -> None:
    voice = replace(VOICE, syllables=3, gap=0.5, duration_s=0.4)
    wave = render_voice(voice, RATE, np.random.default_rng(0))
    assert len(wave) == pytest.approx(0.4 * RATE, abs=3)
    length = round(0.4 * RATE / 4)
    for number in range(2):
        gap = wave[round(number * 1.5 * length) + length + 2 : round((number + 1) * 1.5 * length) - 2]
        assert len(gap) > 100
        assert not gap.any()
    assert len(render_voice(replace(voice, duration_s=0.005), RATE, np.random.default_rng(0))) < 200


def test_an_exemplar_has_unit_power_and_its_band() -> None:
    found = VoiceSource(VOICE, RATE).exemplar(np.random.default_rng(0))
    assert np.mean(found.samples.astype(np.float64) ** 2) == pytest.approx(1, rel=1e-5)
    assert found.low_hz < 1000 < found.high_hz
    assert found.high_hz - found.low_hz < 150
    again = VoiceSource(VOICE, RATE).exemplar(np.random.default_rng(0))
    assert again.samples.tobytes() == found.samples.tobytes()
    low, high = band(found.samples, RATE)
    assert slow.share_below(found.samples, RATE, low) <= 0.01
    assert slow.share_below(found.samples, RATE, high) >= 0.99


def test_cropping_keeps_what_is_inside_and_cuts_to_its_sound_again() -> None:
    quiet = np.zeros(1000, dtype=np.float32)
    tone = np.sin(np.arange(2000) * 0.5).astype(np.float32)
    whole = cut(np.concatenate([tone, quiet, tone]), RATE)
    same, at = crop(whole, -50, 10_000, RATE)
    assert (same, at) == (whole, 0)
    part, at = crop(whole, 2500, 10_000, RATE)
    assert at == pytest.approx(3000, abs=16)
    assert len(part.samples) == pytest.approx(2000, abs=16)
    assert np.mean(part.samples**2) == pytest.approx(1, rel=1e-4)
    part, at = crop(whole, 0, 2600, RATE)
    assert at == 0
    assert len(part.samples) == pytest.approx(2000, abs=16)
