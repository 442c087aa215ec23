from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from tests.corpus.conftest import write_sound

from tymbal.corpus import identify
from tymbal.corpus.identify import Identify, RecordingFile, content_hash, list_files, recordings_table
from tymbal.errors import AudioError


def test_the_hash_is_blake2b_of_all_bytes_whatever_the_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x"
    path.write_bytes(bytes(range(256)) * 20)
    whole = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    assert content_hash(path) == whole
    monkeypatch.setattr(identify, "BLOCK_BYTES", 7)
    assert content_hash(path) == whole
    with pytest.raises(AudioError, match="cannot be read"):
        content_hash(tmp_path / "gone")


def test_a_row_says_what_the_header_says(tmp_path: Path) -> None:
    write_sound(tmp_path / "SITE_20200102_030405.wav", seconds=0.25, rate=22050)
    row = Identify(str(tmp_path))(RecordingFile("SITE_20200102_030405.wav", 1, 2)).value
    table = recordings_table([row])
    assert table.select("sample_rate_hz", "channels", "samples", "duration_s", "codec").rows() == [
        (22050, 1, 5512, 5512 / 22050, "PCM_16")
    ]
    assert table["start_time"].to_list() == ["2020-01-02T03:04:05"]
    assert table["start_time_source"].to_list() == ["filename"]
    assert table.select("size_bytes", "mtime_ns").rows() == [(1, 2)]


def test_files_are_sorted_and_dead_links_are_failures(tmp_path: Path) -> None:
    for name in ("b.wav", "a.wav"):
        (tmp_path / name).write_bytes(b"x")
    files, failures = list_files(tmp_path, ["b.wav", "gone.wav", "a.wav"])
    assert [file.name for file in files] == ["a.wav", "b.wav"]
    assert [failure.item for failure in failures] == ["gone.wav"]
