from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import probes as slow

from tymbal.probes.fusions.weighted_sum import WeightedSum, mix


def fusion_of(dims: tuple[int, ...], width: int | None, seed: int) -> WeightedSum:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fusion = WeightedSum(dims, width).double()
        fusion.center.copy_(torch.randn(sum(dims)))
        fusion.scale.copy_(torch.rand(sum(dims)) + 0.5)
        if fusion.weighting is not None:
            torch.nn.init.normal_(fusion.weighting.raw, std=0.2)
    return fusion


def reference(fusion: WeightedSum, values: np.ndarray) -> np.ndarray:
    cuts = np.cumsum(fusion.dims)[:-1]
    maps = [(adapter.weight.detach().numpy(), adapter.bias.detach().numpy()) for adapter in fusion.adapters]
    maps = maps * len(fusion.dims) if len(maps) == 1 else maps
    w = np.zeros(1) if fusion.weighting is None else fusion.weighting.logits().detach().numpy()
    parts = [np.split(array, cuts, axis=-1) for array in (values, fusion.center.numpy(), fusion.scale.numpy())]
    return slow.fuse(*parts, maps, w)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4), st.integers(1, 6), st.integers(0, 1000), st.booleans())
def test_fusion_is_its_slow_twin_gradients_too(dims: list[int], width: int, seed: int, frames: bool) -> None:
    fusion = fusion_of(tuple(dims), width, seed)
    shape = (3, 4, sum(dims)) if frames else (3, sum(dims))
    values = np.random.default_rng(seed).normal(size=shape)
    found = fusion(torch.from_numpy(values))
    np.testing.assert_allclose(found.detach().numpy(), reference(fusion, values), rtol=1e-9, atol=1e-9)
    if fusion.weighting is None:
        return
    mix = torch.from_numpy(np.random.default_rng(seed + 1).normal(size=tuple(found.shape)))
    (found * mix).sum().backward()
    step = 1e-6
    for index in range(len(dims)):  # the layer weights' gradient by central differences of the slow twin
        sides = []
        for sign in (1, -1):
            with torch.no_grad():
                fusion.weighting.raw[index] += sign * step
                sides.append((reference(fusion, values) * mix.numpy()).sum())
                fusion.weighting.raw[index] -= sign * step
        assert fusion.weighting.raw.grad[index] == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4, abs=1e-6)


def test_weights_start_even_and_sum_to_one() -> None:
    torch.testing.assert_close(WeightedSum((3, 4, 5), 2).weights(), torch.full((3,), 1 / 3))
    assert WeightedSum((3,), None).weights().tolist() == [1.0]


def test_layers_of_one_width_share_a_projection() -> None:
    assert len(WeightedSum((4, 4, 4), 2).adapters) == 1
    assert len(WeightedSum((4, 5), 2).adapters) == 2
    assert len(WeightedSum((4,), None).adapters) == 0


def test_missing_values_count_as_the_mean() -> None:
    fusion = fusion_of((2, 3), 4, 0)
    values = torch.randn(1, 5, dtype=torch.float64)
    values[0, :2] = torch.nan
    filled = values.clone()
    filled[0, :2] = fusion.center[:2]
    torch.testing.assert_close(fusion(values), fusion(filled))


def test_several_layers_need_a_width() -> None:
    with pytest.raises(ValueError, match="width"):
        WeightedSum((2, 3), None)


def test_the_mix_is_the_plain_sum_gradients_too() -> None:
    """More frames than are mixed at once, in two dimensions and three."""
    for shape in ((150, 12), (3, 70, 12)):
        values, scale = torch.randn(shape, dtype=torch.float64), torch.randn(3, 4, dtype=torch.float64)
        given = [each.requires_grad_() for each in (values, scale, torch.randn(4, dtype=torch.float64))]
        plain = given[2] + (values.unflatten(-1, (3, 4)) * scale).sum(dim=-2)
        mixed = mix(given[0], given[1], given[2])
        torch.testing.assert_close(mixed, plain)
        weights = torch.randn_like(plain)
        for a, b in zip(
            torch.autograd.grad((plain * weights).sum(), given),
            torch.autograd.grad((mixed * weights).sum(), given),
            strict=True,
        ):
            torch.testing.assert_close(a, b)
