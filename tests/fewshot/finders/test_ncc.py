"""Normalised cross-correlation against loops, and what it must find."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import fft
from tests.reference import fewshot as slow

from tymbal.fewshot.finders import ncc


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    frames=st.integers(1, 40),
    width=st.integers(3, 8),
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
)
def test_correlation_is_that_of_loops(seed: int, frames: int, width: int, lengths: list[int]) -> None:
    random = np.random.default_rng(seed)
    pixels = random.standard_normal((frames, width)).astype(np.float32)
    bands = np.sort(random.choice(width, size=random.integers(1, width + 1), replace=False)).astype(np.int64)
    templates = []
    for length in lengths:
        pad = int(random.integers(1, 3))
        cut = random.standard_normal((length + 2 * pad, len(bands))).astype(np.float32)
        templates.append(ncc.Template(cut - cut.mean(), pad, length))
    found, which = ncc.Ncc(tuple(templates), bands, width).correlate(pixels)
    wanted = slow.correlation(
        pixels, [t.pixels for t in templates], [(t.before, t.length) for t in templates], bands, ncc.SHIFTS, ncc.DOUBT
    )
    np.testing.assert_allclose(found, wanted, atol=2e-4)
    assert which.shape == (frames,)


def test_long_pictures_are_worked_in_pieces_without_a_seam() -> None:
    random = np.random.default_rng(0)
    pixels = random.standard_normal((5000, 12)).astype(np.float32)
    cut = pixels[2030:2060]
    model = ncc.Ncc((ncc.Template(cut - cut.mean(), 5, 20),), np.arange(12), 12)
    curve, _ = model.correlate(pixels)
    assert int(np.argmax(curve)) == 2045
    assert curve[2045] == pytest.approx(1 / np.sqrt(1 + ncc.DOUBT), abs=1e-3)
    np.testing.assert_allclose(model.correlate(pixels[1000:3000])[0][500:1500], curve[1500:2500], atol=1e-4)


def test_state_makes_the_same_finder() -> None:
    random = np.random.default_rng(3)
    templates = tuple(ncc.Template(random.standard_normal((n, 4)).astype(np.float32), 2, n - 4) for n in (9, 14))
    model = ncc.Ncc(templates, np.array([0, 2, 3, 5]), 8)
    pixels = random.standard_normal((60, 8)).astype(np.float32)
    np.testing.assert_array_equal(ncc.load(model.state()).correlate(pixels)[0], model.correlate(pixels)[0])


@given(least=st.integers(1, 1 << 20))
def test_fast_lengths_are_those_of_scipy(least: int) -> None:
    assert ncc.fast_length(least) == fft.next_fast_len(least, real=True)
