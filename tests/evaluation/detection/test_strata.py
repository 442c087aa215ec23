"""Recall by overlap and SNR: counts against a plain loop, strata by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.detection.cases import problem, scene
from tests.reference.detection_metrics import Event

from tymbal.evaluation.detection.outcomes import judge
from tymbal.evaluation.detection.strata import count_overlaps, overlap_strata, recall_by, snr_strata


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 25))
def test_overlaps_equal_a_plain_loop(seed: int, count: int) -> None:
    truth, _ = scene(seed, count, 0, recordings=3)
    fast = problem(truth, [Event("r0", 1, 2, "a", 0.5)], recordings=3)
    rows = [truth[row] for row in fast.references.row]
    slow = [
        sum(
            one is not other
            and one.recording == other.recording
            and one.onset_s < other.offset_s
            and other.onset_s < one.offset_s
            for other in rows
        )
        for one in rows
    ]
    assert count_overlaps(fast.references).tolist() == slow


def test_events_that_only_touch_do_not_overlap() -> None:
    for shift in (0.0, 0.1, 12345.678):
        truth = [Event("r0", 1 + shift, 2 + shift, "a"), Event("r0", 2 + shift, 3 + shift, "a"), Event("r1", 1, 9, "a")]
        assert count_overlaps(problem(truth, []).references).tolist() == [0, 0, 0]


def test_recall_falls_into_the_strata_of_the_references() -> None:
    truth = [
        Event("r0", 1, 2, "a"),
        Event("r0", 5, 8, "a"),
        Event("r0", 6, 7, "b"),
        Event("r1", 1, 3, "a"),
        Event("r1", 1.1, 3, "a"),
        Event("r1", 1.2, 3, "a"),
        Event("r1", 1.3, 3, "a"),
    ]
    said = [truth[0]._replace(score=0.9), truth[1]._replace(score=0.9), truth[4]._replace(score=0.9)]
    fast = problem(truth, said)
    table = recall_by(fast, judge(fast, 0.9), overlap_strata(fast))
    assert table.select("stratum", "references", "found").rows() == [("0", 1, 1), ("1", 2, 1), ("3 or more", 4, 1)]
    assert table["low"].null_count() == 3
    snr = np.array([-3.0, 0.0, 4.9, 5.0, 15.0, 20.0, np.nan])
    table = recall_by(fast, judge(fast, 0.9), snr_strata(fast, snr))
    assert table.select("stratum", "references", "found").rows() == [
        ("below 0 dB", 1, 1),
        ("0 to 5 dB", 2, 1),
        ("5 to 10 dB", 1, 0),
        ("10 to 20 dB", 1, 1),
        ("20 dB or more", 1, 0),
    ]


def test_strata_have_intervals_where_eight_units_hold_them() -> None:
    truth, said = scene(4, 150, 200, recordings=12)
    fast = problem(truth, said, recordings=12)
    table = recall_by(fast, judge(fast, 0.5), overlap_strata(fast))
    held = table.filter(table["units"] >= 8)
    assert held.height >= 2
    assert ((held["low"] < held["recall"]) & (held["recall"] < held["high"])).all()
    assert table["references"].sum() == 150
    assert table["found"].sum() / 150 == pytest.approx(judge(fast, 0.5).found.mean())
