"""A recording of chirps among other sounds, and its truth."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.fewshot import Prompt, Shot

RATE = 16_000
CHIRP_S = 0.2


def chirp(rate: int = RATE, seconds: float = CHIRP_S, low: float = 2000.0, high: float = 3000.0) -> np.ndarray:
    """A rising chirp with soft ends."""
    time = np.arange(round(seconds * rate)) / rate
    phase = 2 * np.pi * (low * time + (high - low) / (2 * seconds) * time**2)
    return np.sin(phase) * np.hanning(len(time))


def make_sound(
    onsets: Sequence[float],
    seconds: float,
    *,
    rate: int = RATE,
    others: Sequence[float] = (),
    seed: int = 1,
    speed: float = 1.0,
) -> np.ndarray:
    """Noise with chirps at `onsets`, falling ones at `others`; `speed` makes everything shorter and higher."""
    random = np.random.default_rng(seed)
    sound = 0.02 * random.standard_normal(round(seconds * rate))
    call = chirp(rate, CHIRP_S / speed, 2000 * speed, 3000 * speed)
    for onset, call_ in [*((each, call) for each in onsets), *((each, call[::-1]) for each in others)]:
        at = round(onset * rate)
        piece = 0.3 * call_[max(0, -at) : max(0, len(sound) - at)]
        sound[max(at, 0) : max(at, 0) + len(piece)] += piece
    return sound


ONSETS = (1.0, 2.5, 4.1, 5.2, 7.7, 11.0, 13.3, 14.2, 16.9, 18.4)
OTHERS = (1.9, 3.3, 6.4, 9.1, 12.2, 15.5)


@pytest.fixture(scope="session")
def chirps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 s with ten chirps (ONSETS) and six falling ones (OTHERS)."""
    path = tmp_path_factory.mktemp("chirps") / "chirps.wav"
    soundfile.write(path, make_sound(ONSETS, 20.0, others=OTHERS), RATE, subtype="FLOAT")
    return path


def prompt_of(path: Path, onsets: Sequence[float] = ONSETS[:5], length_s: float = CHIRP_S) -> Prompt:
    """The examples of a recording."""
    return Prompt("chirp", tuple(Shot(str(path), None, onset, onset + length_s) for onset in onsets))
