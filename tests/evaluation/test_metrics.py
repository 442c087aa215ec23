"""Every metric against its slow twin and against scikit-learn, weights and ties included."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer
from tests.reference import classification as slow

from tymbal.errors import DataError, UsageError
from tymbal.evaluation import METRICS, measure
from tymbal.evaluation.problem import Problem

FEW = settings(max_examples=60, deadline=None)
LABELS = [name for name, metric in METRICS.items() if metric.takes == "labels"]
SCORES = [name for name, metric in METRICS.items() if metric.takes == "scores"]


@st.composite
def cases(draw: st.DrawFn) -> dict[str, np.ndarray]:
    """Small problems with few distinct scores (so ties), unequal units and multiplicities with zeros."""
    classes, examples, units = draw(st.integers(2, 4)), draw(st.integers(2, 24)), draw(st.integers(1, 6))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    levels = draw(st.sampled_from([2, 4, 1000]))
    reference = random.integers(0, classes, examples)
    reference[:2] = [0, 1]
    return {
        "reference": reference,
        "predicted": random.integers(0, classes, examples),
        "member": random.random((examples, classes)) < draw(st.sampled_from([0.1, 0.4])),
        "scores": random.integers(0, levels, (examples, classes)) / levels,
        "unit": random.integers(0, units, examples),
        "weights": random.multinomial(units, np.full(units, 1 / units)).astype(float),
    }


def problem(case: dict[str, np.ndarray], reference: np.ndarray, given_: np.ndarray) -> Problem:
    units = len(case["weights"])
    classes = int(max(reference.max(), given_.max())) + 1 if given_.ndim == 1 else given_.shape[1]
    return Problem(reference, given_, case["unit"], tuple(map(str, range(units))), classes)


def same(fast: float, twin: float) -> bool:
    return (math.isnan(fast) and math.isnan(twin)) or fast == pytest.approx(twin, abs=1e-12)


@FEW
@given(case=cases())
def test_label_metrics_equal_their_twins_under_any_multiplicity(case: dict[str, np.ndarray]) -> None:
    bound = problem(case, case["reference"], case["predicted"])
    weights = case["weights"][case["unit"]]
    for name in LABELS:
        fast = METRICS[name].prepare(bound)(case["weights"][None])[0]
        whole = weights.sum()
        twin = getattr(slow, name)(case["reference"], case["predicted"], weights) if whole else math.nan
        assert same(fast, twin), name


@FEW
@given(case=cases(), several=st.booleans())
def test_score_metrics_equal_their_twins_under_any_multiplicity(case: dict[str, np.ndarray], several: bool) -> None:
    member = case["member"] if several else case["reference"][:, None] == np.arange(case["scores"].shape[1])
    bound = problem(case, case["member"] if several else case["reference"], case["scores"])
    weights = case["weights"][case["unit"]]
    for name in ("map", "cmap", "auroc"):
        fast = METRICS[name].prepare(bound)(case["weights"][None])[0]
        assert same(fast, slow.macro(name, member, case["scores"], weights)), name
    fast = METRICS["top1"].prepare(bound)(case["weights"][None])[0]
    labelled = weights[member.any(axis=1)].sum()
    assert same(fast, slow.top1(member, case["scores"], weights) if labelled else math.nan)


@FEW
@given(case=cases())
def test_metrics_equal_scikit_learn(case: dict[str, np.ndarray]) -> None:
    reference, predicted, scores = case["reference"], case["predicted"], case["scores"]
    assert measure("accuracy", reference, predicted) == pytest.approx(peer.accuracy_score(reference, predicted))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of predicted labels that the reference lacks
        theirs = peer.balanced_accuracy_score(reference, predicted)
    assert measure("balanced_accuracy", reference, predicted) == pytest.approx(theirs)
    member = reference[:, None] == np.arange(scores.shape[1])
    kept = [c for c in range(scores.shape[1]) if 0 < member[:, c].sum() < len(member)]
    precision = [peer.average_precision_score(member[:, c], scores[:, c]) for c in kept]
    area = [peer.roc_auc_score(member[:, c], scores[:, c]) for c in kept]
    assert measure("cmap", reference, scores) == pytest.approx(np.mean(precision))
    assert measure("map", reference, scores) == pytest.approx(np.sum(precision) / scores.shape[1])
    assert measure("auroc", reference, scores) == pytest.approx(np.mean(area))


def test_weights_are_copies() -> None:
    """A multiplicity of 3 is the same as three copies of the unit's examples, as scikit-learn's sample_weight."""
    random = np.random.default_rng(3)
    member, scores, weight = random.random(40) < 0.4, random.integers(0, 9, 40) / 9.0, random.integers(0, 4, 40)
    both = np.stack([member, ~member], axis=1)
    given_ = np.stack([scores, 1 - scores], axis=1)
    bound = Problem(both, given_, np.arange(40), tuple(map(str, range(40))), 2)
    fast = METRICS["cmap"].prepare(bound)(weight[None].astype(float))[0]
    theirs = [peer.average_precision_score(both[:, c], given_[:, c], sample_weight=weight) for c in (0, 1)]
    assert fast == pytest.approx(np.mean(theirs))
    copies = np.repeat(np.arange(40), weight)
    assert fast == pytest.approx(measure("cmap", both[copies], given_[copies]))


def test_ties_do_not_depend_on_the_order_of_examples_or_classes() -> None:
    reference, scores = np.array([0, 1, 2, 0, 1, 2]), np.ones((6, 3))
    assert measure("auroc", reference, scores) == 0.5
    assert measure("map", reference, scores) == pytest.approx(1 / 3)
    assert measure("top1", reference, scores) == pytest.approx(1 / 3)


def test_absent_classes_count_zero_in_map_and_nothing_in_cmap() -> None:
    reference, scores = np.array([0, 1, 0, 1]), np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0]])
    assert measure("map", reference, scores) == 0.5
    assert measure("cmap", reference, scores) == 1.0
    assert measure("auroc", reference, scores) == 1.0


@pytest.mark.parametrize(
    ("metric", "reference", "said", "words"),
    [
        ("accuracy", ["a", "b"], ["a"], "2 reference labels and 1 predictions"),
        ("accuracy", ["a", "a"], ["a", "b"], "every example is of one class, a"),
        ("accuracy", [], [], "no examples"),
        ("accuracy", ["a", None], ["a", "b"], "a label is missing"),
        ("accuracy", ["a", "b"], [0, 1], "not of one kind"),
        ("map", [0, 1], [[0.1, 0.9], [0.2, math.nan]], "first is example 1"),
        ("map", ["a", "b"], [[0.1, 0.9], [0.2, 0.3]], "encode(reference, labels)"),
        ("map", [0, 2], [[0.1, 0.9], [0.2, 0.3]], "class numbers 0 to 2 for 2"),
        ("map", [0, 1], [0.1, 0.9], "scores of shape (2,)"),
        ("auroc", [[1, 1], [1, 1]], [[0.1, 0.9], [0.2, 0.3]], "undefined"),
        ("map", [[0, 3], [1, 1]], [[0.1, 0.9], [0.2, 0.3]], "not 0 or 1"),
    ],
)
def test_bad_arrays_are_refused_in_words(metric: str, reference: list, said: list, words: str) -> None:
    with pytest.raises(DataError, match=r".") as caught:
        measure(metric, reference, said)
    assert words in str(caught.value)


def test_an_unknown_metric_lists_those_there_are() -> None:
    with pytest.raises(UsageError, match="balanced_accuracy"):
        measure("f17", [0, 1], [0, 1])
