"""Start time, recorder and notes, as recorders write them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tymbal.audio import probe

Odd = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "text", "source"),
    [
        ("generated/metadata/guano_after_data.wav", "2024-06-03T03:37:31+02:00", "guano"),
        ("generated/metadata/guano_before_data.wav", "2024-06-03T03:37:31+02:00", "guano"),
        ("generated/metadata/audiomoth_comment.wav", "2024-09-03T19:31:30+01:00", "audiomoth"),
        ("generated/metadata/wamd.wav", "2022-08-15T21:34:14+01:00", "wamd"),
        ("generated/metadata/bext.wav", "2024-06-03T03:37:31", "bext"),
        ("generated/name/SM4A03895_20190522_053000.WAV", "2019-05-22T05:30:00", "filename"),
        ("generated/name/5AFE12C4.WAV", "2018-05-17T23:39:48+00:00", "filename"),
        ("real/recorders/AudiomothNoBatCalls.WAV", "2024-09-03T19:31:30+01:00", "guano"),
        ("real/recorders/audiomoth_list_id3_after_data.wav", "2020-04-04T10:25:00+00:00", "audiomoth"),
        ("real/recorders/audiomoth_long_json_comment.wav", "2024-05-28T10:00:00+00:00", "audiomoth"),
        ("real/recorders/batlogger_guano.wav", "2024-05-31T22:39:11", "guano"),
        ("real/recorders/echometer_guano_wamd.wav", "2022-08-15T21:34:14+01:00", "guano"),
    ],
)
def test_start_times(name: str, text: str, source: str, odd: Odd) -> None:
    start = probe(odd(name)).start
    assert start is not None
    assert (start.text, start.source) == (text, source)
    assert start.has_offset == (text[-6] in "+-")


@pytest.mark.parametrize(
    "name",
    [
        "generated/metadata/audiomoth_comment_bad_date.wav",
        "generated/metadata/guano_garbage_lines.wav",
        "generated/name/20231399_256199.wav",
        "generated/name/S_20190230_000000.wav",
    ],
)
def test_impossible_dates_give_no_time(name: str, odd: Odd) -> None:
    assert probe(odd(name)).start is None


def test_recorders_and_metadata(odd: Odd) -> None:
    assert probe(odd("real/recorders/AudiomothNoBatCalls.WAV")).recorder == "AudioMoth 24E144055E080032"
    assert probe(odd("real/recorders/batlogger_guano.wav")).recorder == "BATLOGGER S2 22060166"
    touch = probe(odd("real/recorders/echometer_guano_wamd.wav"))
    assert touch.recorder == "Wildlife Acoustics Echo Meter Touch 2 Standard Android"
    assert touch.metadata["guano.Species Manual ID"] == "PIPPIP"
    assert touch.metadata["wamd.Firmware Version"] == "App 2.8.14"
    assert probe(odd("generated/metadata/guano_utf8.wav")).metadata["guano.Note"] == (
        "Fledermäuse, コウモリ, летучая мышь"
    )
    assert "München" in probe(odd("generated/metadata/list_latin1.wav")).metadata["info.ICMT"]
    assert probe(odd("generated/metadata/bext.wav")).metadata["bext.time_reference_samples"] == str(16000 * 3600)


def test_time_expansion_is_named_and_not_applied(odd: Odd) -> None:
    info = probe(odd("generated/metadata/guano_time_expanded.wav"))
    assert (info.sample_rate_hz, info.time_expansion, info.duration_s) == (25600, 10, 0.5)
    assert "256000 Hz" in next(fault.message for fault in info.faults if fault.code == "time_expanded")
