from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.corpus.conftest import write_sound

from tymbal.corpus import index
from tymbal.corpus.identify import content_hash
from tymbal.corpus.packing.sound import PackSound, Sound, encodable, sha256
from tymbal.errors import RecordingChangedError


def packed(tmp_path: Path, source: Path, target: str, encode: bool) -> dict[str, object]:
    work = PackSound(str(tmp_path), str(tmp_path / "out"), "x")
    return work(Sound(source.name, target, content_hash(source), encode)).value


def test_a_copy_is_the_same_bytes(tmp_path: Path) -> None:
    source = write_sound(tmp_path / "a.wav")
    row = packed(tmp_path, source, "deep/a.wav", False)
    assert (tmp_path / "out/deep/a.wav").read_bytes() == source.read_bytes()
    assert row["content_hash"] == content_hash(source)
    assert row["sha256"] == sha256(source)


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("channels", [1, 3])
def test_flac_gives_every_sample_back(tmp_path: Path, subtype: str, channels: int) -> None:
    samples = np.random.default_rng(0).integers(-(2**31), 2**31, (70_000, channels), dtype=np.int64).astype(np.int32)
    soundfile.write(tmp_path / "a.wav", samples, 192_000, subtype=subtype)
    row = packed(tmp_path, tmp_path / "a.wav", "a.flac", True)
    assert row["container"] == "FLAC"
    before, _ = soundfile.read(tmp_path / "a.wav", dtype="int32", always_2d=True)
    after, rate = soundfile.read(tmp_path / "out/a.flac", dtype="int32", always_2d=True)
    assert rate == 192_000
    np.testing.assert_array_equal(before, after)


@pytest.mark.parametrize("encode", [False, True])
def test_a_file_that_changed_since_is_refused_and_leaves_nothing(tmp_path: Path, encode: bool) -> None:
    write_sound(tmp_path / "a.wav")
    work = PackSound(str(tmp_path), str(tmp_path / "out"), "x")
    with pytest.raises(RecordingChangedError, match=r"a\.wav is not the file that was indexed"):
        work(Sound("a.wav", "a.flac", "0" * 32, encode))
    assert [path.name for path in tmp_path.rglob("*.*")] == ["a.wav"]


def test_only_what_flac_holds_is_coded(tmp_path: Path) -> None:
    root = tmp_path / "s"
    for name in ("a.wav", "b.flac", "c.ogg"):
        write_sound(root / name)
    soundfile.write(root / "d.wav", np.zeros(800) + 0.1, 8000, subtype="FLOAT")
    table = index(root, out=tmp_path / "corpus").recordings
    assert dict(zip(table["recording"], encodable(table), strict=True)) == {
        "a.wav": True,
        "b.flac": False,
        "c.ogg": False,
        "d.wav": False,
    }
