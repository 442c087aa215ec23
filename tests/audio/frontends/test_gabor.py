"""The wavelet pyramid against direct correlation, and what its bands answer to."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import frontends as slow

from tymbal.audio.frontends.gabor import GaborPyramid
from tymbal.errors import UsageError


@settings(max_examples=15, deadline=None)
@given(
    samples=st.integers(1, 700),
    octaves=st.integers(1, 6),
    per_octave=st.integers(1, 3),
    hop=st.sampled_from([4, 6, 16, 31]),
)
def test_moduli_are_the_definition(samples: int, octaves: int, per_octave: int, hop: int) -> None:
    x = np.random.default_rng(0).standard_normal(samples)
    pyramid = GaborPyramid(octaves=octaves, per_octave=per_octave, hop_samples=hop)
    found = pyramid(torch.tensor(x[None], dtype=torch.float32)).values[0].numpy()
    wanted = slow.gabor_moduli(x, octaves, per_octave, hop)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, atol=2e-5)


@pytest.mark.parametrize("band", [0, 7, 19, 30, 41])
def test_a_sine_answers_in_its_band_only(band: int) -> None:
    pyramid = GaborPyramid(octaves=7, per_octave=6, hop_samples=64)
    f = pyramid.frequencies[band]
    wave = 0.3 * torch.cos(2 * torch.pi * float(f) * torch.arange(20000.0))[None]
    found = pyramid(wave).values[0, 100:-100].mean(0)
    assert float(found[band]) == pytest.approx(0.3, rel=0.03)
    assert int(found.argmax()) == band
    far = torch.ones(42, dtype=torch.bool)
    far[max(0, band - 6) : band + 7] = False
    assert float(found[far].max()) < 0.3 * 10 ** (-40 / 20)


def test_a_constant_gives_nothing_but_at_the_edges() -> None:
    found = GaborPyramid(octaves=4, per_octave=3, hop_samples=8)(torch.ones(1, 4000)).values[0]
    assert float(found[100:-100].max()) < 1e-5


def test_the_gradient_is_right() -> None:
    pyramid = GaborPyramid(octaves=3, per_octave=2, hop_samples=4).double()
    x = torch.randn(1, 60, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda wave: pyramid(wave).values, x)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="octave, band and sample"):
        GaborPyramid(octaves=0, per_octave=1, hop_samples=4)
