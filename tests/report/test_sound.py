"""Spectrograms and sounds of examples: where energy lands, what is cut, how it is made audible."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from tymbal.errors import AudioError
from tymbal.report.figures import ticks
from tymbal.report.sound import LARGEST, cut, listen
from tymbal.report.spectrogram import LEVELS, png, spectrogram


def tone(path: Path, rate: int, seconds: float, hz: float) -> Path:
    samples = 0.1 * np.sin(2 * np.pi * hz * np.arange(round(rate * seconds)) / rate)
    soundfile.write(path, samples, rate, subtype="PCM_16", format="WAV")
    return path


@pytest.mark.parametrize(("rate", "hz"), [(8_000, 1_500), (44_100, 10_000), (500_000, 90_000)])
def test_a_tone_lands_at_its_frequency_and_a_click_at_its_time(rate: int, hz: float) -> None:
    samples = (0.5 * np.sin(2 * np.pi * hz * np.arange(rate // 4) / rate)).astype(np.float32)
    picture = spectrogram(samples, rate)
    row = int(picture.levels.astype(int).sum(axis=1).argmax())
    assert row / picture.levels.shape[0] * picture.nyquist_hz == pytest.approx(hz, rel=0.03)
    assert picture.duration_s == pytest.approx(0.25)
    click = np.zeros(rate // 4, dtype=np.float32)
    click[rate // 10] = 1
    columns = spectrogram(click, rate).levels.astype(int).sum(axis=0)
    assert np.flatnonzero(columns).mean() / len(columns) == pytest.approx(0.4, abs=0.02)


def test_silence_and_single_samples_draw() -> None:
    assert spectrogram(np.zeros(4000, dtype=np.float32), 8000).levels.max() == 0
    one = spectrogram(np.ones(1, dtype=np.float32), 8000)
    assert one.levels.shape[1] == 1
    assert Image.open(io.BytesIO(png(one))).size == (1, 128)


def test_pictures_are_palette_images_with_low_frequencies_at_the_bottom() -> None:
    samples = np.sin(2 * np.pi * 500 * np.arange(8000) / 8000).astype(np.float32)
    image = Image.open(io.BytesIO(png(spectrogram(samples, 8000))))
    assert image.mode == "P"
    levels = np.asarray(image)
    assert levels.max() < LEVELS
    assert levels.sum(axis=1, dtype=int).argmax() / levels.shape[0] == pytest.approx(1 - 500 / 4000, abs=0.02)


def test_an_event_is_cut_with_context_and_says_where_it_lies(tmp_path: Path) -> None:
    path = tone(tmp_path / "x.wav", 22_050, 10, 3000)
    clip = cut(path, None, 4.0, 5.0)
    assert clip.start_s == pytest.approx(3.73, abs=0.001)
    assert (clip.onset_s, clip.offset_s) == pytest.approx((0.27, 1.27), abs=0.001)
    assert clip.duration_s == pytest.approx(1.54, abs=0.001)
    at_start = cut(path, None, 0.0, 0.4)
    assert (at_start.start_s, at_start.onset_s) == (0, 0)
    whole = cut(path, None, None, None)
    assert (whole.duration_s, whole.note, whole.onset_s) == (5.0, "first 5 s of 10.0 s", None)
    assert len(cut(path, None, 30.0, 31.0).samples) == 0


def test_ultrasound_is_slowed_and_infrasound_sped_up(tmp_path: Path) -> None:
    bat, words = listen(cut(tone(tmp_path / "bat.wav", 250_000, 1.0, 60_000), None, None, None))
    heard, rate = soundfile.read(io.BytesIO(bat))
    assert words == "slowed ×10 to be audible"
    assert (rate, len(heard) / rate) == (25_000, pytest.approx(5.0))  # half a second, ten times as long
    assert np.abs(np.fft.rfft(heard)).argmax() * rate / len(heard) == pytest.approx(6_000, abs=2)
    low, words = listen(cut(tone(tmp_path / "low.wav", 500, 30.0, 20), None, None, None))
    heard, rate = soundfile.read(io.BytesIO(low))
    assert words == "sped up ×10 to be audible"
    assert rate == 8_000
    assert np.abs(np.fft.rfft(heard)).argmax() * rate / len(heard) == pytest.approx(200, abs=1)
    plain, words = listen(cut(tone(tmp_path / "bird.wav", 44_100, 1.0, 4_000), None, None, None))
    assert (words, soundfile.info(io.BytesIO(plain)).samplerate) == ("", 44_100)
    assert np.abs(soundfile.read(io.BytesIO(plain))[0]).max() == pytest.approx(0.9, abs=0.01)


def test_a_sound_that_does_not_compress_is_halved_until_it_fits(tmp_path: Path) -> None:
    path = tmp_path / "noise.wav"
    soundfile.write(path, np.random.default_rng(0).uniform(-1, 1, 48_000 * 5), 48_000)
    flac, words = listen(cut(path, None, None, None))
    assert len(flac) <= LARGEST
    assert words == "heard up to 12 kHz"


def test_a_file_that_is_no_sound_is_an_audio_error(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("not sound")
    with pytest.raises(AudioError):
        cut(tmp_path / "x.wav", None, None, None)


def test_ticks_are_round_and_inside() -> None:
    assert ticks(0, 4, 4) == [0, 1, 2, 3, 4]
    assert ticks(1.83, 1.87, 4) == pytest.approx([1.84, 1.86])
    assert all(0 <= value <= 22.05 for value in ticks(0, 22.05, 4))
