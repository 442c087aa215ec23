"""A network with a prompt in its memory: blocks equal the whole, memories are bounded, arrays restore it."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.fewshot.conftest import prompt_of
from tests.fewshot.network.small import TINY, make_network

from tymbal.fewshot.network import context
from tymbal.fewshot.network.context import Context, QueryStream, chosen_tokens, restored
from tymbal.fewshot.network.labels import NEG, POS, UNK, UNLABELLED
from tymbal.fewshot.network.model import Memory, Network
from tymbal.fewshot.scale import choose_scale
from tymbal.fewshot.support import Support, look


def some_memory(network: Network) -> Memory:
    torch.manual_seed(1)
    labels = torch.tensor([[POS] * 6 + [NEG] * 20 + [UNK] * 2 + [UNLABELLED] * 4])
    tokens = network.tokens(torch.randn(1, 64, TINY.bands))
    return network.remember(tokens, labels, torch.arange(32)[None], torch.tensor([20.0]))


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31 - 1), frames=st.integers(1, 150), cuts=st.lists(st.integers(0, 150), max_size=6))
def test_a_query_in_blocks_is_answered_as_whole(seed: int, frames: int, cuts: list[int]) -> None:
    network = make_network(trained=True)
    torch.manual_seed(seed)
    pixels, curves = torch.randn(frames, TINY.bands), torch.randn(frames, 2)
    edges = [0, *sorted(min(cut, frames) for cut in cuts), frames]
    blocks = [(pixels[a:b], curves[a:b]) for a, b in pairwise(edges)]
    with torch.no_grad():
        memory = some_memory(network)
        whole = network.ask(network.tokens(pixels[None]), curves[None], memory).logits[0]
    found = torch.cat(list(QueryStream(network, memory).run(blocks)))
    torch.testing.assert_close(found, whole, atol=1e-5, rtol=1e-5)


def test_a_stream_holds_no_more_than_its_context() -> None:
    network = make_network()
    with torch.no_grad():
        stream = QueryStream(network, some_memory(network))
    for _ in range(20):
        stream.push(torch.zeros(64, TINY.bands), torch.zeros(64, 2))
        assert stream._pixels is not None
        assert len(stream._pixels) <= 2 * TINY.reach + 64


def test_a_memory_keeps_examples_first_and_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "MOST_TOKENS", 100)
    labels = np.array([POS] * 30 + [NEG] * 500 + [UNLABELLED] * 500 + [UNK] * 50)
    kept = labels[chosen_tokens(labels)]
    assert len(kept) <= 100
    assert (kept == POS).sum() == 30
    assert (kept == NEG).sum() > (kept == UNLABELLED).sum() > 0
    assert not (kept == UNK).any()
    assert len(chosen_tokens(np.array([POS] * 1000))) <= 100
    assert chosen_tokens(np.array([UNK, POS, UNK])).tolist() == [1]


@pytest.fixture(scope="module")
def support(chirps: Path) -> Support:
    prompt = prompt_of(chirps)
    return look(prompt, choose_scale(prompt.shots))


def test_arrays_restore_a_context(support: Support) -> None:
    made = Context.of(make_network(trained=True, bands=48), support, [0, 1, 2])
    pixels = np.random.default_rng(0).standard_normal((90, 48)).astype(np.float32)
    again = restored(made.arrays())
    for one, other in zip(made.answer(pixels), again.answer(pixels), strict=True):
        np.testing.assert_array_equal(one, other)
    assert again.reach == made.reach


def test_pictures_of_the_support_are_not_encoded_again(support: Support, monkeypatch: pytest.MonkeyPatch) -> None:
    network = make_network(trained=True, bands=48)
    made = Context.of(network, support, [0, 1])
    pixels = support.stretches[0].picture.pixels
    wanted = made.answer(pixels.copy())
    monkeypatch.setattr(network, "tokens", None)  # whoever asks for tokens now fails
    for one, other in zip(Context.of(network, support, [0, 1]).answer(pixels), wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_examples_left_out_are_not_in_the_memory(support: Support) -> None:
    network = make_network(trained=True, bands=48)
    pixels = np.random.default_rng(0).standard_normal((90, 48)).astype(np.float32)
    one, other = (Context.of(network, support, shots).answer(pixels)[0] for shots in ([0, 1, 2], [0, 1, 3]))
    assert not np.allclose(one, other, atol=1e-4)
