"""MPEG frames: headers, tags, and sound without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from tymbal.audio import mpeg, read

Odd = Callable[[str], Path]


def test_mpeg_headers() -> None:
    header = mpeg.parse_header(bytes.fromhex("fffb9064"), 0)
    assert header is not None
    assert (header.size, header.samples, header.sample_rate_hz, header.channels) == (417, 1152, 44100, 2)
    half = mpeg.parse_header(bytes.fromhex("fff348c4"), 0)  # MPEG 2
    assert half is not None
    assert (half.samples, half.channels) == (576, 1)
    for wrong in ("fffbf064", "fffb0064", "fffb9c64", "ffe89064", "00fb9064", "fffb"):
        assert mpeg.parse_header(bytes.fromhex(wrong), 0) is None


def test_random_bytes_are_no_mpeg() -> None:
    dice = np.random.default_rng(0)
    assert all(mpeg.find_frames(dice.integers(0, 256, 65536, dtype=np.uint8).tobytes()) is None for _ in range(5))


@pytest.mark.parametrize("channels", [1, 2])
def test_an_mp3_without_its_tag_is_read_to_its_end(
    channels: int, write: Callable[..., Path], chirp: NDArray[np.float32]
) -> None:
    sound = chirp if channels == 1 else np.stack([chirp, chirp[::-1]], 1)
    path = write("tagged.mp3", sound, 44100, format="MP3")
    whole, layout = read(path), mpeg.walk(path, 0, path.stat().st_size)
    assert layout is not None
    assert layout.tag is not None
    assert len(whole.samples) == 64000
    path.write_bytes(path.read_bytes()[layout.sound_start :])
    bare = read(path)
    assert len(bare.samples) == (layout.frames - 1) * layout.header.samples
    lead = layout.delay + mpeg.DECODER_DELAY  # what nobody can know without the tag is kept in front
    np.testing.assert_allclose(bare.samples[lead : lead + 60000], whole.samples[:60000], atol=1e-6)
