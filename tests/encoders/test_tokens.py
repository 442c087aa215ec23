from __future__ import annotations

import pickle

import pytest
import torch
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from tymbal.encoders.tokens import (
    PositionalConv,
    attendable,
    band_shape,
    check_frequency,
    check_heads,
    fold_bands,
    join_heads,
    split_heads,
    zero_padding,
)
from tymbal.errors import ConfigError


def test_the_positional_convolution_equals_torch_weight_norm() -> None:
    torch.manual_seed(0)
    ours = PositionalConv(12, 8, 3)
    ours.weight_g.data *= torch.rand(1, 1, 8) + 0.5
    ours.bias.data.normal_()
    theirs = parametrizations.weight_norm(nn.Conv1d(12, 12, 8, padding=4, groups=3), dim=2)
    theirs.parametrizations.weight.original0.data = ours.weight_g.data
    theirs.parametrizations.weight.original1.data = ours.weight_v.data
    theirs.bias.data = ours.bias.data
    x = torch.randn(2, 20, 12, requires_grad=True)
    wanted = functional.gelu(theirs(x.transpose(1, 2))[..., :-1]).transpose(1, 2)
    found = ours(x)
    torch.testing.assert_close(found, wanted)
    (mine,) = torch.autograd.grad(found.square().sum(), ours.weight_v)
    (other,) = torch.autograd.grad(wanted.square().sum(), theirs.parametrizations.weight.original1)
    torch.testing.assert_close(mine, other)
    assert torch.equal(pickle.loads(pickle.dumps(ours))(x), found)


def test_bands_fold_three_ways() -> None:
    tokens = torch.arange(2 * 3 * 4 * 5.0).reshape(2, 12, 5)  # 3 frames of 4 bands
    for frequency in ("mean", "concat", "tokens"):
        assert fold_bands(tokens, 4, frequency).shape == (2, 3, *band_shape(frequency, 4, 5))
    torch.testing.assert_close(fold_bands(tokens, 4, "tokens")[1, 2, 3], tokens[1, 11])
    torch.testing.assert_close(fold_bands(tokens, 4, "concat")[1, 2, 0, 15:], tokens[1, 11])
    torch.testing.assert_close(fold_bands(tokens, 4, "mean")[1, 2, 0], tokens[1, 8:].mean(0))


def test_keys_that_attention_may_see() -> None:
    mask = torch.tensor([[True, True, False], [False, False, False]])
    assert attendable(mask[:1, :2]) is None
    seen = attendable(mask)
    assert seen is not None
    assert seen[:, 0, 0].tolist() == [[True, True, False], [True, True, True]]
    assert zero_padding(torch.ones(2, 3, 4), mask).sum().item() == 8


def test_heads_split_and_join() -> None:
    x = torch.randn(2, 5, 12)
    assert split_heads(x, 3).shape == (2, 3, 5, 4)
    assert torch.equal(split_heads(x, 3)[1, 2, 4], x[1, 4, 8:])
    assert torch.equal(join_heads(split_heads(x, 3)), x)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ConfigError, match="mean, concat, tokens"):
        check_frequency("max", "here")
    with pytest.raises(ConfigError, match="heads"):
        check_heads(10, 3, "here")
    with pytest.raises(ConfigError, match="groups"):
        PositionalConv(10, 4, 3)
