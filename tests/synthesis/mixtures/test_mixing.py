from __future__ import annotations

import io

import numpy as np
import pytest
import soundfile
from tests.synthesis.mixtures.conftest import HZ, RATE

from tymbal.corpus import Corpus
from tymbal.errors import AudioError
from tymbal.synthesis.mixtures import MixturePlan
from tymbal.synthesis.mixtures.choosing import draw, eligible
from tymbal.synthesis.mixtures.mixing import PEAK, Mix, _level, mixed


def test_levels_are_those_asked_for_and_bytes_the_same(birds: Corpus) -> None:
    plan = MixturePlan(overlap=(0.0, 0.5), snr_db=(0.0, 12.0), split="parts", per_level=1)
    drawn = draw(eligible(birds, plan)[0], plan)[0]
    made = Mix(birds.root.as_posix(), plan)(drawn).value
    assert [(each.overlap, each.snr_db) for each in made] == [(0.0, 0.0), (0.0, 12.0), (0.5, 0.0), (0.5, 12.0)]
    assert [each.sound for each in Mix(birds.root.as_posix(), plan)(drawn).value] == [each.sound for each in made]
    for each in made:
        sound, rate = soundfile.read(io.BytesIO(each.sound))
        assert rate == RATE
        assert np.abs(sound).max() == pytest.approx(PEAK, abs=1e-4)
        assert each.reached == pytest.approx(each.overlap, abs=0.05)
        power = {}
        for source, start_s in zip(drawn.sources, each.starts_s, strict=True):
            inside = np.zeros(len(sound), bool)
            for onset, offset in source.spans + start_s:
                inside[round(onset * RATE) : round(offset * RATE)] = True
            time = np.arange(len(sound)) / RATE
            tone = np.exp(2j * np.pi * HZ[source.individual] * time)
            pieces = [
                np.abs(np.mean((sound * tone)[round(on * RATE) : round(off * RATE)])) ** 2
                for on, off in source.spans + start_s
            ]
            power[source.individual] = float(np.median(pieces))
        softer = next(name for name in power if name != drawn.louder)
        assert 10 * np.log10(power[drawn.louder] / power[softer]) == pytest.approx(each.snr_db, abs=0.7)


def test_a_sum_is_a_sum() -> None:
    a, b = np.array([1.0, 0.0, 2.0], np.float32), np.array([1.0, 1.0], np.float32)
    mix, scale = mixed([a, b], np.array([0, 2]), [1.0, 0.5])
    np.testing.assert_allclose(mix / scale, [1.0, 0.0, 2.5, 0.5])
    assert np.abs(mix).max() == pytest.approx(PEAK)


def test_silent_events_are_refused() -> None:
    with pytest.raises(AudioError, match="its events are silent"):
        _level(np.zeros(100, np.float32), np.array([[10, 20]]), "x.wav")
