"""Planted truth: what a fusion or a head is for, in examples that hold nothing else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from tymbal.features import Examples
from tymbal.probes import CachedExamples, Probe, ProbeConfig
from tymbal.probes.fitting import Inputs, ProbeModule
from tymbal.probes.fusions import FUSIONS
from tymbal.probes.heads import get_head
from tymbal.training import TrainingConfig

TRAINING = TrainingConfig(epochs=40, warmup_epochs=2, batch_size=20, learning_rate=1e-2)
N = 120
LABELS = [f"kind{row % 3}" for row in range(N)]


def examples_of(layers: dict[str, np.ndarray], lengths: np.ndarray | None = None) -> Examples:
    frames = next(iter(layers.values())).shape[1]
    lengths = np.full(N, frames) if lengths is None else lengths
    masks = {name: np.arange(frames)[None] < lengths[:, None] for name in layers}
    table = pl.DataFrame({"event_id": [str(row) for row in range(N)]})
    return Examples({name: values.astype(np.float32) for name, values in layers.items()}, masks, table)


def noise(rng: np.random.Generator, frames: int = 10, dim: int = 6) -> np.ndarray:
    return rng.normal(size=(N, frames, dim))


def fit(examples: Examples, rows: range = range(80), **fields: object) -> Probe:
    config = replace(ProbeConfig(dim=16, training=TRAINING), **fields)  # type: ignore[arg-type]
    return Probe(config).fit(examples, LABELS, rows=rows)


def accuracy(examples: Examples, **fields: object) -> float:
    return fit(examples, **fields).score(examples, LABELS, rows=range(80, N))


def in_layer(layer: int) -> Examples:
    """Five layers; the label moves the mean of one alone."""
    rng = np.random.default_rng(0)
    layers = {f"layer{index}": noise(rng) for index in range(5)}
    centers = 1.5 * np.random.default_rng(9).normal(size=(3, 6))
    layers[f"layer{layer}"] += centers[np.arange(N) % 3][:, None]
    return examples_of(layers)


def among_decoys(layer: int | None) -> Examples:
    """Five layers, each with a mark of its own and, all over, one of three kinds: the label in one of them (in all
    for None), a kind drawn by chance in the others. Layers weighed alike outvote the one that knows."""
    rng = np.random.default_rng(0)
    layers = {}
    for index in range(5):
        kinds = np.arange(N) % 3 if layer in (index, None) else rng.integers(3, size=N)
        layers[f"layer{index}"] = noise(rng, 6, 12) + 3 * np.eye(12)[index] + 2 * np.eye(12)[5:8][kinds][:, None]
    return examples_of(layers)


WEIGHING = ["weighted_sum", "normed_sum", "layer_router"]


@pytest.mark.parametrize("layer", [0, 2, 4])
@pytest.mark.parametrize("head", ["linear", "query_attention"])
@pytest.mark.parametrize("fusion", WEIGHING)
def test_learned_weights_find_the_layer_that_holds_the_label(fusion: str, head: str, layer: int) -> None:
    examples = among_decoys(layer)
    routed = fusion == "layer_router"
    probe = fit(examples, fusion=fusion, head=head, fusion_options={"heads": 4} if routed else {})
    weights = probe.layer_weights()
    assert weights is not None
    # A router's heads choose for themselves, and the classifier may leave some of them out.
    assert weights[f"layer{layer}"] > (0.5 if routed else 0.75)
    if routed:
        assert sum(row[layer] > 0.75 for row in probe.notes_["head_layer_weights"]) >= 2
    assert probe.score(examples, LABELS, rows=range(80, N)) > 0.85


def test_layers_weighed_alike_are_outvoted() -> None:
    """What the weights are for: the same probe with weights that cannot move."""
    fixed = {"rate_multiplier": 1e-9}
    assert accuracy(among_decoys(2), head="linear", fusion_options=fixed) < 0.75


@pytest.mark.parametrize("fusion", WEIGHING)
def test_no_layer_is_singled_out_where_all_hold_the_label(fusion: str) -> None:
    weights = fit(among_decoys(None), fusion=fusion, head="linear").layer_weights()
    assert weights is not None
    assert max(weights.values()) < 0.4


@pytest.mark.parametrize("layer", [0, 2, 4])
@pytest.mark.parametrize("fusion", sorted(FUSIONS))
def test_every_fusion_hears_a_label_in_any_layer_it_takes(fusion: str, layer: int) -> None:
    examples = in_layer(layer)
    found = accuracy(examples, fusion=fusion, head="query_attention", training=replace(TRAINING, epochs=20))
    if fusion == "surface" and layer == 2:
        assert found < 0.6  # neither end holds it
    else:
        assert found > 0.85


@pytest.mark.parametrize("layer", [0, 3])
def test_among_tokens_attention_goes_to_those_of_the_layer_that_holds_the_label(layer: int) -> None:
    """One query of one head: more of them may look at other layers too, and be left out by the classifier."""
    examples = among_decoys(layer)
    probe = fit(examples, fusion="tokens", head="query_attention", options={"queries": 1, "heads": 1, "dropout": 0.0})
    inputs = Inputs.of(CachedExamples(examples), probe.layers_, probe.config, frames=True)
    module = ProbeModule(inputs.dims, 3, get_head("query_attention"), probe.config)
    module.load_state_dict(probe.fitted_.tensors)
    with torch.no_grad():
        _, attention = module.attend(torch.from_numpy(inputs.values), torch.from_numpy(inputs.mask))
    shares = attention.view(N, 6, 5).sum(dim=1).mean(dim=0)
    assert float(shares[layer]) > 0.6
    averaged = accuracy(examples, fusion="tokens", head="linear", statistics=("mean",))
    assert probe.score(examples, LABELS, rows=range(80, N)) > averaged + 0.15


def in_one_frame() -> Examples:
    """Every example holds a cue in one of its 24 frames: a common onset, and a pattern that tells the class."""
    rng = np.random.default_rng(1)
    values, patterns = 0.8 * noise(rng, frames=24, dim=8), np.eye(8)[1:4]
    for row in range(N):
        values[row, rng.integers(24)] += 4.0 * np.eye(8)[0] + 4.0 * patterns[row % 3]
    return examples_of({"only": values})


def test_evidence_in_one_frame_is_for_attention_and_prototypes_not_for_the_mean() -> None:
    examples, longer = in_one_frame(), replace(TRAINING, epochs=80)
    mean = accuracy(examples, head="linear", statistics=("mean",), training=longer)
    assert mean < 0.7
    for head in ("attention", "query_attention", "prototypes"):
        assert accuracy(examples, head=head, training=longer) > 0.9, head


def test_order_is_for_the_lstm() -> None:
    """Class by which of two sounds comes first; every mean, maximum and set of frames is the same."""
    rng = np.random.default_rng(2)
    values = 0.3 * noise(rng, frames=6, dim=4)
    orders = [(0, 1, 2), (1, 2, 0), (2, 0, 1)]
    for row in range(N):
        for place, sound in enumerate(orders[row % 3]):
            values[row, 2 * place, sound] += 3.0
    examples, shorter = examples_of({"only": values}), replace(TRAINING, epochs=20)
    assert accuracy(examples, head="lstm", options={"hidden": 16}, training=shorter) > 0.9
    options = {"transformer": {"hidden": 16}, "moment": {"size": 28}}
    for head in ("linear", "query_attention", "transformer", "self_attention", "moment"):
        assert accuracy(examples, head=head, options=options.get(head, {}), training=shorter) < 0.6, head


def test_what_rises_together_is_for_the_moments() -> None:
    """Class by which values move together over time: means, deviations and extremes are alike."""
    rng = np.random.default_rng(3)
    values = noise(rng, frames=40, dim=4)
    for row in range(N):
        values[row, :, 1 + row % 3] = values[row, :, 0]
    examples = examples_of({"only": values})
    assert accuracy(examples, head="linear") < 0.6
    assert accuracy(examples, head="moment", options={"size": 28}) > 0.8


def test_what_is_not_linear_is_for_the_mlp() -> None:
    """Class by the signs of two values: alike for one class, different for the other."""
    rng = np.random.default_rng(4)
    values = np.repeat(rng.choice([-2.0, 2.0], size=(N, 1, 3)), 4, axis=1) + 0.3 * noise(rng, frames=4, dim=3)
    labels = [f"same{signs[0] * signs[1] > 0}" for signs in values[:, :, :2].mean(axis=1)]
    examples = examples_of({"only": values})
    scores = {}
    for head in ("linear", "mlp"):
        options = {"hidden": [32]} if head == "mlp" else {}
        probe = Probe(head=head, options=options, statistics=("mean",), training=TRAINING)
        scores[head] = probe.fit(examples, labels, rows=range(80)).score(examples, labels, rows=range(80, N))
    assert scores["mlp"] > 0.9
    assert scores["linear"] < 0.7
