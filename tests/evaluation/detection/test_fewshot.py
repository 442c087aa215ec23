"""The DCASE few-shot measure against its slow twin, and each of its rules by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.evaluation.detection.cases import events, scene
from tests.reference import fewshot_measure as slow
from tests.reference.box_matching import iou
from tests.reference.detection_metrics import Event

from tymbal.annotations import make_coverage
from tymbal.errors import DataError, UsageError
from tymbal.evaluation.detection.fewshot import score_fewshot

SUBSETS = {"r0": "x", "r1": "x", "r2": "y"}


def made(seed: int, sizes: tuple[int, int]) -> tuple[list[Event], list[Event]]:
    """References, a quarter of them unknown, and predictions in three recordings."""
    truth, said = scene(seed, *sizes, labels="pppu", recordings=3)
    return [event._replace(label="UNK" if event.label == "u" else "POS") for event in truth], said


def sides(name: str, truth: list[Event], said: list[Event]) -> tuple[list[Event], list[Event], list[Event]]:
    """Of one recording: events to be found, unknown ones, predictions."""
    own = [event for event in truth if event.recording == name]
    known, unknown = ([event for event in own if event.label == label] for label in ("POS", "UNK"))
    return known, unknown, [event for event in said if event.recording == name]


@settings(max_examples=40, deadline=None)
@example(seed=123, sizes=(3, 1), shots=1)  # nothing is left after the shots
@given(seed=st.integers(0, 2**32 - 1), sizes=st.tuples(st.integers(3, 20), st.integers(1, 20)), shots=st.integers(1, 5))
def test_equals_its_twin(seed: int, sizes: tuple[int, int], shots: int) -> None:
    truth, said = made(seed, sizes)
    counts = {name: slow.recording_counts(*sides(name, truth, said), shots, 0.3) for name in SUBSETS}
    if not any(sum(count) for count in counts.values()):  # nothing is left after the shots
        with pytest.raises(DataError, match="neither events nor predictions"):
            score_fewshot(events(said), events(truth), subsets=SUBSETS, shots=shots)
        return
    found = score_fewshot(events(said), events(truth), subsets=SUBSETS, shots=shots)
    rows = {row[0]: row[1:] for row in found.recordings.select("recording", "true", "false", "missed").rows()}
    assert {name: (row[0], row[2]) for name, row in rows.items()} == {n: (c[0], c[2]) for n, c in counts.items()}
    # where a prediction lies on a target and on an unknown event too, which of the largest matchings is taken decides
    # what is left to be excused: the rules do not say
    if any(near(event, truth, "POS") and near(event, truth, "UNK") for event in said):
        return
    assert rows == counts
    twin = slow.overall(counts, SUBSETS)
    both = all(any(sum(counts[n]) for n in SUBSETS if SUBSETS[n] == subset) for subset in ("x", "y"))
    if both:  # a subset with nothing in it at all is left out here
        assert (found.precision.value, found.recall.value, found.f1.value) == pytest.approx(twin, abs=1e-12)


def near(event: Event, truth: list[Event], label: str) -> bool:
    return any(
        other.label == label and other.recording == event.recording and iou(other.box, event.box) > 0.3
        for other in truth
    )


def shots_then(*later: tuple[float, float, str]) -> list[Event]:
    first = [Event("r0", float(at), at + 0.5, "POS") for at in range(5)]
    return first + [Event("r0", onset, offset, label) for onset, offset, label in later]


def row(truth: list[Event], said: list[Event], **options: object) -> dict[str, object]:
    found = score_fewshot(events(said), events(truth), subsets={"r0": "x"}, **options)  # type: ignore[arg-type]
    return found.recordings.row(0, named=True)


def test_shots_are_no_references_but_predictions_on_them_are_false() -> None:
    truth = shots_then((10, 11, "POS"))
    said = [Event("r0", 10, 11, "", 0.9), Event("r0", 0.0, 0.5, "", 0.9)]
    counts = row(truth, said)
    assert (counts["true"], counts["false"], counts["missed"]) == (1, 1, 0)
    assert counts["shots_end_s"] == 4.5


def test_an_unknown_event_that_ends_within_the_shots_excuses_nothing() -> None:
    truth = shots_then((10, 11, "POS"), (2.6, 2.9, "UNK"), (12, 13, "UNK"))
    said = [Event("r0", 2.6, 2.9, "", 0.9), Event("r0", 12, 13, "", 0.9)]
    counts = row(truth, said)
    assert (counts["true"], counts["false"], counts["missed"], counts["excused"]) == (0, 1, 1, 1)


def test_holes_in_the_coverage_are_unknown_events() -> None:
    coverage = make_coverage({"recording": ["r0", "r0"], "start_s": [0.0, 13.0], "end_s": [12.0, 20.0]})
    said = [Event("r0", 12, 13, "", 0.9), Event("r0", 19.9, 21, "", 0.5)]
    counts = row(shots_then((10, 11, "POS")), said, coverage=coverage, durations={"r0": 21.0})
    assert (counts["false"], counts["excused"]) == (0, 2)


def test_a_recording_without_predictions_misses_its_shots_too() -> None:
    counts = row(shots_then((10, 11, "POS")), [])
    assert (counts["true"], counts["false"], counts["missed"]) == (0, 0, 6)


def test_iou_must_exceed_the_threshold() -> None:
    said = [Event("r0", 10.0, 10.3, "", 0.9)]
    assert row(shots_then((10, 11, "POS")), said)["true"] == 0
    assert row(shots_then((10, 11, "POS")), said, minimum_iou=0.29)["true"] == 1


def test_one_subset_without_a_hit_ruins_the_harmonic_mean_alone() -> None:
    truth = shots_then((10, 11, "POS")) + [event._replace(recording="r1") for event in shots_then((10, 11, "POS"))]
    found = score_fewshot(
        events([Event("r0", 10, 11, "", 0.9), Event("r1", 15, 16, "", 0.9)]),
        events(truth),
        subsets={"r0": "x", "r1": "y"},
    )
    assert found.f1.value == pytest.approx(2 / (1 + 1e5))
    assert found.arithmetic["f1"] == 0.5
    assert found.subsets["f1"].to_list() == [1.0, 0.0]
    assert (found.f1.low, found.f1.units) == (None, 2)


def test_an_interval_from_eight_recordings_on() -> None:
    truth, said = scene(1, 200, 200, labels="p", recordings=10)
    found = score_fewshot(events(said), events(truth), subsets={f"r{n}": "xy"[n % 2] for n in range(10)}, shots=2)
    assert found.f1.low is not None
    assert found.f1.high is not None
    assert found.f1.low < found.f1.value < found.f1.high
    assert np.isfinite(found.precision.value)


def test_what_cannot_be_scored_is_refused() -> None:
    truth = events(shots_then())
    with pytest.raises(UsageError, match="0 or more"):
        score_fewshot(truth, truth, subsets={"r0": "x"}, shots=-1)
    with pytest.raises(DataError, match="no recording"):
        score_fewshot(truth, truth, subsets={})
    with pytest.raises(DataError, match="5 events have no times"):
        score_fewshot(truth, truth.with_columns(offset_s=pl.lit(None, dtype=pl.Float64)), subsets={"r0": "x"})


def test_the_fifth_shot_is_the_fifth_by_onset_whatever_the_order_of_the_rows() -> None:
    """Rule 1: rows of a table come in any order; an event that reaches past the end of the fifth stays a reference."""
    truth = [
        Event("r0", 10, 11, "POS"),
        Event("r0", 4.0, 4.5, "POS"),
        Event("r0", 0.0, 0.5, "POS"),
        Event("r0", 2.0, 6.0, "POS"),  # the third by onset, and longer than the fifth
        Event("r0", 1.0, 1.5, "POS"),
        Event("r0", 3.0, 3.5, "POS"),
        Event("r0", 5.0, 6.5, "UNK"),
        Event("r0", 4.1, 4.4, "UNK"),
    ]
    counts = row(truth, [Event("r0", 10, 11, "", 0.9)])
    assert counts["shots_end_s"] == 4.5
    assert (counts["true"], counts["false"], counts["missed"]) == (1, 0, 1), "2.0 to 6.0 s ends after 4.5 s"
    assert row(truth, [Event("r0", 5.0, 6.5, "", 0.9)])["excused"] == 1
    assert row(truth, [Event("r0", 4.1, 4.4, "", 0.9)])["false"] == 1


def test_matching_is_the_largest_and_one_to_one_and_unknown_comes_last() -> None:
    """Rule 3: no prediction is used twice, a greedy choice that loses a match is not taken, UNK takes what is left."""
    truth = shots_then((10.0, 11.0, "POS"), (10.9, 12.0, "POS"), (10.0, 12.0, "UNK"))
    said = [Event("r0", 10.0, 12.0, "", 0.9), Event("r0", 10.0, 11.0, "", 0.8)]
    counts = row(truth, said)
    assert (counts["true"], counts["false"], counts["missed"], counts["excused"]) == (2, 0, 0, 0)
    thrice = [Event("r0", 10.0, 11.0, "", 0.9)] * 3
    counts = row(truth, thrice)
    assert (counts["true"], counts["false"], counts["missed"], counts["excused"]) == (1, 1, 1, 1)


def test_counts_are_summed_within_subsets_and_each_share_has_its_own_harmonic_mean() -> None:
    """Rule 5 by hand: x has 3 of 4 found and 1 false, y 1 of 2 found and 3 false."""
    one = [Event("r0", float(at), at + 0.5, "POS") for at in range(7)]
    two = [Event("r1", float(at), at + 0.5, "POS") for at in range(7)]
    three = [Event("r2", float(at), at + 0.5, "POS") for at in range(7)]
    said = [Event("r0", 5, 5.5, "", 0.9), Event("r0", 6, 6.5, "", 0.9), Event("r1", 5, 5.5, "", 0.9)]
    said += [Event("r1", 20, 21, "", 0.9), Event("r2", 6, 6.5, "", 0.9)]
    said += [Event("r2", 20 + at, 20.5 + at, "", 0.9) for at in range(3)]
    found = score_fewshot(events(said), events(one + two + three), subsets=SUBSETS)
    assert found.subsets.select("subset", "true", "false", "missed").rows() == [("x", 3, 1, 1), ("y", 1, 3, 1)]
    assert found.precision.value == pytest.approx(2 / (4 / 3 + 4))
    assert found.recall.value == pytest.approx(2 / (4 / 3 + 2))
    assert found.f1.value == pytest.approx(2 / (1 / 0.75 + 1 / (1 / 3)))
    assert found.arithmetic["f1"] == pytest.approx((0.75 + 1 / 3) / 2)


def test_without_shots_everything_counts() -> None:
    counts = row(shots_then((10, 11, "POS")), [Event("r0", 0.0, 0.5, "", 0.9)], shots=0)
    assert (counts["true"], counts["false"], counts["missed"], counts["shots_end_s"]) == (1, 0, 5, None)


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.tuples(st.integers(3, 20), st.integers(1, 30)), shots=st.integers(0, 3))
def test_average_precision_equals_its_twin(seed: int, sizes: tuple[int, int], shots: int) -> None:
    truth, said = made(seed, sizes)
    rankings = {name: slow.ranking(*sides(name, truth, said), shots, 0.3) for name in SUBSETS}
    twin = slow.mean_average_precision(rankings, SUBSETS)
    found = score_fewshot(events(said), events(truth), subsets=SUBSETS, candidates=events(said), shots=shots)
    assert found.ap is None if twin is None else found.ap is not None
    if found.ap is not None:
        assert found.ap.value == pytest.approx(twin, abs=1e-12)


def test_average_precision_by_hand() -> None:
    """Events at 10, 12, 14 and 16 s, an unknown one at 20 s; the curve goes 1/1, 1/2, 2/3, (UNK leaves), 3/4, 3/5."""
    truth = shots_then(*((at, at + 1, "POS") for at in (10, 12, 14, 16)), (20, 21, "UNK"))
    said = [Event("r0", 10, 11, "", 0.9), Event("r0", 30, 31, "", 0.8), Event("r0", 12, 13, "", 0.7)]
    lower = [Event("r0", 20, 21, "", 0.45), Event("r0", 14, 15, "", 0.4), Event("r0", 0.0, 0.5, "", 0.2)]
    found = score_fewshot(events(said), events(truth), subsets={"r0": "x"}, candidates=events(said + lower))
    assert found.ap is not None
    assert found.ap.value == pytest.approx((1 + 3 / 4 + 3 / 4) / 4), "each event at the best precision from there on"
    assert found.subsets["ap"].to_list() == [found.ap.value]
    assert found.recordings.select("true", "false", "missed").row(0) == (2, 1, 2), "counts are of what was decided"
    # scored above all, what lies on an example is false from the first rank on, what lies on UNK is still not there
    first = [lower[0]._replace(score=0.99), lower[2]._replace(score=0.95)]
    found = score_fewshot(events(said), events(truth), subsets={"r0": "x"}, candidates=events([*said, *first]))
    assert found.ap is not None
    assert found.ap.value == pytest.approx((1 / 2 + 1 / 2) / 4)


def test_a_ranking_per_subset_with_what_is_silent_missed_whole_and_without_scores_refused() -> None:
    truth = shots_then((10, 11, "POS")) + [event._replace(recording="r1") for event in shots_then((10, 11, "POS"))]
    truth += [Event("r2", 10, 11, "UNK")]
    said = events([Event("r0", 10, 11, "", 0.6), Event("r2", 30, 31, "", 0.9)])
    found = score_fewshot(said, events(truth), subsets={"r0": "x", "r1": "x", "r2": "y"}, candidates=said)
    assert found.ap is not None
    assert found.ap.value == pytest.approx(1 / 7), "r1 is silent: its six events are missed"
    assert found.ap.low is None
    assert found.subsets["ap"].to_list() == [pytest.approx(1 / 7), None], "y has nothing to find"
    assert found.ap.per_unit == {"r0": 1.0, "r1": 0.0, "r2": None}
    assert score_fewshot(said, events(truth), subsets={"r0": "x"}).ap is None
    nothing = said.with_columns(score=pl.lit(None, dtype=pl.Float64))
    with pytest.raises(DataError, match="no score"):
        score_fewshot(said, events(truth), subsets={"r0": "x"}, candidates=nothing)


def test_average_precision_has_an_interval_over_recordings_as_f1_has() -> None:
    truth, said = scene(1, 200, 200, labels="p", recordings=10)
    subsets = {f"r{n}": "xy"[n % 2] for n in range(10)}
    found = score_fewshot(events(said), events(truth), subsets=subsets, candidates=events(said), shots=2)
    assert found.ap is not None
    assert found.ap.low is not None
    assert found.ap.high is not None
    assert found.ap.low < found.ap.value < found.ap.high
    assert found.ap.units == found.f1.units == 10


def test_targets_of_one_file_are_drawn_together() -> None:
    """Two names of one file are one unit: as if every file were there once, with all its events under one name."""
    truth, said = scene(2, 200, 200, labels="p", recordings=8)
    twice = [event._replace(recording=f"{event.recording}#{part}") for event in truth for part in "ab"]
    said_twice = [event._replace(recording=f"{event.recording}#{part}") for event in said for part in "ab"]
    names = {f"r{n}": "xy"[n % 2] for n in range(8)}
    both = {f"{name}#{part}": subset for name, subset in names.items() for part in "ab"}
    one = score_fewshot(events(said), events(truth), subsets=names, candidates=events(said), shots=0)
    two = score_fewshot(
        events(said_twice),
        events(twice),
        subsets=both,
        candidates=events(said_twice),
        shots=0,
        units={name: name.split("#")[0] for name in both},
    )
    for share in ("f1", "precision", "recall", "ap"):
        single, double = getattr(one, share), getattr(two, share)
        assert (double.units, double.examples) == (8, 16)
        assert (double.value, double.low, double.high) == pytest.approx((single.value, single.low, single.high))
