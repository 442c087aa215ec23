from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.probes.finetuning.conftest import Chirps, build

from tymbal.probes import Probe
from tymbal.probes.config import PROBE_TRAINING
from tymbal.probes.finetuning import FinetuneConfig, FineTuned, frozen_examples
from tymbal.probes.finetuning.adapters import LowRankLinear
from tymbal.probes.finetuning.tuning import Labelled, head_config, logits_of, make_network, tapped
from tymbal.probes.finetuning.tuning import _rates as rates
from tymbal.probes.finetuning.tuning import _start as start
from tymbal.probes.pooling import CachedExamples
from tymbal.training import TrainingConfig

HEAD = TrainingConfig(epochs=5, warmup_epochs=0.0, patience=None, monitor="score", direction="max")
BRIEF = TrainingConfig(epochs=2, batch_size=8, warmup_epochs=0.0, patience=5, monitor="score", direction="max")


def quick(**fields: object) -> FinetuneConfig:
    given = {"segment_s": 0.5, "frames": 4, "training": BRIEF, "head_training": HEAD, **fields}
    return FinetuneConfig(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(("mode", "layers", "head"), [("full", "last", "linear"), ("lora", "all", "attention")])
def test_before_any_step_it_is_the_probe_on_frozen_features(mode: str, layers: str, head: str, chirps: Chirps) -> None:
    corpus, events, labels, groups = chirps
    encoder = build("hubert")
    config = quick(mode=mode, layers=layers, head=head)
    sounds = FineTuned(config).sounds(corpus, events, encoder)
    names = tapped(config, encoder)
    frozen = frozen_examples(encoder, names, sounds, config)
    probe = Probe(head_config(config)).fit(frozen, labels, groups=groups, watch=list(range(8)), rows=range(8, 32))
    cached = CachedExamples(frozen)
    targets = np.array([[label == name for name in probe.labels_] for label in labels], dtype=np.float32)
    network = make_network(encoder, names, config, 2, cached.dims(names))
    start(network, config, Labelled(sounds, cached, targets, np.arange(8, 32), np.arange(8)))
    network.eval()
    with torch.no_grad():
        found = torch.softmax(logits_of(network, sounds, np.arange(32)), dim=1).numpy()
    np.testing.assert_allclose(found, probe.predict_proba(frozen), atol=1e-5)


@pytest.mark.parametrize(("mode", "kinds"), [("full", {"weight", "bias"}), ("layernorm", {"weight", "bias"})])
def test_only_what_the_mode_names_changes(mode: str, kinds: set[str], chirps: Chirps) -> None:
    corpus, events, labels, groups = chirps
    encoder = build("hubert")
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    model = FineTuned(quick(mode=mode, head_first=False, encoder_learning_rate=1e-2))
    model.fit(encoder, model.sounds(corpus, events, encoder), labels, groups=groups, device="cpu")
    assert all(torch.equal(value, before[name]) for name, value in encoder.state_dict().items())
    after = model.encoder().state_dict()
    changed = {name for name in before if not torch.equal(after[name], before[name])}
    norms = {name for name in before if "norm" in name}
    assert changed
    assert changed <= norms if mode == "layernorm" else changed > norms
    assert model.notes_["encoder_parameters"] == sum(
        before[name].numel() for name in model.tuned_.network.tuned.tensors()
    )


def test_adapters_alone_change_and_merge_into_the_same_scores(chirps: Chirps) -> None:
    corpus, events, labels, groups = chirps
    encoder = build("hubert")
    model = FineTuned(quick(mode="lora", rank=2, head_first=False, encoder_learning_rate=1e-2, targets=("*_proj",)))
    sounds = model.sounds(corpus, events, encoder)
    model.fit(encoder, sounds, labels, groups=groups, device="cpu")
    own = model.tuned_.network.encoder
    adapted = {name for name, part in own.named_modules() if isinstance(part, LowRankLinear)}
    assert adapted
    assert all(name.endswith("_proj") for name in adapted)
    before = encoder.state_dict()
    assert all(torch.equal(value, before[name]) for name, value in own.state_dict().items() if "lora" not in name)
    merged = model.encoder()
    changed = {name for name, value in merged.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"{name}.weight" for name in adapted}
    sound = torch.from_numpy(np.stack([sounds.windows(row)[0].sound for row in range(4)]))
    torch.testing.assert_close(merged(sound)["block1"].values, own(sound)["block1"].values, rtol=1e-5, atol=1e-5)


def test_a_run_that_was_stopped_ends_with_the_same_bits(chirps: Chirps, tmp_path: Path) -> None:
    corpus, events, labels, groups = chirps[0], chirps[1][:12], chirps[2][:12], chirps[3][:12]
    encoder = build("hubert")
    config = quick(mode="lora", rank=2, head="attention", segment_s=0.2, layer_decay=0.5)  # 0.25 s: drawn at random

    def fit(directory: Path | None, stop: int | None = None) -> FineTuned:
        model = FineTuned(config)
        sounds = model.sounds(corpus, events, encoder)
        asked = None if stop is None else lambda step: step == stop
        return model.fit(encoder, sounds, labels, groups=groups, device="cpu", directory=directory, stop=asked)

    whole = fit(None)
    assert not hasattr(fit(tmp_path, stop=2), "tuned_")
    again = fit(tmp_path)
    mine, others = whole.tuned_.network.state_dict(), again.tuned_.network.state_dict()
    assert all(torch.equal(value, others[name]) for name, value in mine.items())
    assert len(list(tmp_path.iterdir())) == 1


def test_rates_fall_from_head_to_the_first_layer() -> None:
    encoder = build("hubert")
    config = quick(encoder_learning_rate=1e-4, layer_decay=0.5)
    network = make_network(encoder, ("block1",), config, 2, (32,))
    found = rates(network)
    assert found("probe.head.classifier.weight") == 1.0
    assert found("tuned.blocks/1/fc1/weight") == pytest.approx(0.1)
    assert found("tuned.blocks/0/fc1/weight") == pytest.approx(0.05)
    assert found("tuned.convolutions/0/conv/weight") == pytest.approx(0.025)
    flat = rates(make_network(encoder, ("block1",), quick(encoder_learning_rate=1e-4), 2, (32,)))
    assert flat("tuned.convolutions/0/conv/weight") == pytest.approx(0.1)


def test_the_encoder_follows_its_own_rate(chirps: Chirps) -> None:
    corpus, events, labels = chirps[0], chirps[1][:12], chirps[2][:12]
    encoder = build("cnn14")
    model = FineTuned(quick(head_first=False, encoder_learning_rate=1e-12))
    model.fit(encoder, model.sounds(corpus, events, encoder), labels, rows=range(8), watch=range(8, 12), device="cpu")
    before, after = encoder.state_dict(), model.encoder().state_dict()
    assert max(float((after[name] - before[name]).abs().max()) for name in before) < 1e-9
    faster = FineTuned(quick(head_first=False, encoder_learning_rate=1e-3))
    faster.fit(encoder, faster.sounds(corpus, events, encoder), labels, rows=range(8), watch=range(8, 12), device="cpu")
    after = faster.encoder().state_dict()
    assert max(float((after[name] - before[name]).abs().max()) for name in before) > 1e-4


def test_training_that_only_harms_leaves_the_probe(chirps: Chirps) -> None:
    """Labels that the frozen features tell, and rates that wreck them."""
    corpus, events, _, groups = chirps
    encoder = build("hubert")
    rates = {"encoder_learning_rate": 3.0, "training": replace(BRIEF, learning_rate=3.0)}
    model = FineTuned(quick(head_training=PROBE_TRAINING, **rates))
    sounds = model.sounds(corpus, events, encoder)
    frozen = frozen_examples(encoder, ("block1",), sounds, model.config)
    told = frozen.features["block1"].mean(axis=1)[:, 0]
    labels = ["high" if value > np.median(told) else "low" for value in told]
    model.fit(encoder, sounds, labels, groups=groups, frozen=frozen, device="cpu")
    assert model.notes_["kept"] == "the start"
    assert model.notes_["validation"] < model.notes_["validation_before"]
    after = model.encoder().state_dict()
    assert all(torch.equal(value, after[name]) for name, value in encoder.state_dict().items())


def test_fine_tuning_beats_the_frozen_random_encoder(many_chirps: Chirps) -> None:
    """Up or down is an order in time: nothing that a mean over random features tells."""
    corpus, events, labels, _ = many_chirps
    encoder = build("cnn14")
    training = replace(BRIEF, epochs=30, learning_rate=3e-3, patience=None)
    config = quick(training=training, encoder_learning_rate=3e-3, statistics=("mean",), frames=None)
    config = replace(config, head_training=PROBE_TRAINING)  # the probe gets all that probes get
    model = FineTuned(config)
    sounds = model.sounds(corpus, events, encoder)
    train, test = list(range(24)), np.arange(24, 48)
    frozen = frozen_examples(encoder, tapped(config, encoder), sounds, config)
    probe = Probe(head_config(config)).fit(frozen, labels, rows=train)
    model.fit(encoder, sounds, labels, rows=train, frozen=frozen, device="cpu")
    tuned = model.predict(sounds, rows=test)
    before = probe.predict(frozen, rows=test)
    right = [np.mean([a == labels[row] for a, row in zip(each, test, strict=True)]) for each in (before, tuned)]
    assert right[1] >= right[0] + 0.2, right
    assert right[1] >= 0.9
