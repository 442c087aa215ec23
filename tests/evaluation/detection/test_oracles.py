"""Collar-based, segment-based and PSDS scores against sed_eval and psds_eval, on scenes that those accept.

They are wanted here alone: pip install 'tymbal[oracles]' (both are old and need pandas below 3, setuptools below 81).
"""

from __future__ import annotations

import importlib
import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tests.evaluation.detection.cases import DURATION_S, problem
from tests.reference.detection_metrics import Event

from tymbal.evaluation.detection.metrics import bind
from tymbal.evaluation.detection.psds import PSDS1, PSDS2, Psds

pytestmark = pytest.mark.filterwarnings("ignore")  # of the two packages and what they are built on


def oracle(name: str) -> Any:
    """The package, or skip with the reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"{name} is not installed ({error}): pip install 'tymbal[oracles]'")


def apart(seed: int, count: int, recordings: int = 2, copies: float = 0.7) -> tuple[list[Event], list[Event]]:
    """References and predictions without overlap inside a class and recording, as the two packages demand."""
    random = np.random.default_rng(seed)
    truth: list[Event] = []
    said: list[Event] = []
    for side, wanted in ((truth, count), (said, count + 4)):
        for _ in range(50 * wanted):
            if len(side) == wanted:
                break
            onset, length = random.uniform(0, DURATION_S - 3), random.uniform(0.2, 2.5)
            made = Event(f"r{random.integers(recordings)}", onset, onset + length, "abc"[random.integers(3)])
            if side is said and random.random() < copies:
                near = truth[random.integers(len(truth))]
                onset = max(near.onset_s + random.normal(0, 0.08), 0.0)
                end = min(max(near.offset_s + random.normal(0, 0.15), onset + 0.05), DURATION_S)
                made = Event(near.recording, onset, end, near.label if random.random() < 0.8 else made.label)
            made = made._replace(score=float(random.integers(1, 6)) / 5)
            if not any(
                (other.recording, other.label) == (made.recording, made.label)
                and other.onset_s < made.offset_s
                and made.onset_s < other.offset_s
                for other in side
            ):
                side.append(made)
    return truth, said


def listed(side: list[Event], recording: str) -> list[dict[str, object]]:
    return [
        {"event_onset": e.onset_s, "event_offset": e.offset_s, "event_label": e.label, "file": recording}
        for e in side
        if e.recording == recording
    ]


def value(name: str, of: Any) -> float:
    return float(bind(name, of)[1](np.ones((1, of.units)))[0])


@pytest.mark.parametrize("seed", range(6))
def test_collars_and_segments_equal_sed_eval(seed: int) -> None:
    sed_eval = oracle("sed_eval")
    truth, said = apart(seed, 16)
    ours = problem(truth, said)
    collars = sed_eval.sound_event.EventBasedMetrics(
        event_label_list=["a", "b", "c"], t_collar=0.2, percentage_of_length=0.5, event_matching_type="optimal"
    )
    segments = sed_eval.sound_event.SegmentBasedMetrics(event_label_list=["a", "b", "c"], time_resolution=1.0)
    for recording in ("r0", "r1"):
        sides = listed(truth, recording), listed(said, recording)
        collars.evaluate(*sides)
        segments.evaluate(*sides, evaluated_length_seconds=DURATION_S)
    assert value("collar_f1", ours) == pytest.approx(collars.overall_f_measure()["f_measure"], abs=1e-12)
    assert value("segment_f1", ours) == pytest.approx(segments.overall_f_measure()["f_measure"], abs=1e-12)
    theirs = segments.overall_error_rate()["error_rate"]
    assert value("segment_error_rate", ours) == pytest.approx(theirs, abs=1e-12)
    theirs = collars.overall_error_rate()["error_rate"]
    assert value("collar_error_rate", ours) == pytest.approx(theirs, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("scenario", [PSDS1, PSDS2], ids=["psds1", "psds2"])
def test_psds_equals_psds_eval(seed: int, scenario: Any) -> None:
    psds_eval = oracle("psds_eval")
    pandas = oracle("pandas")
    truth, said = apart(seed, 24, recordings=4)
    ours = problem(truth, said, recordings=4)
    names = ["filename", "onset", "offset", "event_label"]
    frame = pandas.DataFrame([event[:4] for event in truth], columns=names)
    metadata = pandas.DataFrame({"filename": [f"r{n}" for n in range(4)], "duration": [DURATION_S] * 4})
    theirs = psds_eval.PSDSEval(scenario.dtc, scenario.gtc, scenario.cttc or 0.3, ground_truth=frame, metadata=metadata)
    for threshold in sorted({event.score for event in said}):
        rows = [event[:4] for event in said if event.score >= threshold]
        theirs.add_operating_point(pandas.DataFrame(rows, columns=names))
    curve = theirs.psd_roc_curves(scenario.alpha_ct)[2]
    # limits that are points of the curve: any other fails in psds_eval under numpy 2.4
    for limit in curve.xp[[len(curve.xp) // 3, -1]].tolist():
        chosen = replace(scenario, max_per_hour=limit)
        wanted = theirs.psds(alpha_ct=scenario.alpha_ct, alpha_st=scenario.alpha_st, max_efpr=limit).value
        assert Psds(ours, chosen)(np.ones((1, 4)))[0] == pytest.approx(wanted, abs=1e-9)
