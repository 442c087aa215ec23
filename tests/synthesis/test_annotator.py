"""What the imperfect annotator misses, shifts and merges."""

from __future__ import annotations

import numpy as np
import pytest

from tymbal.synthesis.annotator import Annotator, annotate
from tymbal.synthesis.distributions import constant
from tymbal.synthesis.truth import Call


def call(label: str, onset: float, offset: float, truth: str = "POS", high: float = 2000.0) -> Call:
    return Call(label, truth, onset, offset, 1000.0, high, 3.0, 0, "tone")  # type: ignore[arg-type]


MANY = [call("a", 2.0 * at, 2.0 * at + 1) for at in range(500)]
EXACT = Annotator(missed=0.0, jitter_s=constant(0), merge_s=constant(0))


def test_the_perfect_annotator_writes_down_the_truth() -> None:
    assert annotate(EXACT, MANY, 1000.0, 1.0, np.random.default_rng(0)) == tuple(MANY)


def test_targets_are_missed_and_times_are_off_as_often_and_far_as_asked() -> None:
    found = annotate(Annotator(missed=0.2, jitter_s=constant(0.05)), MANY, 1000.0, 1.0, np.random.default_rng(0))
    assert len(found) == pytest.approx(400, abs=30)
    off = [each.onset_s - round(each.onset_s / 2) * 2 for each in found]
    assert np.std(off) == pytest.approx(0.05, rel=0.12)
    fast = annotate(Annotator(missed=0.0, jitter_s=constant(0.05)), MANY, 1000.0, 10.0, np.random.default_rng(0))
    assert np.std([each.onset_s - round(each.onset_s / 2) * 2 for each in fast]) == pytest.approx(0.005, rel=0.12)
    others = [call("b", 2.0 * at, 2.0 * at + 1, "NEG") for at in range(50)]
    assert len(annotate(Annotator(missed=0.9), others, 1000.0, 1.0, np.random.default_rng(0))) == 50


def test_events_stay_in_the_scene_and_have_a_length() -> None:
    wild = Annotator(missed=0.0, jitter_s=constant(2.0), merge_s=constant(0))
    found = annotate(wild, [call("a", 0.0, 0.1), call("b", 9.9, 10.0)] * 50, 10.0, 1.0, np.random.default_rng(0))
    assert all(0 <= each.onset_s < each.offset_s <= 10 for each in found)


def test_close_calls_of_one_target_become_one() -> None:
    near = Annotator(missed=0.0, jitter_s=constant(0), merge_s=constant(0.3))
    calls = [
        call("a", 0, 1),
        call("b", 1.1, 2),
        call("a", 1.2, 2, high=4000.0),
        call("a", 3, 4),
        call("a", 4.1, 5, "UNK"),
    ]
    found = annotate(near, calls, 10.0, 1.0, np.random.default_rng(0))
    assert [(each.label, each.onset_s, each.offset_s) for each in found] == [
        ("a", 0, 2),
        ("b", 1.1, 2),
        ("a", 3, 4),
        ("a", 4.1, 5),
    ]
    assert found[0].high_hz == 4000.0
