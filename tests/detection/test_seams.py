"""Where segments and pieces meet, and where a recording begins and ends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.detection.conftest import RATE, Bursts, burst_sound

from tymbal.detection import Boxes, Detector, detect_sound, f1_score, inference
from tymbal.evaluation.detection import match_boxes

SEGMENT_S = 3.0  # of the bursts' store, and so of the detector


def tones(seconds: float, spans: list[tuple[float, float]]) -> np.ndarray:
    sound = 0.003 * np.random.default_rng(3).normal(size=round(seconds * RATE))
    for onset, offset in spans:
        first, stop = round(onset * RATE), round(offset * RATE)
        sound[first:stop] += 0.2 * np.sin(2 * np.pi * 2400 * np.arange(stop - first) / RATE)
    return sound.astype(np.float32)


def found_in(fitted: Detector, bursts: Bursts, path: Path, sound: np.ndarray) -> Boxes:
    soundfile.write(path, sound, RATE, subtype="PCM_16")
    return detect_sound(fitted, bursts.encoder, path, channel=1)[0]


def test_moved_segments_find_the_same_events(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    """Sound put before the recording moves every seam over it, by parts of a frame too."""
    sound, rows = burst_sound(78, seconds=15.0, events=30)
    truth = Boxes.make([row["begin_time_s"] for row in rows], [row["end_time_s"] for row in rows])
    scores, first = [], Boxes.none()
    for number in range(5):
        moved = round(number / 5 * SEGMENT_S * RATE)
        boxes = found_in(fitted, bursts, tmp_path / "moved.wav", np.concatenate([sound[:moved], sound]))
        boxes = boxes.take(boxes.onset_s > moved / RATE)
        boxes = Boxes.make(boxes.onset_s - moved / RATE, boxes.offset_s - moved / RATE, score=boxes.score)
        first = first if number else boxes
        assert len(match_boxes(first.edges_s, boxes.edges_s, minimum_iou=0.8).iou) >= 0.9 * len(first)
        scores.append(f1_score([truth], [boxes], 0.0, 0.5))
    assert min(scores) > 0.8
    assert max(scores) - min(scores) < 0.05


def test_a_call_on_a_seam_is_found_once(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    spans = [
        (SEGMENT_S * number - 0.1 + 0.02 * number, SEGMENT_S * number + 0.1 + 0.02 * number) for number in (1, 2, 3, 4)
    ]
    boxes = found_in(fitted, bursts, tmp_path / "seams.wav", tones(15.0, spans))
    for onset, offset in spans:
        near = boxes.take((boxes.onset_s < offset) & (boxes.offset_s > onset))
        assert len(near) == 1
        assert abs(near.onset_s[0] - onset) < 0.05
        assert abs(near.offset_s[0] - offset) < 0.05


def test_a_call_longer_than_segments_and_pieces_is_not_cut_by_them(
    fitted: Detector, bursts: Bursts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls of this length were never taught; whatever is made of one, seams play no part in it."""
    sound = tones(16.0, [(2.0, 9.0)])
    whole = found_in(fitted, bursts, tmp_path / "long.wav", sound)
    monkeypatch.setattr(inference, "PIECE", 50)
    pieces = found_in(fitted, bursts, tmp_path / "long.wav", sound)
    np.testing.assert_allclose(pieces.edges_s, whole.edges_s, atol=1e-4)


def test_calls_at_both_ends_stay_within_the_recording(fitted: Detector, bursts: Bursts, tmp_path: Path) -> None:
    boxes = found_in(fitted, bursts, tmp_path / "ends.wav", tones(7.3, [(0.0, 0.2), (7.1, 7.3)]))
    assert len(boxes) == 2
    assert boxes.onset_s[0] < 0.06
    assert boxes.onset_s.min() >= 0
    assert boxes.offset_s.max() <= 7.3
    assert boxes.offset_s[1] > 7.24


@pytest.mark.parametrize("seconds", [0.01, 0.1, 0.4, 1.0])
def test_recordings_shorter_than_a_window(fitted: Detector, bursts: Bursts, tmp_path: Path, seconds: float) -> None:
    boxes = found_in(fitted, bursts, tmp_path / "short.wav", tones(seconds, [(0.3, 0.5)] if seconds == 1.0 else []))
    assert (boxes.offset_s <= seconds).all()
    assert len(boxes) == (seconds == 1.0)
