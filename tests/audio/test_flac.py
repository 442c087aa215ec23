"""FLAC metadata and frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from tymbal.audio import flac, probe

Odd = Callable[[str], Path]


def test_flac_numbers_and_checksums(odd: Odd) -> None:
    path = odd("generated/compressed/md5_wrong.flac")
    info, at_frame = flac.read_info(path, 0)
    assert at_frame
    frames = flac.index(path, info, 4096)
    assert [frame.first for frame in frames] == list(range(0, 64000, 4096))
    assert frames[-1].end == info.total
    data = path.read_bytes()
    for this, following in zip(frames, [*frames[1:], None], strict=True):
        piece = data[this.offset : following.offset if following else len(data)]
        assert flac.crc16_holds(piece)
        assert not flac.crc16_holds(piece[:-1])
        assert not flac.crc16_holds(piece[:-3] + bytes([piece[-3] ^ 1]) + piece[-2:])


def test_flac_comments_give_recorder_and_time(tmp_path: Path) -> None:

    path = tmp_path / "moth.flac"
    with soundfile.SoundFile(path, "w", 16000, 1, format="FLAC") as file:
        file.comment = "Recorded at 19:31:30 03/09/2024 (UTC+1) by AudioMoth 24E144055E080032 at medium gain"
        file.write(np.zeros(100))
    info = probe(path)
    assert info.recorder == "AudioMoth 24E144055E080032"
    assert info.start is not None
    assert (info.start.text, info.start.source) == ("2024-09-03T19:31:30+01:00", "audiomoth")
