from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.corpus.conftest import write_sound

from tymbal.corpus.auditing.measure import BAND_EDGES_HZ, MEASURES, QUIET_DB, Measure, Meter, SoundFile


def metered(samples: NDArray[np.float64], rate: int, block: int = 10**9) -> dict[str, object]:
    meter = Meter(rate)
    sound = samples.astype(np.float32)
    for start in range(0, len(sound), block):
        meter.add(sound[start : start + block])
    return meter.finish()


def test_level_peak_zeros_and_offset_of_a_known_tone() -> None:
    time = np.arange(16000) / 16000
    tone = np.where(time < 0.5, 0.5 * np.sin(2 * np.pi * 1000 * time), 0.0)
    found = metered(tone, 16000)
    assert found["level_db"] == pytest.approx(20 * np.log10(0.5 / 2), abs=0.05)
    assert found["peak_db"] == pytest.approx(20 * np.log10(0.5), abs=0.05)
    assert found["zero_share"] == pytest.approx(0.5, abs=0.13)
    assert found["offset"] == pytest.approx(0, abs=1e-4)
    assert found["noise_floor_db"] == pytest.approx(QUIET_DB, abs=1)
    loudest = int(np.argmax(found["spectrum_db"]))  # type: ignore[arg-type]
    assert BAND_EDGES_HZ[loudest] <= 1000 <= BAND_EDGES_HZ[loudest + 1]
    assert metered(tone + 0.1, 16000)["offset"] == pytest.approx(0.1, abs=1e-3)


def test_cutoff_is_where_the_sound_ends() -> None:
    spectrum = np.fft.rfft(np.random.default_rng(0).standard_normal(32000))
    spectrum[np.fft.rfftfreq(32000, 1 / 16000) > 5000] = 0
    found = metered(0.1 * np.fft.irfft(spectrum), 16000)
    assert found["cutoff_hz"] == pytest.approx(5000, abs=200)
    assert metered(np.zeros(4000), 16000)["cutoff_hz"] is None


@pytest.mark.parametrize("block", [1, 100, 12345])
def test_blocks_do_not_matter(block: int) -> None:
    sound = 0.1 * np.random.default_rng(1).standard_normal(9000 if block == 1 else 60000)
    one, other = metered(sound, 8000), metered(sound, 8000, block)
    for name, value in one.items():
        assert other[name] == pytest.approx(value, rel=1e-9) if isinstance(value, float) else other[name] == value


def test_a_recording_shorter_than_a_window_or_without_samples() -> None:
    assert metered(np.ones(3) * 0.5, 8000)["level_db"] == pytest.approx(-6.02, abs=0.01)
    empty = metered(np.zeros(0), 8000)
    assert empty["level_db"] == QUIET_DB
    assert empty["landmarks"] == []


def test_gain_moves_levels_only() -> None:
    sound = 0.1 * np.random.default_rng(2).standard_normal(32000)
    loud, quiet = metered(sound, 8000), metered(0.25 * sound, 8000)
    assert quiet["level_db"] == pytest.approx(float(loud["level_db"]) - 12.04, abs=0.01)  # type: ignore[arg-type]
    assert quiet["cutoff_hz"] == loud["cutoff_hz"]
    assert quiet["sample_hash"] != loud["sample_hash"]
    shared = set(quiet["landmarks"]) & set(loud["landmarks"])  # type: ignore[call-overload]
    assert len(shared) > 0.95 * len(set(loud["landmarks"]))  # type: ignore[call-overload]


@pytest.mark.parametrize("rate", [1, 50, 500_000])
def test_any_rate(rate: int) -> None:
    found = metered(0.1 * np.random.default_rng(3).standard_normal(4 * rate if rate < 100 else rate // 4), rate)
    assert np.isfinite(found["level_db"])  # type: ignore[call-overload]


def test_the_work_makes_a_row_of_the_table(tmp_path: Path) -> None:
    write_sound(tmp_path / "a.wav", seconds=1)
    worked = Measure(str(tmp_path))(SoundFile("a.wav", "hash"))
    assert set(worked.value) == set(MEASURES)
    assert worked.audio_s == pytest.approx(1)
    assert worked.value["level_db"] == pytest.approx(-20, abs=0.3)
