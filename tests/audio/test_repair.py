"""Damaged files: what is lost is zeros, what is left is at its right time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tymbal.audio import read

Odd = Callable[[str], Path]


def test_damaged_flac_keeps_later_sound_at_its_time(odd: Odd) -> None:
    truth = read(odd("generated/compressed/md5_wrong.flac")).samples
    sound = read(odd("generated/compressed/corrupt_middle.flac")).samples
    wrong = np.flatnonzero(truth != sound)
    assert len(sound) == len(truth) == 64000
    assert (wrong.min(), wrong.max()) == (28672, 32767)  # one frame of 4096 samples
    assert not sound[28672:32768].any()


def test_ogg_with_a_bad_page_keeps_later_sound_at_its_time(odd: Odd) -> None:
    truth = read(odd("generated/name/ogg_named.wav")).samples
    sound = read(odd("generated/compressed/corrupt_page.ogg")).samples
    wrong = np.flatnonzero(truth != sound)
    assert len(sound) == len(truth) == 64000
    assert wrong.min() >= 19328
    assert wrong.max() < 41344
    assert not sound[19328:41344].any()


def test_opus_with_a_bad_page_keeps_later_sound_at_its_time(
    write: Callable[..., Path], chirp: NDArray[np.float32]
) -> None:
    path = write("whole.opus", np.tile(chirp, 8), 16000, format="OGG", subtype="OPUS")
    truth, damaged = read(path).samples, bytearray(path.read_bytes())
    middle = len(damaged) // 2
    damaged[middle : middle + 64] = bytes(64)
    path.write_bytes(bytes(damaged))
    sound = read(path)
    assert {fault.code for fault in sound.faults} >= {"damaged"}
    assert len(sound.samples) == len(truth)
    gap = np.flatnonzero(sound.samples[:-1000] == 0)
    later = slice(gap.max() + 16000, len(truth) - 1000)  # the decoder needs a while to settle
    assert np.abs(sound.samples[later] - truth[later]).max() < 1e-3
