from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter

from tymbal.corpus.auditing import landmarks
from tymbal.corpus.auditing.landmarks import Landmarks, pair_up, peaks, running_maximum, scramble, thin


def picture(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(-40, 10, (200, 100)).astype(np.float32)


def test_running_maximum_is_that_of_scipy() -> None:
    for reach, axis in ((1, 0), (3, 0), (10, 1), (16, 1)):
        size = (2 * reach + 1, 1) if axis == 0 else (1, 2 * reach + 1)
        wanted = maximum_filter(picture(), size=size, mode="nearest")
        assert (running_maximum(picture(), reach, axis=axis) == wanted).all()


def test_peaks_are_greatest_around_and_few() -> None:
    levels = picture()
    frames, bins = peaks(levels, 3, 197)
    assert len(frames) > 20
    assert frames.min() >= 3
    assert frames.max() < 197
    for frame, line in zip(frames, bins, strict=True):
        around = levels[max(frame - 3, 0) : frame + 4, max(line - 10, 0) : line + 11]
        assert levels[frame, line] == around.max()
    assert np.bincount(frames // landmarks.CELL_FRAMES).max() <= landmarks.PEAKS_PER_CELL
    assert (np.diff(frames) >= 0).all()


def test_silence_has_no_peaks() -> None:
    assert len(peaks(np.full((50, 50), -160.0, np.float32), 0, 50)[0]) == 0
    assert len(peaks(picture(), 50, 50)[0]) == 0


def test_landmarks_move_with_the_sound_and_ignore_gain() -> None:
    levels = picture()
    one = pair_up(*peaks(levels, 0, 200))
    later = np.vstack([np.full((32, 100), -90, np.float32), levels - 12])  # one whole cell later
    other = pair_up(*peaks(later, 0, 232))
    shared = np.intersect1d(one.values, other.values)
    assert len(shared) > 0.9 * len(np.unique(one.values))
    assert len(np.intersect1d(one.values, pair_up(*peaks(picture(1), 0, 200)).values)) < 0.05 * len(shared)


def test_thinning_keeps_the_same_landmarks_in_every_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).integers(0, 1 << 26, 5000).astype(np.uint32)
    monkeypatch.setattr(landmarks, "MOST", 600)
    whole = thin(Landmarks(values, np.arange(5000, dtype=np.uint32)))
    assert 200 < len(whole.values) <= 600
    part = thin(Landmarks(values[1000:], np.arange(4000, dtype=np.uint32)))
    assert set(whole.values[whole.frames >= 1000]) <= set(part.values)
    assert (scramble(np.arange(10, dtype=np.uint32)) != np.arange(10)).sum() >= 9


def test_no_peaks_no_landmarks() -> None:
    assert len(pair_up(np.zeros(0, np.int64), np.zeros(0, np.int64)).values) == 0
    assert len(pair_up(np.array([5]), np.array([7])).values) == 0
