"""Samples by arithmetic: bit-equal to libsndfile where both read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tymbal.audio import pcm, read, riff
from tymbal.audio.pcm import Pcm

Odd = Callable[[str], Path]


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"])
@pytest.mark.parametrize("endian", ["LITTLE", "BIG"])
def test_every_width_decodes_as_libsndfile_does(tmp_path: Path, subtype: str, endian: str) -> None:
    path = tmp_path / "all.wav"
    values = np.concatenate([np.linspace(-1, 0.9999, 70_001), [0, 1, -1, 2**-15, -(2**-15)]])
    soundfile.write(path, values[:, None] * [1, -0.5], 8000, format="WAV", subtype=subtype, endian=endian)
    found = riff.parse(path)
    layout, codec, faults = pcm.layout_of(path, found)
    assert layout is not None
    assert (codec, faults) == (subtype, [])
    ours = pcm.decode(path.read_bytes()[layout.offset :][: layout.frames * layout.frame_bytes], layout)
    np.testing.assert_array_equal(ours, soundfile.read(path, dtype="float32")[0])


def test_64_bit_integers_and_low_bits() -> None:
    wide = np.array([2**62, -(2**63), 1], "<i8").tobytes()
    assert pcm.decode(wide, Pcm(0, 3, 1, "int", 8)).ravel().tolist() == [0.5, -1.0, 2.0**-63]
    low = np.array([0x00FFFFA0, 0x007FFFFF], "<i4").tobytes()
    assert (pcm.decode(low, Pcm(0, 2, 1, "int", 4, low_bits=24)).ravel() * 2**23).tolist() == [-96, 8388607]


def test_low_justified_24_bit_samples_are_read_right(odd: Odd) -> None:
    values = read(odd("real/hound/pcmwaveformat-24bit-4byte-48kHz-stereo.wav"), channel=1).samples * 2**23
    assert values.tolist() == [-96, 8388607]
    ordinary = read(odd("generated/encoding/extensible_24in32.wav")).samples
    np.testing.assert_allclose(ordinary, read(odd("generated/encoding/wav_pcm_24.wav")).samples, atol=2e-7)
