from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference import probes as slow

from tymbal.probes.heads.attention import AttentionHead, AttentionOptions


def head_of(width: int, classes: int, queries: int, seed: int) -> AttentionHead:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = AttentionHead(width, classes, AttentionOptions(queries=queries)).double().eval()
        torch.nn.init.normal_(head.norm.weight)
        torch.nn.init.normal_(head.norm.bias)
    return head


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 6), st.integers(1, 4), st.integers(0, 1000))
def test_the_head_is_its_slow_twin_and_blind_to_padding(frames: int, queries: int, seed: int) -> None:
    width, classes = 5, 3
    head = head_of(width, classes, queries, seed)
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(4, frames, width))
    real = rng.integers(1, frames + 1, 4)
    mask = np.arange(frames)[None] < real[:, None]
    z[~mask] = 1e9
    found = head(torch.from_numpy(z), torch.from_numpy(mask)).detach().numpy()
    state = {name: tensor.detach().numpy() for name, tensor in head.named_parameters()}
    for row in range(4):
        expected = slow.attention_logits(
            z[row, : real[row]],
            state["queries"],
            (state["norm.weight"], state["norm.bias"]),
            (state["classifier.weight"], state["classifier.bias"]),
        )
        np.testing.assert_allclose(found[row], expected, rtol=1e-8, atol=1e-8)


def test_gradients_are_those_of_differences_and_none_reach_padding() -> None:
    head = head_of(4, 2, 3, 0)
    z = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    mask = torch.tensor([[True] * 3 + [False] * 2, [True] * 5])
    assert torch.autograd.gradcheck(lambda x: head(x, mask), (z,))
    head(z, mask).sum().backward()
    assert torch.equal(z.grad[0, 3:], torch.zeros(2, 4, dtype=torch.float64))
    assert z.grad[0, :3].abs().sum() > 0


def test_an_example_without_frames_gives_numbers() -> None:
    head = head_of(4, 2, 3, 0)
    assert torch.isfinite(head(torch.randn(1, 3, 4).double(), torch.zeros(1, 3, dtype=torch.bool))).all()
