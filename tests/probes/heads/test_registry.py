"""What every registered head must do; a new head is tested by being registered."""

from __future__ import annotations

import numpy as np
import pytest
from tests.probes.synthetic import make_examples

from tymbal.errors import ConfigError, UsageError
from tymbal.probes import HEADS, Probe, ProbeConfig
from tymbal.probes.heads import get_head, head_options
from tymbal.training import TrainingConfig

SMALL = {"moment": {"size": 48}, "mlp": {"hidden": (32,)}, "lstm": {"hidden": 16}}  # small enough for tests
QUICK = TrainingConfig(epochs=15, warmup_epochs=1, batch_size=16, learning_rate=5e-3)


def config(head: str, **fields: object) -> ProbeConfig:
    return ProbeConfig(head=head, options=SMALL.get(head, {}), dim=16, training=QUICK, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("head", sorted(HEADS))
@pytest.mark.parametrize("layers", ["last", "all"])
def test_it_learns_and_padding_changes_nothing(head: str, layers: str) -> None:
    clean, labels, groups = make_examples(90)
    dirty, _, _ = make_examples(90, garbage=1e5)
    poisoned, _, _ = make_examples(90, garbage=float("nan"))
    probes = [Probe(config(head, layers=layers)).fit(each, labels, groups=groups) for each in (clean, dirty, poisoned)]
    unseen, truth, _ = make_examples(30, seed=1)
    scores = [probe.predict_proba(unseen) for probe in probes]
    assert np.array_equal(scores[0], scores[1])
    assert np.array_equal(scores[0], scores[2])
    assert scores[0].shape == (30, 3)
    np.testing.assert_allclose(scores[0].sum(axis=1), 1, rtol=1e-5)
    assert probes[0].score(unseen, truth) > 0.9


@pytest.mark.parametrize("head", sorted(HEADS))
def test_noise_stays_at_chance(head: str) -> None:
    examples, labels, groups = make_examples(120, strength=0.0)
    probe = Probe(config(head)).fit(examples, labels, groups=groups, rows=range(60))
    assert probe.score(examples, labels, rows=range(60, 120)) < 0.55


@pytest.mark.parametrize("head", sorted(HEADS))
def test_several_labels(head: str) -> None:
    examples, labels, groups = make_examples(90)
    several = [[] if label == "kind0" else [label, "both"] for label in labels]
    probe = Probe(config(head, multilabel=True)).fit(examples, several, groups=groups)
    assert probe.labels_ == ("both", "kind1", "kind2")
    scores = probe.predict_proba(examples)
    assert ((scores >= 0) & (scores <= 1)).all()
    assert probe.score(examples, several) > 0.9
    right = [set(found) == set(wanted) for found, wanted in zip(probe.predict(examples), several, strict=True)]
    assert np.mean(right) > 0.8


@pytest.mark.parametrize("head", sorted(HEADS))
def test_balanced_classes_move_scores_towards_the_rare(head: str) -> None:
    examples, labels, groups = make_examples(120, strength=0.25)
    rare = [row for row, label in enumerate(labels) if label != "kind2" or row % 12 == 2]
    shares = []
    for weight in ("none", "balanced"):
        probe = Probe(config(head, class_weight=weight)).fit(examples, labels, groups=groups, rows=rare)
        shares.append(probe.predict_proba(examples)[:, 2].mean())
    assert shares[1] > 1.3 * shares[0]


@pytest.mark.parametrize("head", sorted(HEADS))
def test_the_same_seed_gives_the_same_bits_and_a_saved_probe_too(head: str, tmp_path) -> None:
    examples, labels, groups = make_examples()
    first, second = (Probe(config(head)).fit(examples, labels, groups=groups) for _ in range(2))
    scores = first.predict_proba(examples)
    assert np.array_equal(scores, second.predict_proba(examples))
    path = first.save(tmp_path / "p.safetensors")
    assert np.array_equal(scores, Probe.load(path).predict_proba(examples))
    assert path.read_bytes() == second.save(tmp_path / "q.safetensors").read_bytes()


def test_unknown_heads_and_options_are_named() -> None:
    with pytest.raises(UsageError, match=r"unknown head 'svm'.*linear, mlp, attention"):
        get_head("svm")
    with pytest.raises(ConfigError, match=r"unknown field 'queries' for LinearOptions"):
        head_options(get_head("linear"), {"queries": 3})
    with pytest.raises(ConfigError, match="dropout"):
        head_options(get_head("linear"), {"dropout": "much"})
    for name, options, said in (
        ("linear", {"dropout": 1.0}, r"options of head linear: dropout is 1.0 \(allowed: 0 to below 1\)"),
        ("lstm", {"dropout": float("nan")}, "dropout is nan"),
        ("attention", {"queries": 0}, r"queries is 0 \(allowed: 1 or more\)"),
        ("query_attention", {"entropy": float("inf")}, "entropy is inf"),
    ):
        with pytest.raises(UsageError, match=said):
            head_options(get_head(name), options)
