"""A probe says what the header says, where the time comes from, and reads little."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tymbal.audio import probe
from tymbal.errors import AudioError

Odd = Callable[[str], Path]


def test_probing_decodes_nothing(
    tmp_path: Path, chirp: NDArray[np.float32], write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = [
        write("a.wav", chirp),
        write("a.flac", chirp),
        write("a.ogg", chirp, format="OGG", subtype="VORBIS"),
        write("a.mp3", chirp, format="MP3"),
        write("a.aiff", chirp),
    ]

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the probe decoded sound")

    monkeypatch.setattr(soundfile.SoundFile, "read", refuse)
    for path in paths:
        info = probe(path)
        assert (info.samples, info.sample_rate_hz, info.channels, info.faults) == (64000, 16000, 1, ())


def test_a_long_file_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "day.wav"
    soundfile.write(path, np.zeros(10), 48000, subtype="PCM_16")
    head = bytearray(path.read_bytes()[:44])
    size = 24 * 3600 * 48000 * 2 // 8  # three hours, as a sparse file
    head[4:8], head[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
    with open(path, "wb") as file:
        file.write(head)
        file.truncate(44 + size)
    info = probe(path)
    assert (info.duration_s, info.faults) == (3 * 3600, ())


def test_without_the_second_decoder_the_pip_line_is_given(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    for name in ("real/mutagen/no-tags.m4a", "real/mutagen/alac.m4a"):
        with pytest.raises(AudioError, match=r"pip install 'tymbal\[av\]'") as caught:
            probe(odd(name))
        assert caught.value.where == odd(name)


def test_truncated_aiff_and_au(write: Callable[..., Path], chirp: NDArray[np.float32]) -> None:
    for name in ("cut.aiff", "cut.au"):
        path = write(name, chirp, subtype="PCM_16")
        path.write_bytes(path.read_bytes()[:60_000])
        info = probe(path)
        assert info.samples < 32000
        assert [fault.code for fault in info.faults] == ["truncated"]
