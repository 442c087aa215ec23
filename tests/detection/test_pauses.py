"""Boxes set against runs of sound between pauses: the slow twin, and what each case comes to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.detection.conftest import SMALL, Bursts
from tests.reference import detectors as slow

from tymbal.detection import Boxes, Detector, run_detector
from tymbal.detection.detector import within
from tymbal.detection.energy import EnergyGate
from tymbal.detection.fitting import Fitted
from tymbal.detection.frames import read_track
from tymbal.detection.pauses import join_pauses, power_part
from tymbal.detection.running import detect_channels
from tymbal.errors import UsageError

RUNS = Boxes.make([1.0, 3.0], [2.0, 4.0])


def joined(onset_s: list[float], offset_s: list[float], **more: list[float]) -> list[tuple[float, float]]:
    found = join_pauses(Boxes.make(onset_s, offset_s, **more), RUNS)
    return [(onset, offset) for onset, offset in found.edges_s.tolist()]


def test_each_case_by_hand() -> None:
    assert joined([1.1], [1.9]) == [(1.1, 1.9)]  # fits its run: its own edges
    assert joined([1.1], [1.3]) == [(1.0, 2.0)]  # fits badly: the run
    assert joined([1.0, 1.4, 1.7], [1.3, 1.6, 1.95]) == [(1.0, 2.0)]  # several of one class: the run
    assert joined([1.0, 1.5], [1.4, 1.9], label=[0, 1]) == [(1.0, 1.4), (1.5, 1.9)]  # of two classes: as they are
    assert joined([1.0, 1.4], [1.6, 2.0]) == [(1.0, 1.6), (1.4, 2.0)]  # overlapping: the network hears two
    assert joined([2.2], [2.8]) == [(2.2, 2.8)]  # in a pause: stays
    assert joined([], []) == []  # runs alone are no events


def test_a_run_takes_score_and_class_of_its_best_box_and_the_bounds_of_all() -> None:
    boxes = Boxes.make([1.0, 1.6], [1.4, 1.9], score=[0.6, 0.8], label=[2, 2], low_hz=[100, 200], high_hz=[300, 900])
    found = join_pauses(boxes, RUNS)
    assert (found.score.tolist(), found.label.tolist()) == ([0.8], [2])
    assert (found.low_hz.tolist(), found.high_hz.tolist()) == ([100.0], [900.0])


@given(st.data())
def test_equals_the_slow_twin(data: st.DataObject) -> None:
    edges = sorted(data.draw(st.lists(st.integers(0, 60), max_size=12, unique=True)))
    runs = [(float(a), float(b)) for a, b in zip(edges[::2], edges[1::2], strict=False)]
    row = st.tuples(st.integers(0, 60), st.integers(1, 12), st.integers(1, 99), st.integers(0, 1))
    drawn = data.draw(st.lists(row, max_size=10, unique_by=lambda each: (each[0], each[2])))
    boxes = [(float(on), float(on + size), score / 100, label) for on, size, score, label in drawn]
    boxes = [box for number, box in enumerate(boxes) if box[2] not in {each[2] for each in boxes[:number]}]
    onset, offset, score, label = zip(*boxes, strict=True) if boxes else ((), (), (), ())
    found = join_pauses(
        Boxes.make(onset, offset, score=score, label=label), Boxes.make([r[0] for r in runs], [r[1] for r in runs])
    )
    columns = (found.onset_s, found.offset_s, found.score, found.label)
    assert sorted(zip(*(each.tolist() for each in columns), strict=True)) == slow.joined_pauses(boxes, runs)


def test_powers_are_asked_for_by_name() -> None:
    assert power_part([("pcen_mel", 3), ("log_mel", 64)]) == slice(3, 67)
    with pytest.raises(UsageError, match="log_mel"):
        power_part([("block1", 8)])


@pytest.fixture
def settled(fitted: Detector) -> Detector:
    """The fitted detector with a gate that hears every burst as one, and bridges what is short."""
    gate = EnergyGate(10.0, gap_s=0.02, shortest_s=0.02)
    found = Detector(replace(fitted.config, pauses=True))
    found.__dict__.update({name: value for name, value in vars(fitted).items() if name.endswith("_")})
    found.fitted_ = Fitted(fitted.fitted_.tensors, fitted.calibration_, fitted.notes_, gate)
    return found


def test_file_store_and_sound_say_the_same(settled: Detector, bursts: Bursts, tmp_path: Path) -> None:
    loaded = Detector.load(settled.save(tmp_path / "a.detector"))
    assert loaded.fitted_.gate == settled.fitted_.gate
    stored = settled.predict(bursts.store)
    assert loaded.predict(bursts.store).equals(stored)
    assert run_detector(loaded, bursts.encoder, bursts.folder, tmp_path / "out").events.equals(stored)


def test_detections_are_those_of_the_network_set_against_the_runs(
    settled: Detector, fitted: Detector, bursts: Bursts
) -> None:
    name, channel = next(iter(bursts.store.runs()))
    track = read_track(bursts.store, name, channel, [layer for layer, _ in settled.layers_])
    gate = settled.fitted_.gate
    assert gate is not None
    runs = gate.boxes(track.values[:, power_part(settled.layers_)], track.grid)
    wanted = within(join_pauses(fitted.boxes(track), runs), track.duration_s)
    found = settled.boxes(track)
    assert len(runs) > 5
    np.testing.assert_allclose(found.edges_s, wanted.edges_s, atol=1e-5)
    np.testing.assert_array_equal(found.label, wanted.label)


def test_eval_judges_what_run_finds(settled: Detector, bursts: Bursts) -> None:
    """Candidates below the threshold are ranked, and join nothing."""
    name = bursts.corpus.recordings["recording"][0]
    path, least = bursts.corpus.file(name), settled.calibration_.threshold
    told, _ = detect_channels(settled, bursts.encoder, path, channels="mix")
    every, _ = detect_channels(settled, bursts.encoder, path, channels="mix", all=True)
    for side, boxes in told.items():
        more = every[side]
        assert len(more) > len(boxes)
        assert more.take(more.score >= least).edges_s.tolist() == boxes.edges_s.tolist()


@pytest.mark.full
def test_a_gate_is_tuned_where_pauses_are_asked_for(bursts: Bursts) -> None:
    config = replace(SMALL, pauses=True, classes=False)
    detector = Detector(config).fit(bursts.store, bursts.corpus, recordings=[f"{number}.wav" for number in range(4)])
    assert isinstance(detector.fitted_.gate, EnergyGate)
    assert detector.predict(bursts.store).height
