"""Heads against their slow twins, one example at a time, padding anywhere; gradients against differences."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.reference import probe_heads as slow
from torch import nn

from tymbal.errors import UsageError
from tymbal.probes.heads.lstm import LSTMHead, LSTMOptions
from tymbal.probes.heads.mlp import MLPHead, MLPOptions
from tymbal.probes.heads.moment import MomentHead, MomentOptions
from tymbal.probes.heads.prototypes import PrototypesHead, PrototypesOptions
from tymbal.probes.heads.transformer import TransformerHead, TransformerOptions

WIDTH, CLASSES = 6, 3
Twin = Callable[[np.ndarray, dict[str, np.ndarray]], np.ndarray]
HEADS: dict[str, tuple[Callable[[], nn.Module], Twin]] = {
    "prototypes": (
        lambda: PrototypesHead(WIDTH, CLASSES, PrototypesOptions(prototypes=2, dropout=0.0)),
        slow.prototypes,
    ),
    "moment": (
        lambda: MomentHead(WIDTH, CLASSES, MomentOptions(size=33, heads=3, dropout=0.0)),
        lambda frames, state: slow.moment(frames, 3, state),
    ),
    "lstm": (lambda: LSTMHead(WIDTH, CLASSES, LSTMOptions(hidden=4, dropout=0.0)), slow.lstm),
    "transformer": (
        lambda: TransformerHead(WIDTH, CLASSES, TransformerOptions(heads=2, hidden=5, dropout=0.0)),
        lambda frames, state: slow.transformer(frames, 2, state),
    ),
}


def head_of(name: str, seed: int) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        head = HEADS[name][0]().double()
        for parameter in head.parameters():
            nn.init.normal_(parameter, std=0.7)
    return head


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", sorted(HEADS))
def test_a_head_is_its_slow_twin_and_blind_to_padding(name: str, seed: int, training: bool) -> None:
    head = head_of(name, seed).train(training)  # torch takes other paths in training; dropout is 0
    rng = np.random.default_rng(seed)
    z, mask = rng.normal(size=(4, 5, WIDTH)), rng.random((4, 5)) < 0.6
    mask[:, 2] = True
    z[~mask] = 1e6
    with torch.no_grad():
        found = head(torch.from_numpy(z), torch.from_numpy(mask)).numpy()
    state = {key: tensor.numpy() for key, tensor in head.state_dict().items()}
    for row in range(4):
        np.testing.assert_allclose(found[row], HEADS[name][1](z[row, mask[row]], state), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize("name", sorted(HEADS))
def test_gradients_are_those_of_differences_and_none_reach_padding(name: str) -> None:
    head = head_of(name, 0)
    z = torch.randn(2, 4, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    mask = torch.tensor([[True, False, True, False], [True] * 4])
    assert torch.autograd.gradcheck(lambda x: head(x, mask), (z,), fast_mode=True)
    head(z, mask).sum().backward()
    assert z.grad is not None
    assert torch.equal(z.grad[0, [1, 3]], torch.zeros(2, WIDTH, dtype=torch.float64))
    assert (z.grad[mask].abs().sum(dim=1) > 0).sum() >= 2


def test_the_mlp_is_its_slow_twin() -> None:
    head = MLPHead(WIDTH, CLASSES, MLPOptions(hidden=(5, 4))).double().eval()
    z = torch.randn(3, WIDTH, dtype=torch.float64)
    state = {key: tensor.numpy() for key, tensor in head.state_dict().items()}
    np.testing.assert_allclose(head(z).detach().numpy(), slow.mlp(z.numpy(), state), rtol=1e-10, atol=1e-10)


def test_an_lstm_may_read_one_way_and_be_stacked() -> None:
    head = LSTMHead(WIDTH, CLASSES, LSTMOptions(hidden=4, layers=2, bidirectional=False))
    assert head.classifier.in_features == 4
    assert head(torch.randn(2, 5, WIDTH), torch.ones(2, 5, dtype=torch.bool)).shape == (2, CLASSES)


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda: MLPHead(4, 2, MLPOptions(hidden=())), r"hidden is \(\)"),
        (lambda: PrototypesHead(4, 2, PrototypesOptions(prototypes=0)), "prototypes is 0"),
        (lambda: MomentHead(4, 2, MomentOptions(size=30, heads=4)), "4 heads do not divide width 30"),
        (lambda: MomentHead(4, 2, MomentOptions(size=12, heads=2)), "2 parts of 6 values"),
        (lambda: LSTMHead(4, 2, LSTMOptions(hidden=0)), "hidden is 0"),
        (lambda: TransformerHead(4, 2, TransformerOptions()), "8 heads do not divide width 4"),
        (lambda: TransformerHead(8, 2, TransformerOptions(layers=0)), "layers is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(build: Callable[[], nn.Module], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build()
