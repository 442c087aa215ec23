"""Decoders: exact random access, quiet, and honest about files that change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tymbal.audio import AudioReader, read
from tymbal.errors import AudioError

Odd = Callable[[str], Path]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("long.flac", {"format": "FLAC", "subtype": "PCM_16"}),
        ("long.mp3", {"format": "MP3", "subtype": "MPEG_LAYER_III"}),
        ("long.ogg", {"format": "OGG", "subtype": "VORBIS"}),
        ("long.opus", {"format": "OGG", "subtype": "OPUS"}),
        ("gsm.wav", {"format": "WAV", "subtype": "GSM610"}),
        ("g721.wav", {"format": "WAV", "subtype": "G721_32"}),
    ],
)
def test_long_files_are_random_access_past_the_kept_blocks(
    name: str, options: dict[str, str], write: Callable[..., Path], chirp: NDArray[np.float32]
) -> None:
    path = write(name, np.tile(chirp, 14), 16000, **options)  # more than the blocks that a decoder keeps
    with AudioReader(path) as reader:
        whole = np.concatenate(list(reader.blocks(50_000)))
    with AudioReader(path) as reader:
        for start in (700_000, 30, 880_000, 65_500, 131_072 - 5, 400_000):
            np.testing.assert_array_equal(reader.read(start, 3000), whole[start : start + 3000])
        assert reader.faults == ()


def test_reading_an_mp3_prints_nothing(
    write: Callable[..., Path], chirp: NDArray[np.float32], capfd: pytest.CaptureFixture[str]
) -> None:
    path = write("noisy.mp3", np.tile(chirp, 4), 16000, format="MP3", subtype="MPEG_LAYER_III")
    damaged = bytearray(path.read_bytes())
    for place in range(len(damaged) // 2, len(damaged) // 2 + 3000, 97):
        damaged[place] ^= 0x3C
    path.write_bytes(bytes(damaged))
    assert any(fault.code in ("damaged", "trailing_bytes", "truncated") for fault in read(path).faults)
    assert capfd.readouterr() == ("", "")


def test_the_file_going_away_is_an_audio_error(write: Callable[..., Path], chirp: NDArray[np.float32]) -> None:

    path = write("shrinks.wav", chirp)
    with AudioReader(path) as reader:
        path.write_bytes(path.read_bytes()[:1000])
        with pytest.raises(AudioError, match="became shorter"):
            reader.read(0, 64000)
