"""The network: similarities against loops, its answer before training, any number of shots, locality, sizes."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fewshot.network.small import TINY, make_network
from tests.reference import fewshot_network as slow

from tymbal.errors import UsageError
from tymbal.fewshot.network.config import SIZES, STRIDE, NetworkConfig
from tymbal.fewshot.network.labels import NEG, POS, UNK, UNLABELLED
from tymbal.fewshot.network.model import TEMPERATURES, Network, count_parameters, token_labels


def inputs(frames: int = 60, support: int = 80, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Support, labels with 20 frames of examples, median, query, curves."""
    torch.manual_seed(seed)
    labels = torch.full((1, support), NEG)
    labels[:, 10:20], labels[:, 40:50], labels[:, 60:64], labels[:, 70:] = POS, POS, UNK, UNLABELLED
    shown = torch.randn(1, support, TINY.bands), labels, torch.tensor([10.0]), torch.randn(1, frames, TINY.bands)
    return *shown, torch.randn(1, frames, 2)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), positives=st.integers(1, 3), negatives=st.integers(0, 3))
def test_similarities_are_those_of_loops_gradients_too(seed: int, positives: int, negatives: int) -> None:
    torch.manual_seed(seed)
    network = make_network().double()
    tokens = torch.randn(positives + negatives + 2, TINY.dim, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([POS] * positives + [NEG] * negatives + [UNK, UNLABELLED])
    positions = torch.arange(len(labels))[None]
    query = torch.randn(4, TINY.dim, dtype=torch.float64, requires_grad=True)
    memory = network.remember(tokens[None], labels[None], positions, torch.tensor([24.0], dtype=torch.float64))
    fast = network.similarities(query[None], memory)[0]
    wanted = slow.similarities(query, tokens, labels, network.compare.weight, TEMPERATURES)
    torch.testing.assert_close(fast, wanted, atol=1e-9, rtol=1e-7)
    direction = torch.randn_like(wanted)
    ours = torch.autograd.grad((fast * direction).sum(), [query, tokens, network.compare.weight])
    theirs = torch.autograd.grad((wanted * direction).sum(), [query, tokens, network.compare.weight])
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, atol=1e-8, rtol=1e-6)


def test_before_training_it_ranks_frames_as_the_training_free_curves_do() -> None:
    support, labels, median, query, curves = inputs()
    for size in ("small", "base"):
        config = NetworkConfig(**{**SIZES[size].__dict__, "bands": TINY.bands})
        torch.manual_seed(1)
        with torch.no_grad():
            answer = Network(config)(support, labels, median, query, curves)
        expected = curves.sum(dim=2)
        np.testing.assert_array_equal(answer.logits.argsort().numpy(), expected.argsort().numpy())


def test_unknown_frames_change_nothing_and_labels_do() -> None:
    support, labels, median, query, curves = inputs()
    network = make_network(trained=True)
    with torch.no_grad():
        before = network(support, labels, median, query, curves).logits
        told = labels.clone()
        told[:, 40:50] = NEG
        after = network(support, told, median, query, curves).logits
        far = support.clone()
        far[:, 60:64] += 5
        masked = labels.clone()
        masked[:, 60 - TINY.reach : 64 + TINY.reach] = UNK
        one = network(support, masked, median, query, curves).logits
        two = network(far, masked, median, query, curves).logits
    assert not torch.allclose(before, after, atol=1e-3)
    torch.testing.assert_close(one, two, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("support", "examples"), [(30, 1), (200, 3), (900, 20)])
def test_any_number_and_length_of_examples_in_one_pass(support: int, examples: int) -> None:
    torch.manual_seed(2)
    labels = torch.full((1, support), NEG)
    for at in torch.linspace(0, support - 12, examples).long().tolist():
        labels[:, at : at + 10] = POS
    query, curves = torch.randn(1, 41, TINY.bands), torch.zeros(1, 41, 2)
    network = make_network(trained=True)
    answer = network(torch.randn(1, support, TINY.bands), labels, torch.tensor([10.0]), query, curves)
    assert answer.logits.shape == (1, 41)
    assert answer.distances.shape == (1, 21, 2)
    assert bool((answer.distances >= 0).all())
    assert bool(((answer.attended >= 0) & (answer.attended <= 1)).all())


def test_a_token_depends_on_reach_frames_and_no_more() -> None:
    network = make_network(trained=True)
    pixels = torch.randn(1, 200, TINY.bands, requires_grad=True)
    at = 50
    (slope,) = torch.autograd.grad(network.tokens(pixels)[0, at, 0], pixels)
    felt = slope[0].abs().sum(dim=1).nonzero()[:, 0]
    first, last = STRIDE * at - TINY.reach, STRIDE * at + STRIDE - 1 + TINY.reach
    assert first <= int(felt.min()) <= STRIDE * at - 8
    assert STRIDE * at + 8 <= int(felt.max()) <= last


def test_labels_of_tokens() -> None:
    labels = torch.tensor([[NEG, NEG, POS, NEG, UNK, POS, NEG, UNK, UNLABELLED, NEG, NEG]])
    assert token_labels(labels).tolist() == [[NEG, POS, POS, UNK, UNLABELLED, UNK]]


def test_sizes_are_counted_without_memory() -> None:
    counts = {name: count_parameters(config) for name, config in SIZES.items()}
    assert counts["small"] == sum(each.numel() for each in Network(SIZES["small"]).parameters())
    assert 0.7e6 < counts["small"] < counts["base"] < counts["large"] < 6e6
    assert 105e6 < counts["cluster"] < 125e6


def test_shapes_that_cannot_be_are_refused() -> None:
    with pytest.raises(UsageError, match="dim"):
        Network(NetworkConfig(dim=30, heads=4))
    with pytest.raises(UsageError, match="kernel"):
        Network(NetworkConfig(kernel=4))
