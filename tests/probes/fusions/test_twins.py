"""Every fusion is its slow twin, gradients of its layer weights too."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import probe_fusions as slow

from tymbal.probes.fusions import FUSIONS, Fusion, build_fusion
from tymbal.probes.fusions.concatenation import Concatenation
from tymbal.probes.fusions.hierarchical_convolution import HierarchicalConvolution
from tymbal.probes.fusions.layer_router import LayerRouter
from tymbal.probes.fusions.tokens import Tokens
from tymbal.probes.fusions.weighted_sum import WeightedSum

Array = np.ndarray


def fusion_of(name: str, dims: tuple[int, ...], width: int, seed: int, **options: object) -> Fusion:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fusion = build_fusion(name, dims, width, options).double()
        for parameter in fusion.parameters():
            torch.nn.init.normal_(parameter)
        if fusion.standardises:
            fusion.center.copy_(torch.randn(sum(dims)))
            fusion.scale.copy_(torch.rand(sum(dims)) + 0.5)
    return fusion


def maps_of(fusion: Fusion) -> list[tuple[Array, Array] | None]:
    """One per layer, None where the layer is taken as it is."""
    adapters = [(each.weight.detach().numpy(), each.bias.detach().numpy()) for each in fusion.adapters]
    adapted = fusion.adapted if isinstance(fusion, WeightedSum) else (True,) * len(fusion.dims)
    if len(adapters) == 1 and sum(adapted) > 1:
        adapters *= len(fusion.dims)
    return [adapters.pop(0) if each else None for each in adapted]


def twin(fusion: Fusion, x: Array) -> Array:
    """One frame (sum of dims,) through the slow twin."""
    whole = slow.standardised(x, fusion.center.numpy(), fusion.scale.numpy())
    layers = np.split(whole, np.cumsum(fusion.dims)[:-1])
    if isinstance(fusion, WeightedSum):
        return slow.weighted_sum(layers, maps_of(fusion), fusion.weighting.logits().detach().numpy())
    if isinstance(fusion, LayerRouter):
        return slow.layer_router(layers, maps_of(fusion), fusion.weighting.logits().detach().numpy())
    if isinstance(fusion, Concatenation):
        own = fusion.projection
        return slow.apply(None if own is None else (own.weight.detach().numpy(), own.bias.detach().numpy()), whole)
    projected = np.array([slow.apply(each, layer) for each, layer in zip(maps_of(fusion), layers, strict=True)])
    if isinstance(fusion, Tokens):
        return projected
    assert isinstance(fusion, HierarchicalConvolution)
    stream = projected.T
    for each in fusion.convolutions:
        stream = slow.convolve_layers(stream, each.weight.detach().numpy(), each.bias.detach().numpy(), each.stride[0])
    return stream.ravel()


VARIANTS: list[tuple[str, dict[str, object]]] = [
    *((name, {}) for name in sorted(FUSIONS)),
    ("weighted_sum", {"adapters": "where_needed", "standardise": False}),
    ("weighted_sum", {"adapters": "where_needed"}),
    ("concatenation", {"project": False}),
    ("layer_router", {"heads": 2}),
    ("hierarchical_convolution", {"kernel": 3, "stride": 2}),
]


@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=lambda value: str(value))
@settings(max_examples=8, deadline=None, derandomize=True)
@given(st.lists(st.integers(1, 5), min_size=2, max_size=5), st.booleans(), st.integers(0, 1000))
def test_a_fusion_is_its_slow_twin(
    name: str, options: dict[str, object], sizes: list[int], even: bool, seed: int
) -> None:
    dims = tuple(sizes[:1] * len(sizes) if even else sizes)
    fusion = fusion_of(name, dims, 8, seed, **options)
    values = np.random.default_rng(seed).normal(size=(2, 3, sum(dims)))
    values[0, 1, : dims[0]] = np.nan  # a layer without frames
    found = fusion(torch.from_numpy(values)).detach().numpy()
    expected = np.array([[twin(fusion, frame) for frame in example] for example in values])
    if name == "tokens":  # (batch, frames, layers, width) there
        expected = expected.reshape(2, -1, 8)
        statistics = fusion(torch.from_numpy(values[:, 0])).detach().numpy()
        np.testing.assert_allclose(statistics, expected[:, : len(dims)].mean(axis=1), rtol=1e-9, atol=1e-9)
    assert found.shape[-1] == fusion.width
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize("name", ["weighted_sum", "normed_sum", "surface", "layer_router"])
def test_gradients_of_layer_weights_are_those_of_differences(name: str, even: bool) -> None:
    dims = (3, 3, 3) if even else (3, 5, 2)
    fusion = fusion_of(name, dims, 8, 0)
    values = np.random.default_rng(0).normal(size=(2, 2, sum(dims)))
    mix = np.random.default_rng(1).normal(size=(2, 2, 8))
    (fusion(torch.from_numpy(values)) * torch.from_numpy(mix)).sum().backward()

    def slowly() -> float:
        return float((np.array([[twin(fusion, frame) for frame in example] for example in values]) * mix).sum())

    weights, step = fusion.weighting.raw.data, 1e-6
    for index in range(len(weights)):
        sides = []
        for sign in (1, -1):
            weights[index] += sign * step
            sides.append(slowly())
            weights[index] -= sign * step
        found = float(fusion.weighting.raw.grad[index])
        assert found == pytest.approx((sides[0] - sides[1]) / (2 * step), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("even", [True, False])
@pytest.mark.parametrize(("name", "options"), VARIANTS, ids=lambda value: str(value))
def test_gradients_of_all_parameters_are_those_of_differences(
    name: str, options: dict[str, object], even: bool
) -> None:
    dims = (3, 3, 3) if even else (3, 5, 2)
    fusion = fusion_of(name, dims, 8, 0, **options)
    values = torch.randn(2, 2, sum(dims), dtype=torch.float64)
    names = [each for each, _ in fusion.named_parameters()]
    if not names:
        return

    def call(*parameters: torch.Tensor) -> torch.Tensor:
        given = dict(zip(names, parameters, strict=True))
        return torch.as_tensor(torch.func.functional_call(fusion, given, (values,)))

    start: Callable[[torch.Tensor], torch.Tensor] = lambda each: each.detach().clone().requires_grad_()  # noqa: E731
    assert torch.autograd.gradcheck(call, tuple(start(each) for each in fusion.parameters()), fast_mode=True)
