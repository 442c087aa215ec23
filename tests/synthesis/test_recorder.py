"""The recorder sets the level, clips and rounds as it was told."""

from __future__ import annotations

import numpy as np
import pytest

from tymbal.synthesis.distributions import choice, constant
from tymbal.synthesis.recorder import PEAK, Recorder, record

RNG = np.random.default_rng(0)
NOISE = np.random.default_rng(1).standard_normal(16_000).astype(np.float32)


def test_level_is_that_of_the_background() -> None:
    kept, gain = record(
        Recorder(level_db=constant(-40), clipped=0, high_pass=constant(0), bits=constant(32)), NOISE, RNG
    )
    assert 20 * np.log10(gain) == pytest.approx(-40)
    np.testing.assert_allclose(kept, NOISE * np.float32(gain))


def test_loud_scenes_are_turned_down_or_clipped() -> None:
    quiet = Recorder(level_db=constant(0), clipped=0, high_pass=constant(0))
    kept, _ = record(quiet, NOISE, RNG)
    assert np.abs(kept).max() == pytest.approx(PEAK, abs=1e-4)
    over = Recorder(clipped=1.0, clip_db=constant(6.0), high_pass=constant(0))
    kept, gain = record(over, NOISE, RNG)
    assert np.abs(NOISE).max() * gain == pytest.approx(2.0, rel=0.01)
    assert np.mean(np.abs(kept) > 0.999) > 0.01
    assert kept.max() <= 1
    assert kept.min() >= -1


@pytest.mark.parametrize("bits", [8, 16])
def test_samples_have_so_many_bits(bits: int) -> None:
    kept, _ = record(Recorder(bits=constant(bits), clipped=0), NOISE, RNG)
    scaled = kept * 2.0 ** (bits - 1)
    np.testing.assert_array_equal(scaled, np.rint(scaled))


def test_high_pass_takes_away_the_lowest() -> None:
    slow = (NOISE * 0 + 1).astype(np.float32)
    kept, _ = record(Recorder(high_pass=choice(0.02), clipped=0), NOISE + 5 * slow, RNG)
    assert abs(np.mean(kept[4000:])) < 0.02 * np.std(kept)
