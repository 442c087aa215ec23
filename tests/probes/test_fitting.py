from __future__ import annotations

import numpy as np
from tests.probes.synthetic import make_examples

from tymbal.probes import CachedExamples, Probe, ProbeConfig
from tymbal.probes.fitting import Inputs, standardisation
from tymbal.training import TrainingConfig


def test_standardisation_is_over_real_frames_of_the_given_rows() -> None:
    examples, _, _ = make_examples(garbage=1e6)
    cached = CachedExamples(examples)
    inputs = Inputs.of(cached, ("a",), ProbeConfig(), frames=True)
    rows = np.array([3, 5, 8])
    center, scale = standardisation(inputs, rows)
    real = np.concatenate([examples.features["a"][row][examples.masks["a"][row]] for row in rows]).astype(np.float64)
    np.testing.assert_allclose(center, real.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(1 / scale, real.std(axis=0), rtol=1e-5)


def test_constant_and_missing_values_get_no_scale() -> None:
    values = np.array([[1.0, 1e8, np.nan, 2.0], [3.0, 1e8, np.nan, np.nan]], dtype=np.float32)
    center, scale = standardisation(Inputs(values, None, (4,)), np.array([0, 1]))
    assert scale.tolist() == [1.0, 0.0, 0.0, 0.0]
    assert center.tolist() == [2.0, 1e8, 0.0, 2.0]


def test_equal_accuracies_are_told_apart_by_the_loss() -> None:
    """Six watched examples, easy ones: all right after an epoch or two, yet training must go on while it helps."""
    examples, labels, _ = make_examples(90, strength=4.0)
    held, truth, _ = make_examples(6, seed=3, strength=4.0)
    best = {}
    for monitor in ("accuracy", "score"):
        training = TrainingConfig(epochs=30, batch_size=16, warmup_epochs=1, monitor=monitor, direction="max")
        probe = Probe(head="linear", dim=8, training=training).fit(examples, labels, validation=(held, truth))
        assert probe.score(held, truth) == 1.0
        best[monitor] = probe.notes_["best_epoch"]
    assert best["accuracy"] < 15
    assert best["score"] > best["accuracy"] + 10


def test_a_rare_label_among_several_is_waited_for() -> None:
    """Saying no to everything is right nine times in ten after one epoch: the best epoch must not be that one."""
    examples, labels, _ = make_examples(120, classes=3, strength=0.8)
    sets = [["rare"] if label == "kind0" and row % 2 else [] for row, label in enumerate(labels)]
    held, truth, _ = make_examples(60, classes=3, strength=0.8, seed=3)
    watched = [["rare"] if label == "kind0" and row % 2 else [] for row, label in enumerate(truth)]
    best = {}
    for monitor in ("accuracy", "score"):
        training = TrainingConfig(epochs=12, batch_size=16, warmup_epochs=4, monitor=monitor, direction="max")
        probe = Probe(head="linear", dim=8, multilabel=True, training=training)
        probe.fit(examples, sets, validation=(held, watched))
        best[monitor] = probe.score(held, watched, metric="auroc"), probe.notes_["best_epoch"]
    assert best["score"][1] > best["accuracy"][1]
    assert best["score"][0] > best["accuracy"][0]
