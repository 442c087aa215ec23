"""Attention against loops in float64, values and gradients; positions count by their difference alone."""

from __future__ import annotations

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import fewshot_network as slow

from tymbal.fewshot.network.attention import CrossLayer, SupportLayer, rotated


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**31 - 1), queries=st.integers(1, 5), support=st.integers(1, 6), heads=st.sampled_from([1, 2])
)
def test_a_cross_layer_is_that_of_loops_gradients_too(seed: int, queries: int, support: int, heads: int) -> None:
    torch.manual_seed(seed)
    layer = CrossLayer(4 * heads, heads, 2).double()
    query = torch.randn(queries, 4 * heads, dtype=torch.float64, requires_grad=True)
    known = torch.randn(support, 4 * heads, dtype=torch.float64, requires_grad=True)
    masked = torch.rand(support) < 0.4
    masked[int(torch.randint(support, ()))] = False
    own = torch.rand(support, dtype=torch.float64)
    direction = torch.randn(queries, 4 * heads, dtype=torch.float64)
    parameters = [query, known, *layer.parameters()]

    fast, share = layer(query[None], layer.remember(known[None]), masked[None], own[None])
    wanted, weights = slow.cross_layer(layer, query, known, masked)
    torch.testing.assert_close(fast[0], wanted, atol=1e-10, rtol=1e-8)
    torch.testing.assert_close(share[0], weights @ own, atol=1e-12, rtol=1e-9)
    ours = torch.autograd.grad((fast[0] * direction).sum() + share.sum(), parameters)
    theirs = torch.autograd.grad((wanted * direction).sum() + (weights @ own).sum(), parameters)
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-9, rtol=1e-7)


def test_masked_tokens_are_not_looked_at() -> None:
    torch.manual_seed(4)
    layer = SupportLayer(8, 2, 2)
    x, positions = torch.randn(1, 6, 8), torch.arange(6)[None]
    masked = torch.tensor([[False, False, False, False, True, True]])
    other = torch.cat([x[:, :4], torch.randn(1, 2, 8)], dim=1)
    torch.testing.assert_close(layer(x, masked, positions)[:, :4], layer(other, masked, positions)[:, :4])
    assert not torch.allclose(layer(x, masked, positions), layer(x, torch.zeros_like(masked), positions))


def test_only_differences_of_positions_count() -> None:
    torch.manual_seed(5)
    layer = SupportLayer(8, 2, 2)
    x, masked = torch.randn(1, 6, 8), torch.zeros(1, 6, dtype=torch.bool)
    positions = torch.tensor([[0, 1, 2, 50, 51, 52]])
    torch.testing.assert_close(layer(x, masked, positions), layer(x, masked, positions + 700), atol=1e-4, rtol=1e-4)
    assert not torch.allclose(layer(x, masked, positions), layer(x, masked, positions * 3), atol=1e-4)
    assert rotated(torch.ones(1, 1, 6, 4), positions).shape == (1, 1, 6, 4)
