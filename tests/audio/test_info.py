"""The record that a probe gives."""

from __future__ import annotations

import pickle

from tymbal.audio import AudioInfo, StartTime


def test_duration_and_travel_between_processes() -> None:
    info = AudioInfo("a.wav", "WAV", "PCM_16", 48000, 2, 24000, start=StartTime("2024-06-03T03:37:31", False, "bext"))
    assert info.duration_s == 0.5
    assert pickle.loads(pickle.dumps(info)) == info
