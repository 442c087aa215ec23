"""Scattering against the slow composition, and what its second order hears."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import frontends as slow

from tymbal.audio.frontends.scattering import Scattering, ScatteringConfig
from tymbal.errors import UsageError

SMALL = ScatteringConfig(octaves=3, per_octave=2, hop_samples=8, reach=8, stride=4, rates=(1 / 4, 1 / 8))


@settings(max_examples=8, deadline=None)
@given(samples=st.integers(1, 900), real=st.integers(0, 900))
def test_it_is_the_composition(samples: int, real: int) -> None:
    mask = np.arange(samples) < real
    x = np.random.default_rng(0).standard_normal(samples) * mask
    found, frames_mask = Scattering(SMALL)(torch.tensor(x[None], dtype=torch.float32), torch.tensor(mask[None]))
    wanted = slow.scattering(x, mask, octaves=3, per_octave=2, hop=8, reach=8, stride=4, rates=SMALL.rates)
    assert found.shape[1:] == wanted.shape
    assert frames_mask.shape == found.shape[:2]
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=5e-5)


def test_the_second_order_hears_the_rate_of_a_tremolo() -> None:
    config = ScatteringConfig(hop_samples=64)
    scattering = Scattering(config)
    band = 30
    f = float(scattering.envelopes.frequencies[band])
    at = torch.arange(60_000.0)
    for index, rate in enumerate(config.rates[1:], start=1):
        swing = 1 + 0.5 * torch.cos(2 * torch.pi * rate / 64 * at)
        wave = 0.2 * swing * torch.cos(2 * torch.pi * f * at)
        found = scattering(wave[None])[0][0, 20:-20, band].mean(0)
        assert float(found[0]) == pytest.approx(0.2, rel=0.03)
        assert int(found[1:].argmax()) == index
        assert float(found[1 + index]) == pytest.approx(0.1, rel=0.25)


def test_bad_settings_are_refused() -> None:
    for wrong in ({"stride": 3}, {"reach": 2}, {"rates": (0.3,)}):
        with pytest.raises(UsageError, match="power of two"):
            ScatteringConfig(**wrong)
