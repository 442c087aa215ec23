"""Cepstra and slopes against the definition and librosa's numbers."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file
from tests.reference import frontends as slow

from tymbal.audio.frontends import MFCC, MelConfig, dct_matrix, deltas
from tymbal.errors import UsageError

LIBROSA = load_file(Path(__file__).with_name("librosa_golden.safetensors"))


def test_cepstra_are_librosas() -> None:
    config = MelConfig(n_fft=512, hop_samples=160, window_samples=400, bands=20, low_hz=50.0)
    found = MFCC(16000, config, coefficients=13)(torch.from_numpy(LIBROSA["waveform"])[None]).values[0].numpy()
    np.testing.assert_allclose(found, LIBROSA["mfcc"].T[: len(found)], rtol=1e-4, atol=1e-3)


@settings(max_examples=15, deadline=None)
@given(bands=st.integers(1, 30), coefficients=st.integers(1, 30))
def test_the_transform_is_the_definition(bands: int, coefficients: int) -> None:
    coefficients = min(coefficients, bands)
    x = np.random.default_rng(1).standard_normal((4, bands))
    np.testing.assert_allclose(x @ dct_matrix(bands, coefficients), slow.cepstra(x, coefficients), atol=1e-10)
    whole = dct_matrix(bands, bands)
    np.testing.assert_allclose(whole @ whole.T, np.eye(bands), atol=1e-12)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 25), real=st.integers(0, 25), reach=st.integers(1, 5))
def test_slopes_are_the_definition(frames: int, real: int, reach: int) -> None:
    x = np.random.default_rng(2).standard_normal((frames, 3))
    mask = np.arange(frames) < real
    found = deltas(torch.tensor(x[None]), torch.tensor(mask[None]), reach)[0].numpy()
    np.testing.assert_allclose(found, slow.deltas(x, mask, reach), atol=1e-12)


def test_a_ramp_has_its_slope() -> None:
    ramp = 0.25 * torch.arange(20.0)[None, :, None]
    found = deltas(ramp, torch.ones(1, 20, dtype=torch.bool), 3)
    torch.testing.assert_close(found[0, 3:-3, 0], torch.full((14,), 0.25))


def test_the_gradient_is_right() -> None:
    mfcc = MFCC(100, MelConfig(n_fft=16, hop_samples=5, bands=4), coefficients=3).double()
    x = torch.randn(1, 30, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda wave: mfcc(wave).values, x)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(UsageError, match="1 to 4"):
        dct_matrix(4, 5)
    with pytest.raises(UsageError, match="above 0"):
        MFCC(100, MelConfig(n_fft=16, bands=4), coefficients=2, floor=0.0)
