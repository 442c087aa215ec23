"""Confusion matrix and per-class table against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peer

from tymbal.errors import DataError
from tymbal.evaluation import confusion, per_class

LABELS = ["b", "a", "<c>"]


@settings(max_examples=40, deadline=None)
@given(pairs=st.lists(st.tuples(st.sampled_from(LABELS), st.sampled_from(LABELS)), min_size=1, max_size=30))
def test_confusion_and_shares_equal_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    reference, predicted = [r for r, _ in pairs], [p for _, p in pairs]
    assert (confusion(reference, predicted, LABELS) == peer.confusion_matrix(reference, predicted, labels=LABELS)).all()
    theirs = peer.precision_recall_fscore_support(reference, predicted, labels=LABELS, zero_division=np.nan)
    ours = per_class(reference, predicted, LABELS)
    assert ours["label"].to_list() == LABELS
    assert ours["support"].to_list() == theirs[3].tolist()
    for column, values in zip(("precision", "recall"), theirs[:2], strict=True):
        assert ours[column].to_list() == [None if np.isnan(v) else pytest.approx(v) for v in values]
    for row, f1 in zip(ours.iter_rows(named=True), theirs[2], strict=True):
        assert row["f1"] == (None if row["support"] + row["predicted"] == 0 else pytest.approx(f1))


def test_a_label_outside_the_list_is_named() -> None:
    with pytest.raises(DataError, match="'z' is not among the 3 labels"):
        confusion(["a"], ["z"], LABELS)
    with pytest.raises(DataError, match="listed twice"):
        confusion(["a"], ["a"], ["a", "a"])
