from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import probe_heads as slow
from torch import Tensor, nn

from tymbal.errors import UsageError
from tymbal.probes.heads.query_attention import FoldedAttention, QueryAttentionHead, QueryAttentionOptions


def pair(
    width: int, queries: int, heads: int, seed: int
) -> tuple[nn.Parameter, nn.MultiheadAttention, FoldedAttention]:
    """Learned queries, torch's attention, and the folded form with the same weights."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        standard = nn.MultiheadAttention(width, heads, batch_first=True)
        nn.init.normal_(standard.in_proj_bias)
        nn.init.normal_(standard.out_proj.bias)
        learned = nn.Parameter(torch.randn(queries, width))
        folded = FoldedAttention(width, queries, heads)
    query, key, value = standard.in_proj_weight.chunk(3)
    with torch.no_grad():
        projected = learned @ query.T + standard.in_proj_bias[:width]
        folded.queries.copy_(projected.view_as(folded.queries))
        folded.keys.copy_(key.view_as(folded.keys))
        folded.values.weight.copy_(value)
        folded.values.bias.copy_(standard.in_proj_bias[2 * width :])
        folded.output.load_state_dict(standard.out_proj.state_dict())
    return learned, standard, folded


def data(n: int, frames: int, width: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(n, frames, width, generator=generator)
    return z, torch.arange(frames)[None] < torch.randint(1, frames + 1, (n, 1), generator=generator)


def check_equal(width: int, queries: int, heads: int, frames: int, dtype: torch.dtype, bound: float, seed: int) -> None:
    """Outputs, and gradients of features and of every parameter, within `bound` of the largest."""
    learned, standard, folded = pair(width, queries, heads, seed)
    standard, folded = standard.to(dtype), folded.to(dtype)
    learned = nn.Parameter(learned.detach().to(dtype))
    with torch.no_grad():  # in this precision, so that both start from the same numbers
        projected = learned @ standard.in_proj_weight[:width].T + standard.in_proj_bias[:width]
        folded.queries.copy_(projected.view_as(folded.queries))
    z, mask = (each.to(dtype) if each.is_floating_point() else each for each in data(6, frames, width, seed))
    mix = torch.randn(6, queries, width, dtype=dtype)
    features = [z.clone().requires_grad_() for _ in range(2)]
    expected, _ = standard(learned.expand(6, -1, -1), features[0], features[0], key_padding_mask=~mask)
    found, _ = folded(features[1], mask)
    (expected * mix).sum().backward()
    (found * mix).sum().backward()
    query, key, value = standard.in_proj_weight.grad.chunk(3)
    query_bias, key_bias, value_bias = standard.in_proj_bias.grad.chunk(3)
    own = folded.queries.grad.flatten(1)  # of the projected queries
    pairs = {
        "outputs": (expected, found),
        "features": (features[0].grad, features[1].grad),
        "keys": (key, folded.keys.grad.flatten(0, 1)),
        "values": (value, folded.values.weight.grad),
        "value bias": (value_bias, folded.values.bias.grad),
        "output": (standard.out_proj.weight.grad, folded.output.weight.grad),
        "output bias": (standard.out_proj.bias.grad, folded.output.bias.grad),
        "queries": (learned.grad, own @ standard.in_proj_weight[:width]),
        "query matrix": (query, own.T @ learned),
        "query bias": (query_bias, own.sum(dim=0)),
    }
    for name, (a, b) in ((name, (a.detach(), b.detach())) for name, (a, b) in pairs.items()):
        assert float((a - b).abs().max()) <= bound * max(float(a.abs().max()), 1.0), name
    assert float(key_bias.abs().max()) <= bound * float(key.abs().max())  # what the folded form leaves out


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.integers(1, 4), st.sampled_from([1, 2, 4]), st.integers(1, 9), st.integers(0, 1000))
def test_it_equals_standard_multi_head_attention_gradients_too(
    queries: int, heads: int, frames: int, seed: int
) -> None:
    check_equal(8, queries, heads, frames, torch.float64, 1e-12, seed)


@pytest.mark.parametrize(("queries", "heads"), [(1, 12), (4, 4)])
def test_it_equals_it_at_full_width_in_single_precision(queries: int, heads: int) -> None:
    check_equal(768, queries, heads, 49, torch.float32, 1e-5, 0)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(st.integers(1, 3), st.integers(1, 5), st.integers(0, 1000))
def test_it_equals_the_slow_twin_frame_by_frame(queries: int, frames: int, seed: int) -> None:
    learned, standard, folded = pair(4, queries, 2, seed)
    z, mask = data(3, frames, 4, seed)
    z[~mask] = 1e6
    found, attention = folded.double()(z.double(), mask)
    state = {name: tensor.detach().double().numpy() for name, tensor in standard.state_dict().items()}
    for row in range(3):
        real = z[row, mask[row]].double().numpy()
        expected = slow.query_attention(real, learned.detach().double().numpy(), 2, state)
        np.testing.assert_allclose(found[row].detach().numpy(), expected, rtol=1e-5, atol=1e-5)
    assert attention.shape == (3, queries * 2, frames)
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(3, queries * 2).double())
    assert torch.equal(attention * ~mask[:, None], torch.zeros_like(attention))


def test_the_map_before_it_is_folded_too() -> None:
    """Pooling x and mapping what was pooled equals mapping every frame and pooling, gradients of the map too."""
    *_, folded = pair(8, 3, 2, 0)
    folded = folded.double()
    x, mask = data(5, 6, 20, 1)
    mask[4] = False  # nothing heard: the offset must not be either
    maps = [[torch.randn(8, 20).double().requires_grad_(), torch.randn(8).double().requires_grad_()] for _ in range(2)]
    with torch.no_grad():
        for a, b in zip(*maps, strict=True):
            b.copy_(a)
    z = nn.functional.linear(x.double(), *maps[0])
    apart, _ = folded(z.masked_fill(~mask[..., None], 0.0), mask)
    joined, _ = folded(x.double(), mask, (maps[1][0], maps[1][1]))
    torch.testing.assert_close(joined, apart, rtol=1e-12, atol=1e-12)
    mix = torch.randn_like(apart)
    (apart * mix).sum().backward()
    (joined * mix).sum().backward()
    for a, b in zip(*maps, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-10, atol=1e-10)


def test_settings_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="3 heads do not divide width 8"):
        QueryAttentionHead(8, 2, QueryAttentionOptions(heads=3))
    with pytest.raises(UsageError, match="queries is 0"):
        QueryAttentionHead(8, 2, QueryAttentionOptions(queries=0))
