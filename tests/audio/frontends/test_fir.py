"""Filters along frames against loops."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import frontends as slow

from tymbal.audio.frontends import FrameFilter
from tymbal.audio.frontends.fir import MaskedMean, Modulation
from tymbal.errors import UsageError


@settings(max_examples=30, deadline=None)
@given(
    frames=st.integers(1, 90),
    length=st.integers(1, 40),
    origin=st.floats(0, 1),
    stride=st.integers(1, 12),
    filters=st.integers(1, 3),
)
def test_a_filter_is_the_definition(frames: int, length: int, origin: float, stride: int, filters: int) -> None:
    rng = np.random.default_rng(0)
    taps, x, at = (
        rng.standard_normal((filters, length)),
        rng.standard_normal((2, frames, 3)),
        int(origin * (length - 1)),
    )
    filtered = FrameFilter(taps, origin=at, stride=stride)
    found = filtered(torch.tensor(x, dtype=torch.float32)).numpy()
    assert found.shape[1] == filtered.frames(frames)
    for row, wanted in zip(found, x, strict=True):
        np.testing.assert_allclose(row, slow.frame_filter(wanted, taps, at, stride), atol=2e-5)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 80), real=st.integers(0, 80), length=st.integers(1, 30), stride=st.integers(1, 8))
def test_a_mean_counts_real_frames_only(frames: int, real: int, length: int, stride: int) -> None:
    rng = np.random.default_rng(0)
    x, weights, mask = rng.standard_normal((frames, 3)), rng.random(length) + 0.1, np.arange(frames) < real
    origin = length // 3
    mean = MaskedMean(weights, origin=origin, stride=stride)
    found = mean(torch.tensor(x[None], dtype=torch.float32), torch.tensor(mask[None]))[0].numpy()
    np.testing.assert_allclose(found, slow.masked_mean(x, mask, weights, origin, stride), atol=2e-5)


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(1, 80), real=st.integers(0, 80), reach=st.integers(1, 15), stride=st.integers(1, 8))
def test_modulation_is_the_definition(frames: int, real: int, reach: int, stride: int) -> None:
    x = np.random.default_rng(0).standard_normal((frames, 3)) + 5
    mask, rates = np.arange(frames) < real, (0.5, 0.21, 0.05)
    found = Modulation(rates, length=2 * reach + 1, stride=stride)(
        torch.tensor(x[None], dtype=torch.float32), torch.tensor(mask[None])
    )
    wanted = slow.modulation(x, mask, rates, 2 * reach + 1, stride)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=5e-5)


def test_a_swing_has_its_amplitude() -> None:
    frames = torch.arange(400.0)
    x = (7 + 0.5 * torch.cos(2 * torch.pi * 0.1 * frames + 1))[None, :, None]
    found = Modulation((0.1, 0.3), length=101, stride=10)(x, torch.ones(1, 400, dtype=torch.bool))[0, 10:-10, 0]
    torch.testing.assert_close(found[:, 0], torch.full((20,), 0.5), atol=0.01, rtol=0)
    assert float(found[:, 1].max()) < 0.005


def test_gradients_are_right_and_finite_where_nothing_swings() -> None:
    modulation = Modulation((0.25,), length=5, stride=2).double()
    mask = torch.arange(9)[None] < 7
    x = torch.randn(1, 9, 2, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda value: modulation(value, mask), x)
    flat = torch.ones(1, 9, 2, dtype=torch.float64, requires_grad=True)
    modulation(flat, mask).sum().backward()
    assert bool(torch.isfinite(flat.grad).all())


@pytest.mark.parametrize(
    "build",
    [
        lambda: FrameFilter(np.zeros((1, 0)), origin=0),
        lambda: FrameFilter(np.zeros((1, 3)), origin=3),
        lambda: FrameFilter(np.zeros((1, 3)), origin=0, stride=0),
        lambda: Modulation((), length=3),
        lambda: Modulation((0.6,), length=3),
        lambda: Modulation((0.1,), length=4),
    ],
)
def test_bad_arguments_are_refused(build: object) -> None:
    with pytest.raises(UsageError, match="allowed"):
        build()  # type: ignore[operator]
