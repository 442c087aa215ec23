from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from tests.probes.finetuning.conftest import Chirps, build
from torch import nn

from tymbal.corpus import Corpus
from tymbal.probes.finetuning import EventSounds, FinetuneConfig, FineTuned
from tymbal.probes.finetuning.network import Recent, TunedNetwork, encode_events
from tymbal.probes.finetuning.tuning import make_network
from tymbal.training import TrainingConfig, train


@pytest.mark.parametrize("name", ["hubert", "cnn14"])
def test_a_batch_hears_what_each_window_hears_alone(name: str, long: tuple[Corpus, pl.DataFrame]) -> None:
    encoder = build(name)
    layers = tuple(spec.name for spec in encoder.layers)
    sounds = EventSounds(*long, encoder, layers=layers, segment_s=0.5)
    events = [sounds.windows(row) for row in range(len(sounds))]
    together = encode_events(encoder, layers, events, 4, alone=False)
    alone = encode_events(encoder, layers, events, 4, alone=True)
    for layer in layers:
        assert np.array_equal(together[layer].rows, alone[layer].rows)
        torch.testing.assert_close(together[layer].values, alone[layer].values, rtol=1e-3, atol=1e-4)


def test_windows_just_encoded_are_not_encoded_again(long: tuple[Corpus, pl.DataFrame]) -> None:
    encoder = build("hubert")
    sounds = EventSounds(*long, encoder, segment_s=0.5)
    calls = []
    encoder.register_forward_hook(lambda *_: calls.append(1))
    recent: Recent = {}
    first = encode_events(encoder, ("block1",), [sounds.windows(0)], None, alone=True, recent=recent)
    again = encode_events(encoder, ("block1",), [sounds.windows(0)], None, alone=True, recent=recent)
    assert len(calls) == 1
    assert torch.equal(first["block1"].values, again["block1"].values)
    encode_events(encoder, ("block1",), [sounds.windows(1)], None, alone=True, recent=recent)
    assert len(calls) == 2
    assert len(recent) == 2


def network_of(config: FinetuneConfig, name: str = "hubert") -> TunedNetwork:
    encoder = build(name)
    top = encoder.layers[-1]
    return make_network(encoder, (top.name,), config, 2, (top.dim * top.bands,))


@pytest.mark.parametrize("head", ["linear", "attention"])
@pytest.mark.parametrize("name", ["hubert", "efficientnet"])
def test_the_encoder_stays_in_evaluation_mode(name: str, head: str, long: tuple[Corpus, pl.DataFrame]) -> None:
    network = network_of(FinetuneConfig(head=head, frames=4), name)
    before = {key: value.clone() for key, value in network.encoder.named_buffers()}
    network.train()
    assert network.probe.training
    assert not any(each.training for each in network.encoder.modules())
    sounds = EventSounds(*long, network.encoder, segment_s=0.5)
    network([sounds.drawn(0), sounds.drawn(1)]).sum().backward()
    assert all(torch.equal(value, before[key]) for key, value in network.encoder.named_buffers())
    assert all(each.grad is not None for each in network.tuned.parameters())


def test_one_step_is_the_step_of_plain_torch(chirps: Chirps) -> None:
    """Encoder, mean over time, linear map: the loop and the plumbing above it give the weights of four plain lines."""
    corpus, events, labels, _ = chirps
    config = FinetuneConfig(statistics=("mean",), frames=None, segment_s=0.5, options={"dropout": 0.0})
    network = network_of(config)
    probe = network.probe
    with torch.no_grad():
        probe.head.classifier.weight.normal_(generator=torch.Generator().manual_seed(3))
        probe.fusion.scale.fill_(1.0)
    sounds = FineTuned(config).sounds(corpus, events, network.encoder)
    targets = torch.tensor([0 if label == "up" else 1 for label in labels[:6]])
    plain, classifier = build("hubert").requires_grad_(True), nn.Linear(32, 2)
    classifier.load_state_dict(probe.head.classifier.state_dict())

    class Batches:
        def __len__(self) -> int:
            return 6

        def batch(self, indices: torch.Tensor) -> tuple[list[list[object]], torch.Tensor]:
            return [sounds.drawn(int(row)) for row in indices], targets[indices]  # type: ignore[return-value]

    once = TrainingConfig(epochs=1, batch_size=6, learning_rate=0.1, warmup_epochs=0, clip=None, weight_decay=0.0)
    train(
        network,
        Batches(),
        lambda module, batch: nn.functional.cross_entropy(module(batch[0]), batch[1]),
        once,
        rates=lambda name: 0.2 if name.startswith("tuned.") else 1.0,
    )
    waves = torch.stack([torch.from_numpy(sounds.windows(row)[0].sound) for row in range(6)])
    means = plain(waves)["block1"].values.flatten(2).mean(dim=1)
    nn.functional.cross_entropy(classifier(means), targets).backward()
    groups = [{"params": plain.parameters(), "lr": 0.02}, {"params": classifier.parameters(), "lr": 0.1}]
    torch.optim.AdamW(groups, weight_decay=0.0, eps=1e-8).step()
    torch.testing.assert_close(probe.head.classifier.weight, classifier.weight, rtol=0, atol=1e-5)
    moved = 0.0
    for name, value in network.encoder.named_parameters():
        wanted = dict(plain.named_parameters())[name]
        sure = torch.ones_like(wanted, dtype=torch.bool) if wanted.grad is None else wanted.grad.abs() > 1e-6
        torch.testing.assert_close(value[sure], wanted[sure], rtol=0, atol=1e-5)  # Adam's sign of nothing is noise
        moved = max(moved, float(sure.float().mean()))
    assert moved > 0.5
