"""The projector of several objectives."""

from __future__ import annotations

import torch
from torch import nn

from tymbal.pretraining.objectives.perceptron import perceptron


def test_linear_norm_relu_linear() -> None:
    torch.manual_seed(0)
    net = perceptron(5, 7, 3).double()
    assert [type(part) for part in net] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    x = torch.randn(6, 5, dtype=torch.float64)
    first, last = net[0], net[3]
    assert isinstance(first, nn.Linear)
    assert isinstance(last, nn.Linear)
    hidden = x @ first.weight.T + first.bias
    centred = hidden - hidden.mean(0)
    wanted = (centred / (hidden.var(0, unbiased=False) + 1e-5).sqrt()).clamp(min=0) @ last.weight.T + last.bias
    torch.testing.assert_close(net(x), wanted)
