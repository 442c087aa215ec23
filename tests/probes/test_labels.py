from __future__ import annotations

import numpy as np
import pytest

from tymbal.errors import DataError
from tymbal.probes.labels import LabelCoder, class_weights


def test_names_are_sorted_and_come_back() -> None:
    coder = LabelCoder.learn(["b", "a", "c", "a"], multilabel=False)
    assert coder.names == ("a", "b", "c")
    targets = coder.encode(["b", "a", "c", "a"])
    assert targets.tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1], [1, 0, 0]]
    assert coder.decode(targets) == ["b", "a", "c", "a"]


def test_several_labels_and_none() -> None:
    coder = LabelCoder.learn([["b", "a"], [], {"c"}], multilabel=True)
    targets = coder.encode([["b", "a"], [], {"c"}])
    assert targets.tolist() == [[1, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert coder.decode(targets) == [["a", "b"], [], ["c"]]


@pytest.mark.parametrize(
    ("labels", "multilabel", "said"),
    [
        (["a", "a"], False, r"all 2 examples are 'a'.*2 classes or more"),
        ([[], []], True, r"no example has a label.*1 class or more"),
        ([], False, "no examples"),
        (["a", None], False, "None of example 1"),
        (["a", "b"], True, "'a' of example 0"),
        ([["a"], ["b"]], False, "example 0"),
    ],
)
def test_labels_of_the_wrong_kind_are_refused(labels: list[object], multilabel: bool, said: str) -> None:
    with pytest.raises(DataError, match=said):
        LabelCoder.learn(labels, multilabel=multilabel)  # type: ignore[arg-type]


def test_a_label_never_learned_is_named() -> None:
    with pytest.raises(DataError, match=r"'z' of example 1.*allowed: a, b"):
        LabelCoder(("a", "b"), False).encode(["a", "z"])


def test_balanced_weights_give_every_class_the_same_sum() -> None:
    targets = np.eye(4, dtype=np.float32)[[0, 0, 0, 0, 1, 1, 2]]
    weights = class_weights(targets, "balanced")
    sums = (targets * weights).sum(axis=0)
    np.testing.assert_allclose(sums, [7 / 3, 7 / 3, 7 / 3, 0], rtol=1e-6)
    assert np.array_equal(class_weights(targets, "none"), np.ones(4))
