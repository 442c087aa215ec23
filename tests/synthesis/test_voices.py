"""Classes, their exemplars and their mutants."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.synthesis.voices_for_tests import VOICE

from tymbal.synthesis.voices import HIGHEST, Voices, draw_voice, mutate, realise

RATE = 16_000.0


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32))
def test_drawn_classes_lie_in_the_plan(seed: int) -> None:
    plan = Voices()
    voice = draw_voice(plan, np.random.default_rng(seed), RATE)
    assert voice == draw_voice(plan, np.random.default_rng(seed), RATE)
    for field in fields(voice):
        if hasattr(plan, field.name) and field.name != "syllables" and not isinstance(getattr(voice, field.name), str):
            low, high = getattr(plan, field.name).bounds
            assert low <= getattr(voice, field.name) <= high
    assert 1 <= voice.syllables <= 5
    assert 2 <= len(voice.contour) <= 6
    assert abs(sum(voice.contour)) < 1e-9
    assert all(voice.f0_hz <= formant <= HIGHEST * RATE * 1.08 for formant in voice.formants_hz)


def test_exemplars_stray_as_far_as_their_class_says() -> None:
    rng = np.random.default_rng(0)
    pitch = np.log2([realise(VOICE, rng).f0_hz / 1000 for _ in range(2000)])
    length = np.log([realise(VOICE, rng).duration_s / 0.5 for _ in range(2000)])
    assert abs(pitch.mean()) < 0.002
    assert abs(pitch.std() - 0.02) < 0.002
    assert abs(length.std() - 0.1) < 0.01
    still = replace(VOICE, jitter_octaves=0.0, jitter_duration=0.0)
    assert realise(still, rng) == still


def test_mutants_are_near_relatives_and_never_the_same() -> None:
    rng = np.random.default_rng(0)
    bent = replace(VOICE, family="trill", contour=(-0.3, 0.1, 0.2))
    found = [mutate(bent, rng, RATE) for _ in range(200)]
    assert bent not in found
    changed = [{f.name for f in fields(bent) if getattr(each, f.name) != getattr(bent, f.name)} for each in found]
    assert {frozenset(names) for names in changed} == {
        frozenset({name}) for name in ("f0_hz", "duration_s", "contour", "repeat_hz")
    }
    high = replace(VOICE, f0_hz=5000.0)
    for each in (mutate(high, rng, RATE) for _ in range(100)):
        assert each.f0_hz <= HIGHEST * RATE
        assert each != high
