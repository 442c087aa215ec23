"""Pictures: blocks, edges and the scale they are drawn at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.fewshot.conftest import RATE, make_sound, prompt_of

from tymbal.audio import AudioReader
from tymbal.errors import DataError, UsageError
from tymbal.fewshot import Scale, Shot, choose_scale, picture
from tymbal.fewshot.picture import band_power, blocks_of, frames_of, pictures
from tymbal.fewshot.plan import part_blocks

SCALE = Scale(RATE, 160, 512, 500.0, 7000.0, 24)


def test_power_of_a_frame_is_that_of_the_bins_of_its_window(chirps: Path) -> None:
    with AudioReader(chirps) as reader:
        found = band_power(reader, SCALE, 0, frames_of(reader.samples, SCALE))
        sound = np.pad(reader.read(0, reader.samples).astype(np.float64), 256)
    taper = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)
    taper /= np.sqrt(np.sum(taper**2))
    for frame in (0, 7, 1000, len(found) - 1):
        cut = sound[frame * 160 : frame * 160 + 512]
        cut = np.pad(cut, (0, 512 - len(cut)))
        wanted = np.abs(np.fft.rfft(cut * taper)) ** 2 @ SCALE.filters
        np.testing.assert_allclose(found[frame], wanted, rtol=2e-3, atol=1e-9)


def test_each_block_answers_for_its_own_frames_and_all_for_all(chirps: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(picture, "BLOCK_FRAMES", 300)
    with AudioReader(chirps) as reader:
        total = frames_of(reader.samples, SCALE)
        drawn = list(pictures(reader, SCALE, 50))
    owned = [frame for each in drawn for frame in range(each.first + each.core.start, each.first + each.core.stop)]
    assert owned == list(range(total))
    assert len(blocks_of(total * 160, SCALE, 50)) == round(total / 300)
    assert all(each.frames <= 300 + 100 + 20 for each in drawn)


def test_parts_hold_every_block_once() -> None:
    for hours in (0.0, 0.01, 0.7, 24.0):
        samples = round(hours * 3600 * RATE)
        parts = part_blocks(samples, SCALE)
        assert [block for first, stop in parts for block in range(first, stop)] == list(
            range(len(blocks_of(samples, SCALE, 0)))
        )


def test_bands_cover_the_range_once() -> None:
    weights = SCALE.filters
    assert weights.shape == (257, 24)
    np.testing.assert_allclose(weights.sum(axis=0), 1.0, rtol=1e-5)
    assert (np.diff(SCALE.edges_hz) > 0).all()
    with pytest.raises(UsageError, match="is no scale"):
        Scale(RATE, 160, 512, 500.0, 9000.0, 24)


def test_the_scale_follows_length_and_band_of_the_examples(chirps: Path) -> None:
    measured = choose_scale(prompt_of(chirps).shots)
    assert 1000 < measured.low_hz < 2000
    assert 3000 < measured.high_hz < 4500
    assert measured.hop == pytest.approx(0.2 * RATE / 24, abs=1)
    given = choose_scale([Shot(str(chirps), None, 1.0, 3.0, 4000.0, 5000.0)])
    assert (given.low_hz, given.high_hz) == (3650.0, 5350.0)
    assert given.hop == 0.02 * RATE
    with pytest.raises(DataError, match="needs examples"):
        choose_scale([])


def test_most_examples_decide_the_rate(tmp_path: Path) -> None:
    for name, rate in (("a.wav", 8000), ("b.wav", 16_000)):
        soundfile.write(tmp_path / name, make_sound((1.0,), 2.0, rate=rate), rate, subtype="FLOAT")
    shots = [Shot(str(tmp_path / "a.wav"), None, 1.0, 1.2)] * 2 + [Shot(str(tmp_path / "b.wav"), None, 1.0, 1.2)]
    assert choose_scale(shots).sample_rate_hz == 8000
