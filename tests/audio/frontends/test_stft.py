"""STFT against the definition, and frame counts that a mask cannot change."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import frontends as slow

from tymbal.audio.frontends import STFT, Framing, window
from tymbal.audio.frontends.stft import fast_length, in_chunks
from tymbal.errors import UsageError


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(samples) * 0.1


@settings(max_examples=25, deadline=None)
@given(
    samples=st.integers(1, 400),
    hop=st.integers(1, 60),
    width=st.integers(1, 32).map(lambda n: 2 * n),
    padding=st.integers(0, 40),
)
def test_power_is_the_definition(samples: int, hop: int, width: int, padding: int) -> None:
    n_fft = width + 2 * padding
    x = noise(samples)
    found = STFT(n_fft, hop, window_samples=width)(torch.tensor(x[None], dtype=torch.float32)).values[0].numpy()
    wanted = slow.stft_power(x, n_fft, hop, width)
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(
    samples=st.integers(1, 300),
    extra=st.integers(0, 200),
    hop=st.integers(1, 50),
    length=st.integers(1, 80),
    edges=st.sampled_from(["center", "snip"]),
)
def test_a_padded_row_has_the_frames_of_the_row_alone(
    samples: int, extra: int, hop: int, length: int, edges: str
) -> None:
    framing = Framing(length, hop, edges)
    mask = torch.arange(samples + extra)[None] < samples
    assert int(framing.mask(mask).sum()) == framing.frames(samples)
    if samples + extra >= framing.min_samples:
        padded = torch.nn.functional.pad(torch.tensor(noise(samples))[None], (0, extra))
        frames = framing.cut(padded)
        assert frames.shape == (1, framing.frames(samples + extra), length)
        assert framing.mask(mask).shape == frames.shape[:2]


def test_garbage_in_the_padding_changes_nothing() -> None:
    stft = STFT(64, 16)
    x = torch.tensor(noise(500)[None], dtype=torch.float32)
    mask = torch.arange(500)[None] < 333
    dirty = torch.where(mask, x, torch.nan)
    clean = stft(x[:, :333])
    found = stft(dirty, mask)
    torch.testing.assert_close(found.values[found.mask], clean.values[clean.mask])


def test_chunks_give_what_one_piece_gives() -> None:
    frames = torch.randn(3, 50, 8)
    for size in (1, 7, 50, 60, 149, 1000):
        torch.testing.assert_close(in_chunks(frames, lambda part: part * 2, size), frames * 2, rtol=0, atol=0)


def test_the_gradient_is_right() -> None:
    stft = STFT(16, 5, window_samples=12).double()
    x = torch.randn(2, 40, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda wave: stft(wave).values, x)


def test_windows() -> None:
    np.testing.assert_allclose(window("hann", 16), slow.hann(16), atol=1e-15)
    assert window("hanning", 9)[4] == 1.0
    np.testing.assert_allclose(window("povey", 9), window("hanning", 9) ** 0.85)
    np.testing.assert_array_equal(window("rectangular", 3), np.ones(3))


def test_fast_lengths() -> None:
    assert [fast_length(n) for n in (1, 7, 1102, 1024, 1025)] == [2, 8, 1152, 1024, 1080]


@pytest.mark.parametrize(
    "build",
    [
        lambda: STFT(16, 4, window_samples=17),
        lambda: Framing(0, 4),
        lambda: Framing(4, 4, "reflect"),
        lambda: window("kaiser", 4),
        lambda: window("hann", 0),
        lambda: Framing(8, 4, "snip").cut(torch.zeros(1, 7)),
        lambda: STFT(16, 4)(torch.zeros(3)),
        lambda: STFT(16, 4)(torch.zeros(1, 3), torch.ones(1, 3)),
    ],
)
def test_bad_arguments_are_refused(build: object) -> None:
    with pytest.raises(UsageError, match="allowed"):
        build()  # type: ignore[operator]
