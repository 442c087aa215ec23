"""Voxaboxen's rule: the total equals brute force without labels, and its habits are as described."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.detection.cases import problem, scene
from tests.reference import box_matching, detection_metrics
from tests.reference.detection_metrics import Event

from tymbal.evaluation.detection.metrics import bind
from tymbal.evaluation.detection.voxaboxen import voxaboxen_counts


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.tuples(st.integers(1, 6), st.integers(0, 6)))
def test_the_matching_heeds_no_label_and_is_the_largest(seed: int, sizes: tuple[int, int]) -> None:
    truth, said = scene(seed, *sizes)
    true, false, missed = voxaboxen_counts(problem(truth, said), 0.5)
    assert true.sum() + false.sum() == len(said)
    assert true.sum() + missed.sum() == len(truth)
    one_label = [[event._replace(label="a") for event in side] for side in (truth, said)]
    alike, _, _ = voxaboxen_counts(problem(*one_label), 0.5)
    assert alike.sum() == box_matching.best_matching(detection_metrics.pairs(truth, said, 0.5, same_label=False))[0]
    assert true.sum() <= alike.sum()


def test_a_box_of_the_wrong_class_takes_the_match() -> None:
    truth = [Event("r0", 1.0, 2.0, "a")]
    said = [Event("r0", 1.0, 2.0, "b", 0.9), Event("r0", 1.0, 1.9, "a", 0.9)]
    of = problem(truth, said)
    assert bind("voxaboxen_micro_f1@0.5", of)[1](np.ones((1, 2)))[0] == 0.0
    assert bind("f1@0.5", of)[1](np.ones((1, 2)))[0] > 0.6


def test_unknown_references_excuse_what_is_on_them() -> None:
    truth = [Event("r0", 1, 2, "a"), Event("r0", 5, 6, "Unknown")]
    said = [Event("r0", 1, 2, "a", 0.9), Event("r0", 5, 6, "a", 0.9), Event("r0", 7, 8, "Unknown", 0.9)]
    true, false, missed = voxaboxen_counts(problem(truth, said), 0.5)
    assert (true.sum(), false.sum(), missed.sum()) == (1, 0, 0)
