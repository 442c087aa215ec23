from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.probes.synthetic import make_examples

from tymbal.probes import Probe
from tymbal.probes.fitting import Inputs, ProbeModule
from tymbal.probes.heads import get_head
from tymbal.probes.heads.attending import attention_over, negative_entropy
from tymbal.probes.pooling import CachedExamples
from tymbal.training import TrainingConfig


def test_the_penalty_by_hand() -> None:
    even, sure = torch.full((1, 4), 0.25), torch.tensor([[0.0, 1.0, 0.0, 0.0]])
    assert float(negative_entropy(torch.stack([even, sure], dim=1))) == pytest.approx(-math.log(4) / 2)
    halves = torch.tensor([[[0.5, 0.5, 0.0, 0.0]]]).requires_grad_()
    value = negative_entropy(halves)
    assert value.item() == pytest.approx(-math.log(2))
    value.backward()
    assert torch.isfinite(halves.grad).all()  # zeros on padding must not give NaN


def test_attention_is_over_real_frames() -> None:
    logits = torch.randn(3, 5, 2)
    mask = torch.tensor([[True, False, True, True, False], [True] * 5, [False] * 5])
    found = attention_over(logits, mask)
    assert found.shape == (3, 2, 5)
    torch.testing.assert_close(found[0].sum(dim=1), torch.ones(2))
    torch.testing.assert_close(found[0][:, [0, 2, 3]], torch.softmax(logits[0, [0, 2, 3]], dim=0).T)
    assert not found[2].any()


@pytest.mark.parametrize("head", ["attention", "query_attention"])
def test_the_regulariser_spreads_attention_or_narrows_it(head: str) -> None:
    examples, labels, groups = make_examples(60, strength=1.0)
    training = TrainingConfig(epochs=15, warmup_epochs=1, batch_size=16, learning_rate=5e-3)
    spread = {}
    for entropy in (-1.0, 0.0, 1.0):
        options = {"entropy": entropy, "dropout": 0.0}
        probe = Probe(head=head, dim=8, options=options, training=training).fit(examples, labels, groups=groups)
        inputs = Inputs.of(CachedExamples(examples), probe.layers_, probe.config, frames=True)
        module = ProbeModule(inputs.dims, 3, get_head(head), probe.config)
        module.load_state_dict(probe.fitted_.tensors)
        assert inputs.mask is not None
        _, attention = module.eval().attend(torch.from_numpy(inputs.values), torch.from_numpy(inputs.mask))
        assert attention is not None
        spread[entropy] = -negative_entropy(attention).item()
    most = np.log(examples.masks["a"].sum(axis=1)).mean()
    assert spread[-1.0] < spread[0.0] < spread[1.0] < most + 1e-6
    assert spread[1.0] > 0.95 * most


def test_heads_without_learned_attention_show_none() -> None:
    examples, labels, _ = make_examples()
    training = TrainingConfig(epochs=1, warmup_epochs=0, batch_size=16)
    for head in ("lstm", "linear"):
        probe = Probe(head=head, dim=8, training=training).fit(examples, labels)
        inputs = Inputs.of(CachedExamples(examples), probe.layers_, probe.config, frames=head == "lstm")
        module = ProbeModule(inputs.dims, 3, get_head(head), probe.config)
        mask = None if inputs.mask is None else torch.from_numpy(inputs.mask)
        assert module.attend(torch.from_numpy(inputs.values), mask)[1] is None
