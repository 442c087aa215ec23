"""Cut calls are limited to their band, backgrounds hold no call, and both are bounded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from tests.reference import synthesis as slow

from tymbal.synthesis.activity import HOP
from tymbal.synthesis.cutting import SEAM, Cutting, CutWork, as_int16, band_pass, join_quiet, spread

RATE = 16_000.0


def test_a_band_pass_keeps_its_band_and_nothing_far_from_it() -> None:
    noise = np.random.default_rng(0).standard_normal(8000).astype(np.float32)
    kept = band_pass(noise, 2000.0, 3000.0, RATE)
    inside = np.abs(np.fft.rfft(kept)[1001:1499]) / np.abs(np.fft.rfft(noise)[1001:1499])
    np.testing.assert_allclose(inside, 1, atol=1e-3)
    assert slow.share_below(kept, RATE, 1790) < 1e-3
    assert slow.share_below(kept, RATE, 3210) > 1 - 1e-3


def test_quiet_stretches_are_joined_without_a_step() -> None:
    ramp = np.full(200 * HOP, 0.5, dtype=np.float32)
    ramp[100 * HOP :] = 0.4
    quiet = np.ones(200, dtype=np.bool_)
    quiet[80:110] = False
    joined = join_quiet(ramp, quiet)
    assert len(joined) == 170 * HOP - SEAM
    assert np.abs(np.diff(joined)).max() < 0.02
    assert len(join_quiet(ramp, np.zeros(200, dtype=np.bool_))) == 0


def test_sixteen_bits_come_back() -> None:
    sound = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    whole, scale = as_int16(sound)
    np.testing.assert_allclose(whole * np.float32(scale), sound, atol=2e-4)
    assert as_int16(np.zeros(3, dtype=np.float32))[0].tolist() == [0, 0, 0]


def test_what_is_kept_is_bounded_and_spread(recordings: tuple[Path, pl.DataFrame]) -> None:
    folder, truth = recordings
    name = truth["recording"][0]
    work = CutWork(folder.as_posix(), Cutting(most=3, background_s=4.0))
    done = work(f"{name}.wav")
    assert done.audio_s == 20.0
    assert len(done.value.calls) == 3
    assert sum(len(piece.samples) for piece in done.value.backgrounds) <= 4.0 * RATE
    assert sum(len(piece.samples) for piece in done.value.backgrounds) > 2.0 * RATE
    whole = CutWork(folder.as_posix(), Cutting())(f"{name}.wav").value
    assert len(whole.calls) >= 5
    assert done.value.calls[-1].onset_s == whole.calls[-1].onset_s
    assert spread(list(whole.calls), 100) == list(whole.calls)
    for piece in whole.calls:
        assert 0 <= piece.low_hz < piece.high_hz <= 8000
        assert piece.offset_s - piece.onset_s == pytest.approx(len(piece.samples) / RATE, abs=0.1)
