"""Detection metrics against their slow twins, in one run and under multiplicities, and what coverage does to them."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evaluation.detection.cases import DURATION_S, events, problem, scene
from tests.reference import detection_metrics as slow
from tests.reference.detection_metrics import Event

from tymbal.annotations import make_coverage, make_events
from tymbal.errors import DataError, UsageError
from tymbal.evaluation.detection.metrics import (
    DETECTION,
    bind,
    estimate_detection,
    get_detection_metric,
    paired_detection_difference,
)
from tymbal.evaluation.detection.problem import DetectionProblem, DetectionSettings, make_detection_problem
from tymbal.evaluation.detection.psds import PSDS1, PSDS2, Psds
from tymbal.evaluation.detection.ranking import RankedBoxes, average_precision

FEW = settings(max_examples=30, deadline=None)


def value(name: str, of: DetectionProblem) -> float:
    _, prepared = bind(name, of)
    return float(prepared(np.ones((1, of.units)))[0])


def same(fast: float, twin: float) -> bool:
    return (math.isnan(fast) and math.isnan(twin)) or fast == pytest.approx(twin, abs=1e-9)


SCENES = {
    "seed": st.integers(0, 2**32 - 1),
    "sizes": st.tuples(st.integers(1, 6), st.integers(0, 6)),
    "labels": st.sampled_from(["a", "ab"]),
}


@FEW
@given(**SCENES, threshold=st.sampled_from([0.1, 0.5, 0.8]))
def test_f1_and_map_equal_their_twins(seed: int, sizes: tuple[int, int], labels: str, threshold: float) -> None:
    truth, said = scene(seed, *sizes, labels=labels)
    fast = problem(truth, said)
    true, false, missed = slow.counts(truth, said, threshold)
    assert same(value(f"f1@{threshold}", fast), slow.f1(true, false, missed))
    assert same(value(f"recall@{threshold}", fast), true / len(truth))
    assert same(value(f"precision@{threshold}", fast), true / len(said) if said else math.nan)
    assert same(value(f"macro_f1@{threshold}", fast), slow.macro_f1(truth, said, threshold))
    each = [slow.average_precision(truth, said, threshold, label) for label in sorted({e.label for e in truth})]
    assert same(value(f"map@{threshold}", fast), sum(each) / len(each))


@FEW
@given(**SCENES)
def test_collars_and_segments_equal_their_twins(seed: int, sizes: tuple[int, int], labels: str) -> None:
    truth, said = scene(seed, *sizes, labels=labels)
    fast = problem(truth, said)
    assert same(value("collar_f1", fast), slow.f1(*slow.collar(truth, said, 0.2, 0.5)))
    true, false, missed, swapped = slow.segments(truth, said, 1.0)
    assert same(value("segment_f1", fast), slow.f1(true, false, missed))
    assert same(value("segment_error_rate", fast), (false + missed - swapped) / (true + missed))


@FEW
@given(**SCENES)
def test_psds_equals_its_twin_with_overlap_in_one_class(seed: int, sizes: tuple[int, int], labels: str) -> None:
    truth, said = scene(seed, *sizes, labels=labels)
    fast = problem(truth, said)
    for name, chosen in (("psds1", PSDS1), ("psds2", PSDS2)):
        twin = slow.psds(
            truth,
            said,
            2 * DURATION_S / 3600,
            dtc=chosen.dtc,
            gtc=chosen.gtc,
            cttc=chosen.cttc,
            alpha_ct=chosen.alpha_ct,
            alpha_st=chosen.alpha_st,
        )
        # 100 alarms per hour are 1.1 in 40 s: look further up the curve too
        assert same(value(name, fast), twin)
        wide = type(chosen)(**{**vars(chosen), "max_per_hour": 1500.0})
        twin = slow.psds(truth, said, 2 * DURATION_S / 3600, **vars(wide))
        assert same(Psds(fast, wide)(np.ones((1, fast.units)))[0], twin)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), draw=st.integers(0, 2**32 - 1))
def test_a_resample_is_the_metric_of_the_recordings_drawn(seed: int, draw: int) -> None:
    truth, said = scene(seed, 12, 14, recordings=3)
    fast = problem(truth, said, recordings=3)
    weights = np.random.default_rng(draw).multinomial(3, np.full(3, 1 / 3)).astype(float)
    copies = [
        [
            event._replace(recording=f"r{place + 3 * number}")
            for event in side
            for place in range(3)
            if event.recording == f"r{place}"
            for number in range(int(weights[place]))
        ]
        for side in (truth, said)
    ]
    kept = [f"r{place + 3 * number}" for place in range(3) for number in range(int(weights[place]))]
    drawn = make_detection_problem(
        events(copies[1]),
        events(copies[0]),
        make_coverage({"recording": kept}),
        units={name: name for name in kept},
        unit_name="recording",
        durations=dict.fromkeys(kept, DURATION_S),
        settings=DetectionSettings(labels=fast.labels),
    )
    for name in ("f1@0.5", "precision@0.5", "recall@0.8", "macro_f1@0.5", "map@0.5", "collar_f1", "segment_error_rate"):
        _, prepared = bind(name, fast)
        assert same(prepared(weights[None])[0], value(name, drawn)), name
    for name in ("psds1", "psds2", "false_alarms_per_hour@0.5"):
        _, prepared = bind(name, fast)
        two = prepared(np.stack([weights, weights]))
        assert same(two[0], two[1])
        assert same(two[0], value(name, drawn)), name


def test_average_precision_takes_the_envelope() -> None:
    right = np.array([True, False, True, True, False])
    scores = np.array([0.9, 0.9, 0.5, 0.2, 0.1])
    # by hand: at 0.9 1 of 2, at 0.5 2 of 3, at 0.2 3 of 4; the envelope is 3/4 throughout
    assert average_precision(right, scores, 4) == pytest.approx(0.75 * 3 / 4)
    assert math.isnan(average_precision(right, scores, 0))
    for seed in range(5):
        truth, said = scene(seed, 30, 60, labels="ab")
        ranked = RankedBoxes(problem(truth, said), 0.5)
        twins = [slow.average_precision(truth, said, 0.5, label) for label in "ab"]
        assert ranked.per_class(np.ones((1, 2)))[0] == pytest.approx(twins)


def test_absent_classes_are_left_out_and_never_perfect() -> None:
    truth, said = [Event("r0", 1, 2, "a")], [Event("r0", 1, 2, "a", 0.9), Event("r0", 5, 6, "c", 0.9)]
    fast = problem(truth, said, labels=("a", "b", "c"))
    estimate = estimate_detection("macro_f1@0.5", fast)
    assert estimate.value == 1.0
    assert estimate.note == "2 classes without a reference, left out"
    assert value("f1@0.5", fast) == pytest.approx(2 / 3)
    # Voxaboxen's rule: b, which nobody ever heard, is perfect and c wrong
    assert value("voxaboxen_macro_f1@0.5", fast) == pytest.approx(2 / 3)
    nothing = problem([], [Event("r0", 5, 6, "c", 0.9)])
    for name in ("f1@0.5", "recall@0.5", "macro_f1@0.5", "map@0.5", "psds1"):
        assert math.isnan(value(name, nothing)), name
        with pytest.raises(DataError, match="undefined"):
            estimate_detection(name, nothing)


def test_outside_coverage_a_prediction_is_unknown_and_a_reference_absorbs() -> None:
    coverage = make_coverage({"recording": ["r0", "r0"], "start_s": [0.0, 10.0], "end_s": [5.0, 15.0]})
    truth = [Event("r0", 1, 2, "a"), Event("r0", 7, 8, "a")]
    said = [
        Event("r0", 1, 2, "a", 0.9),
        Event("r0", 3, 4, "a", 0.8),  # false: listened to, nothing there
        Event("r0", 6, 6.5, "a", 0.7),  # nobody knows
        Event("r0", 7, 8, "a", 0.6),  # on a reference outside: neither
        Event("r1", 1, 2, "a", 0.9),  # a recording nobody listened to
    ]
    fast = problem(truth, said, coverage=coverage)
    assert value("f1@0.5", fast) == pytest.approx(2 / 3)
    assert value("recall@0.5", fast) == 1.0
    assert value("precision@0.5", fast) == 0.5
    assert value("false_alarms_per_hour@0.5", fast) == pytest.approx(1 / (10 / 3600))
    assert value("map@0.5", fast) == 1.0


def test_an_event_lies_where_its_midpoint_lies() -> None:
    coverage = make_coverage({"recording": ["r0"], "start_s": [2.0], "end_s": [5.0]})
    truth = [Event("r0", 3, 4, "a"), Event("r0", 1.2, 2.4, "a")]  # the second lies outside for the most part
    said = [
        Event("r0", 3, 4, "a", 0.9),
        Event("r0", 4.5, 5.4, "a", 0.8),  # false, although it runs past the end
        Event("r0", 4.8, 5.4, "a", 0.8),  # nobody knows
        Event("r0", 1.8, 2.1, "a", 0.8),
    ]
    fast = problem(truth, said, coverage=coverage)
    assert value("precision@0.5", fast) == 0.5
    assert value("recall@0.5", fast) == 1.0


def test_coverage_is_asked_for_the_label_of_the_prediction() -> None:
    coverage = make_coverage(pl.DataFrame({"recording": ["r0"], "labels": [["a"]]}))
    said = [Event("r0", 1, 2, "a", 0.9), Event("r0", 3, 4, "b", 0.9), Event("r0", 5, 6, "a", 0.9)]
    fast = problem([Event("r0", 1, 2, "a")], said, coverage=coverage)
    assert value("precision@0.5", fast) == 0.5  # the b is unknown
    # class-agnostically everything that has a label among the references was listened for
    assert (
        value("precision@0.5", problem([Event("r0", 1, 2, "a")], said, coverage=coverage, class_agnostic=True)) == 1 / 3
    )


@pytest.mark.parametrize("label", ["Unknown", None])
def test_unknown_references_absorb_one_prediction_each(label: str | None) -> None:
    truth = [Event("r0", 1, 2, "a"), Event("r0", 5, 6, label)]
    said = [Event("r0", 1, 2, "a", 0.9), Event("r0", 5, 6, "b", 0.8), Event("r0", 5, 6, "b", 0.7)]
    fast = problem(truth, said)
    assert value("precision@0.5", fast) == 0.5  # one of the two on the unknown call is left over
    assert value("recall@0.5", fast) == 1.0
    # class-agnostically an unknown label is a call like any other
    assert value("recall@0.5", problem(truth, said, class_agnostic=True)) == 1.0
    assert value("precision@0.5", problem(truth, said, class_agnostic=True)) == pytest.approx(2 / 3)


def test_without_coverage_there_is_recall_and_nothing_else() -> None:
    truth, said = scene(1, 10, 10)
    bare = problem(truth, said, covered=False)
    assert 0 < value("recall@0.5", bare) <= 1
    for name, metric in DETECTION.items():
        if metric.needs_coverage:
            with pytest.raises(DataError, match="nobody said what was listened to"):
                bind(f"{name}@0.5" if metric.at_iou else name, bare)


def test_the_threshold_decides_and_ranking_does_not_heed_it() -> None:
    truth, said = scene(11, 20, 30)
    high = [event for event in said if event.score >= 0.6]
    strict = problem(truth, said, threshold=0.6)
    for name in ("f1@0.5", "collar_f1", "segment_f1", "voxaboxen_micro_f1@0.5"):
        assert value(name, strict) == value(name, problem(truth, high)), name
    assert value("map@0.5", strict) == value("map@0.5", problem(truth, said))


def test_channels_are_apart_where_every_event_names_its_own() -> None:
    columns = {"recording": ["r0", "r0"], "onset_s": [1.0, 1.0], "offset_s": [2.0, 2.0], "label": ["a", "a"]}
    both = make_events_on(columns, [1, 2])
    swapped = make_events_on(columns, [1, 1])
    options = {"units": {"r0": "r0"}, "unit_name": "recording", "durations": {"r0": 10.0}}
    coverage = make_coverage({"recording": ["r0"]})
    apart = make_detection_problem(swapped, both, coverage, **options)
    assert value("recall@0.5", apart) == 0.5
    mixed = make_detection_problem(make_events_on(columns, [None, 1]), both, coverage, **options)
    assert value("recall@0.5", mixed) == 1.0


def make_events_on(columns: dict[str, list[object]], channels: list[int | None]) -> pl.DataFrame:
    return make_events({**columns, "channel": channels, "score": [0.5, 0.4]})


def test_boxes_in_time_and_frequency_need_both() -> None:
    columns = {"recording": ["r0", "r0"], "onset_s": [1.0, 1.0], "offset_s": [2.0, 2.0], "label": ["a", "a"]}
    low = make_events_on(columns, [1, 1]).with_columns(low_hz=pl.Series([0.0, 4000.0]), high_hz=pl.Series([1e3, 5e3]))
    high = low.head(1).with_columns(low_hz=pl.lit(4100.0), high_hz=pl.lit(5000.0))
    options = {"units": {"r0": "r0"}, "unit_name": "recording", "durations": {"r0": 10.0}}
    boxes = make_detection_problem(high, low, None, **options, settings=DetectionSettings(frequency=True))
    assert value("recall@0.5", boxes) == 0.5
    with pytest.raises(DataError, match="no frequency bounds"):
        make_detection_problem(
            high.with_columns(low_hz=None), low, None, **options, settings=DetectionSettings(frequency=True)
        )


def test_intervals_are_over_units_from_eight_on() -> None:
    truth, said = scene(5, 120, 130, recordings=10)
    ten = problem(truth, said, recordings=10)
    for name, metric in DETECTION.items():
        found = estimate_detection(f"{name}@0.5" if metric.at_iou else name, ten)
        assert found.units == 10
        assert found.low is not None
        assert found.high is not None
        assert found.low < found.value < found.high or found.value in (0.0, 1.0), name
        assert len(found.per_unit) == 10
    few = estimate_detection("f1@0.5", problem(truth, said, recordings=7))
    assert (few.low, few.high) == (None, None)
    worse = problem(truth, said[:60], recordings=10)
    gap = paired_detection_difference("recall@0.5", ten, worse)
    assert gap.value > 0
    assert gap.low is not None
    assert gap.low < gap.value < gap.high
    assert gap.p is not None
    assert paired_detection_difference("recall@0.5", ten, ten).value == 0


@pytest.mark.parametrize(
    ("name", "said"),
    [("f2@0.5", "f1@IOU, "), ("f1", "f1@0.5"), ("psds1@0.5", "psds1"), ("f1@1.5", "0 to below 1"), ("f1@x", "0 to")],
)
def test_names_that_are_no_metric_are_refused(name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        get_detection_metric(name)


def test_tables_that_cannot_be_judged_are_refused() -> None:
    truth, said = scene(2, 4, 4)
    with pytest.raises(DataError, match="no recording to judge"):
        make_detection_problem(events(said), events(truth), None, units={}, unit_name="bird", durations={})
    with pytest.raises(DataError, match="class_agnostic=True"):
        problem([Event("r0", 1, 2, None)], [Event("r0", 1, 2, None, 0.5)])
    with pytest.raises(DataError, match="4 of 4 predictions have no score"):
        value("map@0.5", problem(truth, [event._replace(score=math.nan) for event in said]))
    with pytest.raises(DataError, match="end before they begin"):
        problem([Event("r0", 2, 1, "a")], said)
    left = problem([*truth, Event("r9", 1, 2, "a")], said).left_out
    assert left == {"references of other recordings": 1}
