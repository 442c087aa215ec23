from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.reference.training import moving_average
from torch import nn

from tymbal.training import WeightAverage


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 20), st.floats(0, 0.999), st.integers(0, 1000))
def test_the_average_is_its_slow_twin(updates: int, decay: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    weights = [rng.normal(size=(2, 3)) for _ in range(updates + 1)]
    module = nn.Linear(3, 2, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(weights[0]))
    average = WeightAverage(module, decay)
    for weight in weights[1:]:
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weight))
        average.update(module)
    np.testing.assert_allclose(average.mean["weight"].numpy(), moving_average(weights, decay), rtol=1e-12, atol=1e-12)


def test_applied_gives_the_average_inside_and_the_own_bits_after() -> None:
    module = nn.Linear(3, 2)
    average = WeightAverage(module, 0.9)
    with torch.no_grad():
        module.weight.add_(1.0)
    own = module.weight.detach().clone()
    with average.applied(module):
        assert not torch.equal(module.weight, own)
        assert torch.equal(module.weight, average.mean["weight"])
    assert torch.equal(module.weight, own)
