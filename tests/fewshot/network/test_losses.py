"""The loss against loops; unknown frames count nowhere."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.fewshot.network.made import make
from tests.fewshot.network.small import make_network

from tymbal.fewshot.network import batches
from tymbal.fewshot.network.batches import FARTHEST, Batch, collated
from tymbal.fewshot.network.config import STRIDE
from tymbal.fewshot.network.losses import ATTENDED, DICE, EDGES, Validation, loss, total_loss
from tymbal.fewshot.network.model import Answer


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Crops that a tiny network is quick with."""
    monkeypatch.setattr(batches, "SUPPORT_FRAMES", 160)
    monkeypatch.setattr(batches, "QUERY_FRAMES", 220)


def test_the_loss_is_that_of_loops() -> None:
    torch.manual_seed(0)
    batch = collated([make(1), make(2)], np.random.default_rng(0), torch.device("cpu"))
    frames, tokens = batch.target.shape[1], batch.inside.shape[1]
    answer = Answer(torch.randn(2, frames), 3 * torch.rand(2, tokens, 2), torch.rand(2, tokens))
    wanted = []
    for row in range(2):
        entropy = attended = shared = chances = own = 0.0
        count = float(batch.known[row].sum())
        for at in range(frames):
            if not batch.known[row, at]:
                continue
            p, y = 1 / (1 + math.exp(-float(answer.logits[row, at]))), float(batch.target[row, at])
            entropy -= math.log(p if y else 1 - p)
            share = min(max(float(answer.attended[row, at // STRIDE]), 1e-4), 1 - 1e-4)
            attended -= math.log(share if y else 1 - share)
            shared, chances, own = shared + p * y, chances + p, own + y
        away = [
            abs(min(float(answer.distances[row, at, side]), FARTHEST) - float(batch.distances[row, at, side]))
            for at in range(tokens)
            for side in range(2)
            if batch.inside[row, at]
        ]
        edges = sum(away) / max(1, len(away) / 2)
        dice = 1 - (2 * shared + 1) / (chances + own + 1)
        wanted.append(entropy / count + DICE * dice + ATTENDED * attended / count + EDGES * edges)
    assert float(total_loss(answer, batch)) == np.float32(np.mean(wanted)) or math.isclose(
        float(total_loss(answer, batch)), float(np.mean(wanted)), rel_tol=1e-4
    )


def test_unknown_frames_count_nowhere() -> None:
    torch.manual_seed(0)
    batch = collated([make(1)], np.random.default_rng(0), torch.device("cpu"))
    frames, tokens = batch.target.shape[1], batch.inside.shape[1]
    assert not batch.known[0, -1]
    logits = torch.randn(1, frames)
    louder = logits.clone()
    louder[0, 200:] += 9
    rest = torch.zeros(1, tokens, 2), torch.full((1, tokens), 0.5)
    one, other = (total_loss(Answer(each, *rest), batch) for each in (logits, louder))
    assert float(one) == float(other)


def test_a_network_learns_what_it_is_shown() -> None:
    network = make_network().train()
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2)
    batch: Batch = collated([make(at) for at in range(2)], rng, torch.device("cpu"))
    with torch.no_grad():
        first = float(loss(network, batch))
    for _ in range(30):
        optimizer.zero_grad()
        loss(network, batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    with torch.no_grad():
        assert float(loss(network, batch)) < 0.7 * first
    values = Validation([make(9)], torch.device("cpu"))(network.eval())
    assert values["average_precision"] > values["curves"] + 0.3
