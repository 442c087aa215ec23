"""Rooms leave onsets where they are and add the echoes that were drawn."""

from __future__ import annotations

import importlib.util

import numpy as np
import pytest

from tymbal.synthesis.distributions import constant
from tymbal.synthesis.rooms import Rooms, draw_response, exponential, place_in_room, shoebox

RATE = 16_000.0


def test_the_tail_falls_and_has_its_share() -> None:
    responses = [exponential(0.5, 6.0, 0.01, RATE, np.random.default_rng(seed)) for seed in range(40)]
    for response in responses:
        assert response[0] == 1.0
        assert not response[1:160].any()
        assert 10 * np.log10(np.sum(response[1:].astype(np.float64) ** 2)) == pytest.approx(-6.0, abs=0.01)
    power = np.mean([response[161:] ** 2 for response in responses], axis=0)
    early, late = power[:400].mean(), power[4000:4400].mean()
    assert 10 * np.log10(early / late) == pytest.approx(60 * (4000 / RATE) / 0.5, abs=2.5)  # and the highs die first


def test_placing_is_convolution() -> None:
    rng = np.random.default_rng(0)
    call, response = rng.standard_normal(700).astype(np.float32), exponential(0.1, 3.0, 0.002, RATE, rng)
    wet = place_in_room(call, response)
    np.testing.assert_allclose(wet, np.convolve(call.astype(np.float64), response), atol=1e-4)
    assert place_in_room(call, None) is call


def test_kinds_are_drawn_by_weight() -> None:
    assert draw_response(Rooms(kinds={"none": 1.0}), RATE, np.random.default_rng(0)) is None
    found = draw_response(Rooms(kinds={"exponential": 1.0}, decay_s=constant(0.3)), RATE, np.random.default_rng(0))
    assert found is not None
    assert len(found) == pytest.approx(0.2 * RATE, rel=0.2)


@pytest.mark.skipif(importlib.util.find_spec("pyroomacoustics") is None, reason="the extra `rooms` is not installed")
def test_simulated_halls_begin_with_the_direct_sound() -> None:
    for number in range(6):
        response = shoebox(number, 16_000)
        assert response[0] == 1.0
        assert np.isfinite(response).all()
        assert np.sum(response[1:] ** 2) > 0.01
        assert np.abs(response[len(response) // 2 :]).max() < 0.5
    again = shoebox.__wrapped__(3, 16_000)
    assert again.tobytes() == shoebox(3, 16_000).tobytes()
    found = draw_response(Rooms(kinds={"shoebox": 1.0}), RATE, np.random.default_rng(0))
    assert found is not None
