from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from tests.probes.synthetic import make_examples
from tests.reference import closed_form as slow

from tymbal.evaluation import measure
from tymbal.evaluation.calibration import negative_log_likelihood
from tymbal.probes import HEADS, Probe
from tymbal.probes.calibrating import fit_temperature
from tymbal.probes.heads.base import sigmoid, softmax
from tymbal.training import TrainingConfig

ONES = np.ones(3, dtype=np.float32)


def draw(n: int, multilabel: bool, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits and targets drawn with exactly their probabilities."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, 3))
    if multilabel:
        return logits, (rng.random(logits.shape) < sigmoid(logits)).astype(float)
    drawn = (softmax(logits).cumsum(axis=1) < rng.random((n, 1))).sum(axis=1).clip(0, 2)
    return logits, np.eye(3)[drawn]


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 4.0])
def test_a_known_temperature_is_found_again(multilabel: bool, temperature: float) -> None:
    logits, targets = draw(20_000, multilabel)
    found = fit_temperature(temperature * logits, targets, ONES, multilabel)
    assert found == pytest.approx(temperature, rel=0.04)


@pytest.mark.parametrize("multilabel", [False, True])
def test_it_has_the_least_loss_of_a_fine_grid(multilabel: bool) -> None:
    logits, targets = draw(30, multilabel)
    weight = np.array([0.5, 1.0, 3.0], dtype=np.float32)
    found = fit_temperature(2 * logits, targets, weight, multilabel)
    grid = np.exp(np.linspace(-2, 2, 801))
    losses = [slow.temperature_loss(each, 2 * logits, targets, weight, multilabel) for each in grid]
    assert found == pytest.approx(grid[int(np.argmin(losses))], rel=0.01)


def test_few_examples_all_right_or_all_wrong_stay_within_reason() -> None:
    right = np.array([[8.0, 0.0, 0.0]] * 3)
    assert 0.5 < fit_temperature(right, np.eye(3)[[0, 0, 0]], ONES, False) < 1.0
    assert 1.0 < fit_temperature(right, np.eye(3)[[1, 2, 1]], ONES, False) <= np.exp(3)
    assert fit_temperature(np.zeros((0, 3)), np.zeros((0, 3)), ONES, False) == 1.0


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("head", sorted(HEADS))
def test_every_head_keeps_the_order_of_labels_and_its_file_the_temperature(
    head: str, multilabel: bool, tmp_path
) -> None:
    examples, labels, groups = make_examples(60, strength=0.7)
    labels = [[label] if index % 3 else [label, "both"] for index, label in enumerate(labels)] if multilabel else labels
    training = TrainingConfig(epochs=2, warmup_epochs=1, batch_size=16, learning_rate=5e-3)
    probes = {}
    for calibrated in (False, True):
        probe = Probe(head=head, dim=16, training=training, calibrated=calibrated, multilabel=multilabel)
        probes[calibrated] = probe.fit(examples, labels, groups=groups)
    plain, honest = (probes[each].predict_proba(examples) for each in (False, True))
    temperature = probes[True].fitted_.temperature
    assert probes[False].fitted_.temperature == 1.0
    assert probes[True].notes_["temperature"] == temperature
    assert probes[True].notes_["calibrated_on"] > 10
    assert probes[True].predict(examples) == probes[False].predict(examples)
    share = plain.astype(float).clip(1e-30, 1 - 1e-9)
    raw = np.log(share) - np.log1p(-share) if multilabel else np.log(share)
    expected = sigmoid(raw / temperature) if multilabel else softmax(raw / temperature)
    sure = (plain < 1e-4) | (plain > 1 - 1e-4)  # float32 has rounded what the logits were
    np.testing.assert_allclose(honest[~sure], expected[~sure], rtol=2e-2, atol=1e-4)
    loaded = Probe.load(probes[True].save(tmp_path / "p.safetensors"))
    np.testing.assert_array_equal(loaded.predict_proba(examples), honest)


def test_a_bold_head_is_cooled_and_new_examples_are_told_more_honestly() -> None:
    """Trained far too long on noisy labels: sure of what it cannot know."""
    examples, labels, groups = make_examples(160, strength=0.25, groups=40)
    unseen, truth, _ = make_examples(200, strength=0.25, seed=7)
    training = TrainingConfig(epochs=60, warmup_epochs=1, batch_size=16, learning_rate=2e-2)
    training = dataclasses.replace(training, monitor="loss", direction="max")  # the boldest epoch
    probe = Probe(head="linear", options={"dropout": 0.0}, training=training, calibrated=True)
    probe.fit(examples, labels, groups=groups)
    assert probe.fitted_.temperature > 1.2
    numbers = np.array([probe.labels_.index(label) for label in truth])
    honest = probe.predict_proba(unseen)
    probe.fitted_ = dataclasses.replace(probe.fitted_, temperature=1.0)
    bold = probe.predict_proba(unseen)
    assert negative_log_likelihood(numbers, honest).mean() < negative_log_likelihood(numbers, bold).mean()
    assert measure("accuracy", numbers, honest.argmax(1)) == measure("accuracy", numbers, bold.argmax(1))


def test_without_anything_held_out_scores_stay() -> None:
    examples, labels, _ = make_examples(30)
    training = TrainingConfig(epochs=3, warmup_epochs=1, batch_size=16)
    probe = Probe(head="linear", training=training, calibrated=True).fit(examples, labels, groups=labels)
    assert (probe.notes_["temperature"], probe.notes_["calibrated_on"]) == (1.0, 0)
