"""The small network that several objectives project and predict with."""

from __future__ import annotations

from torch import nn


def perceptron(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    """Linear, batch norm, ReLU, linear: (batch, inputs) to (batch, outputs), as BYOL's (Grill et al. 2020, 2006.07733).

    In training a batch needs two examples or more.
    """
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True), nn.Linear(hidden, outputs)
    )
