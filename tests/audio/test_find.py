"""Recordings are found whatever they are called, and only recordings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tymbal.audio import find_recordings
from tymbal.errors import AudioError


def test_hostile_names(made: Path) -> None:
    root = made / "generated" / "name"
    found, ignored = find_recordings(root)
    every = {Path(folder, name).relative_to(root).as_posix() for folder, _, names in os.walk(root) for name in names}
    assert set(found) == every
    assert ignored == 0
    assert found == sorted(found)
    assert "folder_named.wav/inside.wav" in found
    assert "no_extension" in found
    assert all((root / name).is_file() for name in found)


def test_what_is_left_out_is_counted(made: Path) -> None:
    found, ignored = find_recordings(made / "generated" / "notaudio")
    assert ignored == 3  # Thumbs.db, the table, and the AppleDouble file
    assert "html_error_page.wav" in found  # refused by name later, not lost in silence


def _sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"RIFF\0\0\0\0WAVE")


def test_folders_hidden_linked_and_looping(tmp_path: Path) -> None:
    _sound(tmp_path / "a" / "B.WAV")
    _sound(tmp_path / ".hidden.wav")
    _sound(tmp_path / ".Trash" / "old.wav")
    _sound(tmp_path / "__MACOSX" / "x.wav")
    (tmp_path / "a" / "._B.WAV").write_bytes(b"\x00\x05\x16\x07")
    (tmp_path / "notes.txt").write_text("field notes")
    (tmp_path / "README").write_text("nothing to hear")
    try:
        (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
        (tmp_path / "gone.wav").symlink_to(tmp_path / "nowhere.wav")
    except OSError:
        pytest.skip("this system makes no links")
    assert find_recordings(tmp_path) == ([".hidden.wav", "a/B.WAV", "gone.wav"], 3)


def test_pipes_are_not_opened(tmp_path: Path) -> None:
    if not hasattr(os, "mkfifo"):
        pytest.skip("no pipes here")
    os.mkfifo(tmp_path / "pipe")
    assert find_recordings(tmp_path) == ([], 1)


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match="no such folder"):
        find_recordings(tmp_path / "nowhere")
    _sound(tmp_path / "file.wav")
    with pytest.raises(AudioError, match="not a folder"):
        find_recordings(tmp_path / "file.wav")
