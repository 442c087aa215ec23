"""Crops, rolls, distances and the replay buffer."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from tests.fewshot.network.made import make

from tymbal.fewshot.network import batches
from tymbal.fewshot.network.batches import QUERY_FRAMES, SUPPORT_FRAMES, Replay, collated, rolled
from tymbal.fewshot.network.config import STRIDE
from tymbal.fewshot.network.labels import POS, UNK

CPU = torch.device("cpu")


def test_a_batch_is_padded_with_what_nobody_knows() -> None:
    found = collated(
        [make(1), make(2, frames=QUERY_FRAMES + 300, support=SUPPORT_FRAMES + 100)], np.random.default_rng(0), CPU
    )
    assert found.support.shape == (2, SUPPORT_FRAMES, 12)
    assert found.query.shape == (2, QUERY_FRAMES, 12)
    assert bool((found.labels[0, 150:] == UNK).all())
    assert int((found.labels[0] == POS).sum()) == 40
    assert found.known[0].sum() == 200
    assert found.known[1].sum() == QUERY_FRAMES
    assert found.target[0].sum() == 20
    np.testing.assert_allclose(found.query[0, 200:], 0)


def test_distances_are_those_to_the_edges_of_the_call() -> None:
    found = collated([make(1)], np.random.default_rng(0), CPU)
    tokens = found.inside[0].nonzero()[:, 0]
    middle = STRIDE * tokens + 0.5
    np.testing.assert_allclose(found.distances[0, tokens, 0], (middle - 59.5) / 20, atol=1e-6)
    np.testing.assert_allclose(found.distances[0, tokens, 1], (79.5 - middle) / 20, atol=1e-6)
    assert found.target[0, STRIDE * tokens].all()


def test_support_and_query_are_rolled_alike() -> None:
    example = make(1)
    quiet = replace(example, support=np.full_like(example.support, 16), query=np.full_like(example.query, 16))
    quiet.support[:, 5] = quiet.query[:, 5] = 80
    bands = set()
    for seed in range(20):
        found = collated([quiet], np.random.default_rng(seed), CPU)
        one, other = found.support[0, :150].sum(dim=0), found.query[0, :200].sum(dim=0)
        assert bool(((one > 1) == (other > 1)).all())
        bands |= set(one.nonzero()[:, 0].tolist())
    assert len(bands) > 5
    np.testing.assert_array_equal(rolled(np.array([[1.0, 2.0, 3.0]]), 1), [[0, 1, 2]])
    np.testing.assert_array_equal(rolled(np.array([[1.0, 2.0, 3.0]]), -2), [[3, 0, 0]])


def test_crops_of_long_queries_move_and_mostly_show_a_call() -> None:
    long = make(1, frames=4000)
    shown = [float(collated([long], np.random.default_rng(seed), CPU).target.sum()) for seed in range(40)]
    assert 0.6 < np.mean(np.array(shown) > 0) <= 1
    assert min(shown) < 20  # a crop without the call, or with a part of it


def test_every_scene_is_used_in_three_epochs_while_it_is_near() -> None:
    loaded: list[int] = []
    held = {chunk: [make(10 * chunk + at) for at in range(2)] for chunk in range(5)}

    def load(chunk: int) -> list:  # type: ignore[type-arg]
        loaded.append(chunk)
        return held[chunk]

    replay = Replay(load, 5, 2, CPU)
    assert len(replay) == 6
    seen = []
    for epoch in range(5):
        replay.begin_epoch(epoch)
        seen.append(sorted({min(max(epoch - back, 0), 4) for back in range(batches.USES)}))
        replay.batch(torch.arange(6))
    assert loaded == [0, 1, 2, 3, 4]
    assert seen[4] == [2, 3, 4]
    late = Replay(load, 5, 2, CPU)
    late.begin_epoch(4)  # a run that is resumed there
    assert loaded[5:] == [2, 3, 4] or sorted(loaded[5:]) == [2, 3, 4]


def test_a_batch_is_a_function_of_the_generator() -> None:
    replay = Replay(lambda chunk: [make(at, frames=2000) for at in range(4)], 1, 4, CPU)
    replay.begin_epoch(0)
    found = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        found.append(replay.batch(torch.tensor([0, 5])).query)
    assert torch.equal(found[0], found[1])
    assert not torch.equal(found[0], found[2])
