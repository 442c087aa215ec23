from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.probes.synthetic import make_examples
from tests.reference import probes as slow

from tymbal.errors import DataError
from tymbal.features import Examples
from tymbal.probes import CachedExamples
from tymbal.probes.pooling import normalise_frames, time_statistics, to_common_axis


def ragged(seed: int, *, holes: bool = False) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n, frames, dim = rng.integers(1, 6), rng.integers(1, 9), rng.integers(1, 4)
    values = (100 + rng.normal(size=(n, frames, dim))).astype(np.float32)
    mask = np.arange(frames)[None] < rng.integers(0, frames + 1, n)[:, None]
    if holes:
        mask &= rng.random((n, frames)) < 0.7
    values[~mask] = np.nan
    return values, mask


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000))
def test_statistics_are_their_slow_twin(seed: int) -> None:
    values, mask = ragged(seed, holes=seed % 2 == 0)
    names = ("mean", "std", "max")
    found = time_statistics(values, mask, names)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, slow.time_statistics(values, mask, names), rtol=1e-5, atol=1e-4)


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 14))
def test_the_common_axis_is_its_slow_twin(seed: int, length: int) -> None:
    values, mask = ragged(seed, holes=seed % 3 == 0)
    targets = np.random.default_rng(seed).integers(1, length + 1, len(values))
    found = to_common_axis(values, mask, targets, length)
    np.testing.assert_allclose(found, slow.to_common_axis(values, mask, targets, length), rtol=1e-5, atol=1e-4)


def test_an_axis_of_its_own_length_changes_nothing() -> None:
    values, mask = np.arange(12, dtype=np.float32).reshape(2, 3, 2), np.ones((2, 3), dtype=bool)
    assert np.array_equal(to_common_axis(values, mask, np.array([3, 3]), 3), values)


def test_normalised_frames_have_mean_0_and_deviation_1() -> None:
    values = np.random.default_rng(0).normal(3, 5, size=(2, 4, 50)).astype(np.float32)
    found = normalise_frames(values)
    np.testing.assert_allclose(found.mean(-1), 0, atol=1e-5)
    np.testing.assert_allclose(found.std(-1), 1, atol=1e-4)


def test_the_cache_gives_what_the_functions_give_and_ignores_padding() -> None:
    examples, _, _ = make_examples()
    dirty, _, _ = make_examples(garbage=1e6)
    for layer in ("a", "b"):
        expected = time_statistics(examples.features[layer], examples.masks[layer], ("max", "mean"))
        assert np.array_equal(CachedExamples(examples).statistics(layer, ("max", "mean"), "standard"), expected)
    for norm in ("standard", "layer"):
        clean, soiled = CachedExamples(examples), CachedExamples(dirty)
        assert np.array_equal(clean.statistics("a", ("mean",), norm), soiled.statistics("a", ("mean",), norm))
        assert np.array_equal(clean.frames(("a", "b"), norm)[0], soiled.frames(("a", "b"), norm)[0])
    values, mask = clean.frames(("a", "b"), "standard")
    assert values.shape == (60, 9, 13)
    assert np.array_equal(mask, examples.masks["a"])


def test_real_frames_that_are_no_numbers_are_refused_by_example() -> None:
    examples, _, _ = make_examples()
    examples.features["b"][7, 0, 0] = np.inf
    with pytest.raises(DataError, match=r"layer 'b'.*example 7"):
        CachedExamples(examples)


def test_a_mask_that_is_not_bool_is_refused() -> None:
    examples, _, _ = make_examples()
    masks = {name: mask.astype(np.int8) for name, mask in examples.masks.items()}
    with pytest.raises(DataError, match="int8"):
        CachedExamples(Examples(examples.features, masks, examples.table))
