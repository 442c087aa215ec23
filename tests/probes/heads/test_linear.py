from __future__ import annotations

import torch

from tymbal.probes.heads.linear import LinearHead, LinearOptions


def test_the_head_is_linear_outside_training_and_drops_inside() -> None:
    head = LinearHead(20, 3, LinearOptions(dropout=0.5)).eval()
    a, b = torch.randn(4, 20), torch.randn(4, 20)
    bias = head.classifier.bias
    torch.testing.assert_close(head(a + b) - bias, head(a) + head(b) - 2 * bias)
    head.train()
    assert not torch.equal(head(a), head(a))
