"""What is known about each frame of a support: examples, other sound, and what nobody may have gone through."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.fewshot.conftest import CHIRP_S, RATE, make_sound

from tymbal.fewshot import Prompt, Shot, scale
from tymbal.fewshot.scale import choose_scale
from tymbal.fewshot.support import Support, gone_through, look


def supported(prompt: Prompt) -> Support:
    return look(prompt, choose_scale(prompt.shots))


def seconds(support: Support, stretch: int, marked: np.ndarray) -> np.ndarray:
    """Centres of the frames of a stretch that are marked."""
    picture = support.stretches[stretch].picture
    return picture.grid.centers_s(picture.first + picture.frames)[picture.first :][marked]


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "a.wav"
    soundfile.write(path, make_sound((4.0, 6.0, 8.0), 16.0), RATE, subtype="FLOAT")
    return path


def test_sound_after_the_last_example_is_unknown_where_other_sound_is_known(sound: Path) -> None:
    shots = tuple(Shot(str(sound), None, onset, onset + CHIRP_S) for onset in (4.0, 6.0))
    counter = Shot(str(sound), None, 9.0, 9.5)
    told = gone_through(supported(Prompt("chirp", shots, (counter,))))
    free = seconds(told, 0, told.stretches[0].free)
    assert free.min() < 3.0
    assert ((free < 6.0 + CHIRP_S) | ((free > 8.95) & (free < 9.55))).all(), "the counter-example alone is known later"
    assert (free > 8.95).any()


def test_sound_after_the_last_example_is_looked_at_where_it_is_all_there_is(sound: Path) -> None:
    support = supported(Prompt("chirp", (Shot(str(sound), None, 0.0, 0.5), Shot(str(sound), None, 0.6, 1.1))))
    assert gone_through(support) is support
    assert seconds(support, 0, support.stretches[0].free).max() > 3.0


def test_an_example_on_one_channel_is_no_other_sound_in_the_mix(tmp_path: Path) -> None:
    path = tmp_path / "stereo.wav"
    call = make_sound((4.0, 6.0, 8.0), 16.0)
    soundfile.write(path, np.stack([0 * call, call], axis=1), RATE, subtype="FLOAT")
    own = tuple(Shot(str(path), 1, onset, onset + CHIRP_S) for onset in (4.0, 6.0))
    mixed = Shot(str(path), None, 8.0, 8.0 + CHIRP_S)
    support = supported(Prompt("chirp", (*own, mixed)))
    assert {each.picture.frames > 0 for each in support.stretches} == {True}
    for number in range(len(support.stretches)):
        free = seconds(support, number, support.stretches[number].free)
        for onset in (4.0, 6.0, 8.0):
            assert not ((free > onset + 0.05) & (free < onset + CHIRP_S - 0.05)).any()


def test_the_band_of_a_long_example_is_measured_in_its_middle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random, rate = np.random.default_rng(0), 8000
    sound = 0.02 * random.standard_normal(100 * rate)
    sound[30 * rate : 70 * rate] += 0.2 * np.sin(2 * np.pi * 1000 * np.arange(40 * rate) / rate)
    path = tmp_path / "long.wav"
    soundfile.write(path, sound, rate, subtype="FLOAT")
    looked: list[int] = []
    plain = scale._spectra
    monkeypatch.setattr(scale, "_spectra", lambda sound, n_fft: (looked.append(len(sound)), plain(sound, n_fft))[1])
    low, high = scale.measured_band([Shot(str(path), None, 30.0, 70.0)], rate, 40.0)
    assert low < 1000 < high < 1200
    longest_s = max(scale.LONGEST_S, 64 * 2048 / rate)
    assert looked == [round(5 * longest_s * rate)]
