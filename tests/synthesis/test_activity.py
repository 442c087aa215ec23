"""Activity is found where calls are, and not where only noise is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import soundfile

from tymbal.errors import ConfigError
from tymbal.synthesis.activity import HOP, Activity, find_activity

RATE = 16_000.0


def iou(a: tuple[float, float], b: tuple[float, float]) -> float:
    inner = min(a[1], b[1]) - max(a[0], b[0])
    return max(inner, 0.0) / (max(a[1], b[1]) - min(a[0], b[0]))


def test_loud_calls_are_found_with_their_times_and_bands(recordings: tuple[Path, pl.DataFrame]) -> None:
    folder, truth = recordings
    found, right, bands = 0, 0, 0
    for (name,), events in truth.group_by("recording"):
        samples, _ = soundfile.read(folder / f"{name}.wav", dtype="float32")
        active, quiet = find_activity(samples, RATE, Activity(fill_s=0.02, margin_s=0.0))
        found += len(active)
        for each in active:
            span = each.start / RATE, each.stop / RATE
            best = max(events.iter_rows(named=True), key=lambda row: iou(span, (row["onset_s"], row["offset_s"])))
            right += iou(span, (best["onset_s"], best["offset_s"])) > 0.5
            bands += iou((each.low_hz, each.high_hz), (best["low_hz"] - 125, best["high_hz"] + 125)) > 0.4
        for row in events.iter_rows(named=True):
            inside = quiet[round(row["onset_s"] * RATE / HOP) + 3 : round(row["offset_s"] * RATE / HOP) - 3]
            assert np.mean(inside) < 0.3
    assert right / found > 0.9
    assert right / truth.height > 0.85
    assert bands / found > 0.85


def test_noise_alone_is_quiet() -> None:
    noise = np.random.default_rng(0).standard_normal(320_000).astype(np.float32)
    active, quiet = find_activity(noise, RATE, Activity())
    assert len(active) <= 2
    assert quiet.mean() > 0.98
    assert len(quiet) == 4000


def test_calls_at_the_ends_are_neither_listed_nor_quiet() -> None:
    sound = 0.01 * np.random.default_rng(0).standard_normal(64_000).astype(np.float32)
    tone = np.sin(np.arange(8000) * 0.6).astype(np.float32)
    sound[:8000] += tone
    sound[-8000:] += tone
    sound[30_000:38_000] += tone
    active, quiet = find_activity(sound, RATE, Activity())
    assert len(active) == 1
    assert active[0].start == pytest.approx(30_000, abs=800)
    assert active[0].stop == pytest.approx(38_000, abs=800)
    assert not quiet[:80].any()
    assert not quiet[-80:].any()


@pytest.mark.parametrize("bad", [{"above_db": 1.0}, {"fill_s": -1.0}, {"shortest_s": 9.0}])
def test_bad_settings_are_told(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Activity(**bad).check()
