from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.reference import probes as slow

from tymbal.errors import UsageError
from tymbal.probes.heads.self_attention import SelfAttentionHead, SelfAttentionOptions


@pytest.mark.parametrize("seed", range(5))
def test_the_head_is_its_slow_twin_and_blind_to_padding(seed: int) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = SelfAttentionHead(6, 3, SelfAttentionOptions(heads=2)).double()
        for parameter in head.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    rng = np.random.default_rng(seed)
    z, real = rng.normal(size=(3, 5, 6)), np.array([5, 2, 1])
    mask = np.arange(5)[None] < real[:, None]
    z[~mask] = 1e6
    state = {name: tensor.detach().numpy() for name, tensor in head.named_parameters()}
    for training in (False, True):  # dropout off, the slower path of the attention module on
        head.train(training)
        head.dropout.p = head.attention.dropout = 0.0
        found = head(torch.from_numpy(z), torch.from_numpy(mask)).detach().numpy()
        for row in range(3):
            expected = slow.self_attention_logits(z[row, : real[row]], 2, state)
            np.testing.assert_allclose(found[row], expected, rtol=1e-7, atol=1e-7)


def test_an_example_without_frames_gives_numbers() -> None:
    head = SelfAttentionHead(8, 3, SelfAttentionOptions()).eval()
    assert torch.isfinite(head(torch.randn(1, 3, 8), torch.zeros(1, 3, dtype=torch.bool))).all()


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(UsageError, match="8 heads do not divide width 10"):
        SelfAttentionHead(10, 3, SelfAttentionOptions())
