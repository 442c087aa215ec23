from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch
from tests.probes.synthetic import make_examples

from tymbal.errors import DataError, UsageError
from tymbal.features import Examples
from tymbal.probes import HEADS, CachedExamples, Probe, ProbeConfig
from tymbal.training import TrainingConfig

QUICK = TrainingConfig(epochs=12, warmup_epochs=1, batch_size=16, learning_rate=5e-3)


def test_the_constructor_only_stores() -> None:
    config = ProbeConfig(head="no such head", dim=-1)
    assert Probe(config).config is config
    assert Probe(head="ridge").config.head == "ridge"
    assert Probe(config, head="ridge").config == dataclasses.replace(config, head="ridge")
    assert "not fitted" in repr(Probe())
    with pytest.raises(UsageError, match="dim is -1"):
        Probe(config).fit(*make_examples()[:2])


def test_before_fit_everything_says_so(tmp_path) -> None:
    examples, labels, _ = make_examples()
    for call in (
        lambda: Probe().predict(examples),
        lambda: Probe().predict_proba(examples),
        lambda: Probe().score(examples, labels),
        lambda: Probe().save(tmp_path / "p"),
        lambda: Probe().layer_weights(),
    ):
        with pytest.raises(UsageError, match="not fitted yet"):
            call()


def test_fit_returns_self_and_sets_what_ends_in_an_underscore() -> None:
    examples, labels, groups = make_examples()
    probe = Probe(head="linear", training=QUICK, dim=8)
    assert probe.fit(examples, labels, groups=groups) is probe
    assert probe.layers_ == ("a", "b")
    assert probe.labels_ == ("kind0", "kind1", "kind2")
    assert probe.dims_ == (5, 8)
    assert probe.encoder_checksum_ == "c0ffee"
    weights = probe.layer_weights()
    assert weights is not None
    assert set(weights) == {"a", "b"}
    assert sum(weights.values()) == pytest.approx(1, rel=1e-5)
    assert repr(probe) == "Probe(linear on all, 3 labels)"
    assert Probe(head="linear", layers="last", training=QUICK).fit(examples, labels).layer_weights() is None


def test_the_informative_layer_gets_the_weight() -> None:
    examples, labels, groups = make_examples(150, dims=(6, 6, 6), frames=(8, 8, 8), strength=0.0)
    strong, _, _ = make_examples(150, dims=(6,), frames=(8,), strength=2.0)
    examples.features["b"][:], examples.masks["b"][:] = strong.features["a"], strong.masks["a"]
    probe = Probe(head="linear", dim=16, training=dataclasses.replace(QUICK, epochs=60)).fit(
        examples, labels, groups=groups
    )
    weights = probe.layer_weights()
    assert weights is not None
    assert max(weights, key=lambda name: weights[name]) == "b"


def test_rows_are_the_examples_alone() -> None:
    examples, labels, groups = make_examples()
    rows = np.arange(0, 60, 2)
    for head in ("ridge", "linear"):
        probe = Probe(head=head, training=QUICK)
        whole = probe.fit(CachedExamples(examples), labels, groups=groups, rows=rows).predict_proba(examples)
        alone = probe.fit(
            examples.take(rows), [labels[row] for row in rows], groups=[groups[row] for row in rows]
        ).predict_proba(examples)
        np.testing.assert_allclose(whole, alone, rtol=1e-4, atol=1e-5)
        found = probe.predict_proba(examples, rows=rows)
        np.testing.assert_allclose(found, alone[rows], rtol=1e-5, atol=1e-6)
        spoiled = [label if row in rows else "kind0" for row, label in enumerate(labels)]
        again = probe.fit(examples, spoiled, groups=groups, rows=rows).predict_proba(examples)
        np.testing.assert_array_equal(whole, again)


def test_given_validation_decides_when_to_stop() -> None:
    examples, labels, _ = make_examples(90)
    held, truth, _ = make_examples(30, seed=5)
    config = ProbeConfig(head="linear", training=dataclasses.replace(QUICK, epochs=40, patience=3, monitor="accuracy"))
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, direction="max"))
    probe = Probe(config).fit(examples, labels, validation=(held, truth))
    assert probe.notes_["stopped_by"] == "validation"
    assert probe.notes_["epochs"] < 40
    wrong = [labels[(labels.index(label) + 1) % 3] for label in truth]  # the better it gets, the worse it looks
    other = Probe(config).fit(examples, labels, validation=(held, wrong))
    assert other.notes_["best_epoch"] < probe.notes_["best_epoch"]
    assert other.notes_["validation"] < 0.7
    assert probe.notes_["validation"] > 0.9


def test_without_a_group_to_spare_all_epochs_are_run() -> None:
    examples, labels, _ = make_examples(30)
    probe = Probe(head="linear", training=QUICK).fit(examples, labels, groups=labels)
    assert (probe.notes_["stopped_by"], probe.notes_["epochs"]) == ("all epochs", 12)


def test_the_callers_random_state_is_left_alone() -> None:
    examples, labels, _ = make_examples()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    probe = Probe(head="attention", training=QUICK, dim=8).fit(examples, labels)
    probe.predict(examples)
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_differ() -> None:
    examples, labels, _ = make_examples()
    scores = [
        Probe(head="attention", dim=8, training=dataclasses.replace(QUICK, seed=seed)).fit(examples, labels)
        for seed in (0, 1)
    ]
    assert not np.array_equal(*(probe.predict_proba(examples) for probe in scores))


def test_constant_values_and_layers_without_frames_do_no_harm() -> None:
    examples, labels, groups = make_examples(60)
    examples.features["a"][..., 0] = 1e8
    examples.masks["b"][::7] = False
    for head in ("linear", "attention", "self_attention", "ridge", "logistic"):
        probe = Probe(head=head, dim=16, training=QUICK).fit(examples, labels, groups=groups)
        scores = probe.predict_proba(examples)
        assert np.isfinite(scores).all()
        assert probe.score(examples, labels) > 0.6


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda e: {"encoder_checksum": "beef"}, r"encoder beef, the probe was fitted to c0ffee"),
        (lambda e: {"features": {"b": e.features["b"]}, "masks": {"b": e.masks["b"]}}, "taps layer 'a'"),
        (lambda e: {"features": e.features | {"a": e.features["a"][..., :3]}}, r"layers of \(3, 8\)"),
    ],
)
def test_other_features_are_refused(change, said: str) -> None:
    examples, labels, _ = make_examples()
    probe = Probe(head="ridge").fit(examples, labels)
    with pytest.raises(DataError, match=said):
        probe.predict(dataclasses.replace(examples, **change(examples)))


def test_bad_calls_are_refused_by_name() -> None:
    examples, labels, groups = make_examples()
    with pytest.raises(DataError, match="59 labels for 60 examples"):
        Probe(head="ridge").fit(examples, labels[1:])
    with pytest.raises(DataError, match="3 groups for 60 examples"):
        Probe(head="ridge").fit(examples, labels, groups=groups[:3])
    with pytest.raises(DataError, match=r"no layer 'z'.*last, all, a, b"):
        Probe(head="ridge", layers=("z",)).fit(examples, labels)
    with pytest.raises(DataError, match="all 60 examples are 'x'"):
        Probe(head="ridge").fit(examples, ["x"] * 60)
    probe = Probe(head="ridge").fit(examples, labels)
    with pytest.raises(DataError, match="'never'"):
        probe.score(examples, ["never"] * 60)


def test_scores_are_those_of_evaluation() -> None:
    examples, labels, _ = make_examples(strength=0.4)
    probe = Probe(head="ridge").fit(examples, labels)
    predicted = probe.predict(examples)
    right = np.mean([a == b for a, b in zip(predicted, labels, strict=True)])
    assert probe.score(examples, labels) == pytest.approx(right)
    assert 0.5 < probe.score(examples, labels, metric="auroc") <= 1


def test_examples_by_hand_need_no_table_but_rows() -> None:
    examples, labels, _ = make_examples()
    bare = Examples(examples.features, examples.masks, examples.table.select("event_id"))
    assert Probe(head="ridge").fit(bare, labels).encoder_checksum_ == ""


def test_rows_may_be_a_mask() -> None:
    examples, labels, _ = make_examples()
    mask = np.arange(60) % 4 > 0
    rows = np.flatnonzero(mask)
    by_mask, by_number = (Probe(head="ridge").fit(examples, labels, rows=given) for given in (mask, rows))
    np.testing.assert_array_equal(by_mask.predict_proba(examples), by_number.predict_proba(examples))
    assert by_mask.predict(examples, rows=(~mask).tolist()) == by_number.predict(examples, rows=np.flatnonzero(~mask))
    assert by_mask.score(examples, labels, rows=~mask) == by_number.score(examples, labels, rows=np.flatnonzero(~mask))
    assert by_mask.predict(examples, rows=[]) == []


@pytest.mark.parametrize("rows", [[True, False], [0, 60], [-1], [0.5], [[0, 1]]])
def test_rows_that_are_no_rows_are_refused(rows: list[object]) -> None:
    examples, labels, _ = make_examples()
    probe = Probe(head="ridge").fit(examples, labels)
    for call in (
        lambda: Probe(head="ridge").fit(examples, labels, rows=rows),
        lambda: probe.predict(examples, rows=rows),
        lambda: probe.score(examples, labels, rows=rows),
    ):
        with pytest.raises(DataError, match="rows"):
            call()


def test_a_setting_that_is_none_is_named() -> None:
    with pytest.raises(UsageError, match=r"ProbeConfig: there is no 'heads'.*Did you mean 'head'"):
        Probe(heads="ridge")


@pytest.mark.parametrize("head", sorted(HEADS))
def test_no_examples_give_no_predictions(head: str) -> None:
    examples, labels, _ = make_examples(24)
    training = dataclasses.replace(QUICK, epochs=1)
    options = {"size": 28} if head == "moment" else {}
    probe = Probe(head=head, dim=16, options=options, training=training).fit(examples, labels)
    none = examples.take(np.arange(0))
    assert probe.predict_proba(none).shape == (0, 3)
    assert probe.predict(none) == []


def test_labels_are_taken_by_place_whatever_holds_them() -> None:
    examples, labels, groups = make_examples()
    expected = Probe(head="ridge").fit(examples, labels, groups=groups).predict(examples)
    for held in (np.array(labels), pl.Series(labels)):
        found = Probe(head="ridge").fit(examples, held, groups=pl.Series(groups))
        assert found.predict(examples) == expected
        assert type(found.labels_[0]) is str
        assert found.score(examples, held, rows=range(5)) == found.score(examples, labels, rows=range(5))


def test_what_cannot_be_learned_from_is_named() -> None:
    examples, labels, groups = make_examples(24)
    other = Examples({"b": examples.features["b"]}, {"b": examples.masks["b"]}, examples.table)
    narrow = dataclasses.replace(examples, features=examples.features | {"a": examples.features["a"][..., :2]})
    silent = dataclasses.replace(examples, masks={name: mask & False for name, mask in examples.masks.items()})
    huge = dataclasses.replace(examples, features={name: 1e30 * each for name, each in examples.features.items()})
    texts = dataclasses.replace(examples, features={name: each.astype(str) for name, each in examples.features.items()})
    empty = dataclasses.replace(
        examples,
        features={name: each[:, :0] for name, each in examples.features.items()},
        masks={name: each[:, :0] for name, each in examples.masks.items()},
    )
    for call, said in (
        (lambda: Probe().fit(silent, labels), "layers a, b: none of 24 examples has a real frame"),
        (lambda: Probe().fit(huge, labels), "24 of 24 examples hold NaN, infinite or huge features"),
        (lambda: Probe().fit(texts, labels), "layer 'a': features of <U"),
        (lambda: Probe().fit(empty, labels), r"layer 'a': features of shape \(24, 0, 5\)"),
        (lambda: Probe().fit(examples, labels, groups=[None, *groups[1:]]), "group None of example 0"),
        (
            lambda: Probe().fit(examples, labels, validation=(examples.take(np.arange(0)), [])),
            "validation: no examples",
        ),
        (lambda: Probe().fit(examples, labels, validation=(other, labels)), "validation: no layer 'a'"),
        (lambda: Probe().fit(examples, labels, validation=(narrow, labels)), "validation: layers of"),
    ):
        with pytest.raises(DataError, match=said):
            call()
