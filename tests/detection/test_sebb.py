"""Boxes between changes of activity: those of the twin, whatever the pieces; steps, dips and slopes by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.detection.conftest import SMALL, Bursts
from tests.reference import detectors

from tymbal.detection import Boxes, Detector, ceiling, detect_sound, f1_score, read_examples
from tymbal.detection.sebb import STEPS, Changes, StepSettings, merged
from tymbal.units import FrameGrid

GRID = FrameGrid(0.01, 0.005, 0.02)
KEEP = StepSettings(2, 0.0, 1.0)  # merges nothing


def boxes_of(shares: np.ndarray, wanted: StepSettings, piece: int = 1000) -> list[tuple[float, float, float, int]]:
    found = Changes(wanted.half_frames, len(shares))
    for start in range(0, shares.shape[1], piece):
        found.take(shares[:, start : start + piece])
    boxes = found.boxes(wanted, GRID, 0.0)
    return list(
        zip(boxes.onset_s.tolist(), boxes.offset_s.tolist(), boxes.score.tolist(), boxes.label.tolist(), strict=True)
    )


@settings(max_examples=120, deadline=None)
@given(
    # Sixteenths: sums are exact, so that ties are ties in the twin too.
    shares=st.lists(st.integers(0, 16).map(lambda value: value / 16), min_size=1, max_size=60),
    half=st.integers(1, 5),
    drop=st.sampled_from([0.0, 0.1, 0.3, 0.7]),
    ratio=st.sampled_from([1.0, 1.5, 3.0]),
    piece=st.integers(1, 9),
)
def test_boxes_are_those_of_the_twin_however_they_come(
    shares: list[float], half: int, drop: float, ratio: float, piece: int
) -> None:
    wanted = StepSettings(half, drop, ratio)
    whole = np.array([shares, shares[::-1]])
    found = boxes_of(whole, wanted, piece)
    assert found == boxes_of(whole, wanted)
    for label, own in enumerate((shares, shares[::-1])):
        slow = detectors.sound_event_boxes(own, half, drop, ratio)
        fast = [row[:3] for row in found if row[3] == label]
        np.testing.assert_allclose(fast, [(a * 0.01, b * 0.01, score) for a, b, score in slow] or [], atol=1e-9)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), piece=st.integers(1, 50))
def test_pieces_change_no_bit_of_any_activity(seed: int, piece: int) -> None:
    shares = np.random.default_rng(seed).random((2, 120)).astype(np.float32)
    for wanted in STEPS[::5]:
        assert boxes_of(shares, wanted, piece) == boxes_of(shares, wanted)


def test_a_step_is_found_where_it_is_whatever_its_height() -> None:
    for height in (0.1, 0.4, 0.9):
        shares = np.zeros((1, 40))
        shares[0, 10:25] = height
        for wanted in STEPS:
            assert boxes_of(shares, wanted) == [pytest.approx((0.10, 0.25, height, 0))]


def test_sound_at_both_ends_of_a_recording_is_a_box() -> None:
    assert boxes_of(np.full((1, 7), 0.5), KEEP) == [pytest.approx((0.0, 0.07, 0.5, 0))]
    assert boxes_of(np.zeros((1, 7)), KEEP) == []


def test_a_shallow_gap_is_merged_and_a_deep_one_is_not() -> None:
    for depth, drop, ratio, count in ((0.7, 0.3, 1.0, 1), (0.5, 0.3, 1.0, 2), (0.5, 0.3, 2.0, 1), (0.1, 0.3, 2.0, 2)):
        shares = np.zeros((1, 40))
        shares[0, 5:35] = 0.9
        shares[0, 18:22] = depth
        assert len(boxes_of(shares, StepSettings(3, drop, ratio))) == count


def test_a_quiet_neighbour_is_not_swallowed() -> None:
    """The gap is measured from the louder of both boxes: a bump in the noise does not lengthen a call."""
    shares = np.full((1, 60), 0.01)
    shares[0, 10:20], shares[0, 30:40] = 0.9, 0.05
    assert len(boxes_of(shares, StepSettings(3, 0.2, 1.5))) == 2


def test_nothing_to_merge() -> None:
    first, stop, mean = merged(np.zeros(0, dtype=np.int64), np.zeros(0), STEPS[0])
    assert len(first) == len(stop) == len(mean) == 0


def test_asking_twice_and_going_on_is_the_same_as_once() -> None:
    shares = np.random.default_rng(1).random((1, 50))
    changes = Changes(3, 1)
    changes.take(shares[:, :30])
    changes.boxes(KEEP, GRID, 0.0)
    changes.take(shares[:, 30:])
    once = Changes(3, 1)
    once.take(shares)
    assert changes.boxes(KEEP, GRID, 0.0).onset_s.tolist() == once.boxes(KEEP, GRID, 0.0).onset_s.tolist()


def test_a_detector_keeps_how_it_cuts(bursts: Bursts, tmp_path: Path) -> None:
    """From fit to file: the settings are chosen on what was held out, stand in the file, and serve sound and store."""
    training = replace(SMALL.training, epochs=10, monitor="loss", direction="min")
    config = replace(SMALL, method="sebb", classes=False, training=training)
    detector = Detector(config).fit(bursts.store, bursts.corpus, recordings=["0.wav", "1.wav", "2.wav"])
    assert detector.calibration_.steps in STEPS
    assert detector.calibration_.active is None
    loaded = Detector.load(detector.save(tmp_path / "bursts.detector"))
    assert loaded.calibration_ == detector.calibration_
    found = loaded.predict(bursts.store, recordings=["4.wav"])
    assert found.equals(detector.predict(bursts.store, recordings=["4.wav"]))
    truth, _ = read_examples(bursts.store, bursts.corpus, ["log_mel"], config, recordings=["4.wav"])
    boxes = Boxes.make(found["onset_s"].to_numpy(), found["offset_s"].to_numpy())
    assert f1_score([truth[0].events], [boxes], 0.0, 0.5) > 0.8
    sounding, _ = detect_sound(loaded, bursts.encoder, bursts.folder / "4.wav")
    np.testing.assert_allclose(sounding.onset_s, boxes.onset_s, atol=1e-6)
    best = ceiling(loaded, truth[0].events, truth[0].track.grid, truth[0].track.duration_s)
    assert f1_score([truth[0].events], [best], 0.0, 0.8) > 0.9
