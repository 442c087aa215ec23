"""Hashes of a folder's files: as sha256sum writes them, and refused by name where one does not fit."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tymbal.encoders.sums import SUMS, check_sums, sha256, write_sums
from tymbal.errors import EncoderError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.bin").write_bytes(bytes(range(256)) * 40)
    (tmp_path / "a name.txt").write_text("two words")
    write_sums(tmp_path)
    return tmp_path


def test_they_are_as_sha256sum_writes_them(folder: Path) -> None:
    assert sha256(folder / "b.bin") == hashlib.sha256((folder / "b.bin").read_bytes()).hexdigest()
    lines = (folder / SUMS).read_text().splitlines()
    assert [line.partition("  ")[2] for line in lines] == ["a name.txt", "b.bin"]
    assert check_sums(folder) == 2
    (folder / "more.txt").write_text("nobody listed it")
    assert check_sums(folder) == 2


def test_a_changed_byte_a_lost_file_and_a_bad_line_are_named(folder: Path) -> None:
    data = bytearray((folder / "b.bin").read_bytes())
    data[5000] ^= 1
    (folder / "b.bin").write_bytes(data)
    with pytest.raises(EncoderError, match=r"b\.bin: its SHA-256 is .* SHA256SUMS says"):
        check_sums(folder)
    (folder / "b.bin").unlink()
    with pytest.raises(EncoderError, match=r"b\.bin: SHA256SUMS lists a file that is not there"):
        check_sums(folder)
    (folder / SUMS).write_text(f"{'0' * 64}  ../outside\n")
    with pytest.raises(EncoderError, match="line 1 is no hash and file name"):
        check_sums(folder)
    (folder / SUMS).write_bytes(b"\xff\xfe no text")
    with pytest.raises(EncoderError, match="line 1 is no hash and file name"):
        check_sums(folder)
    (folder / SUMS).write_text("")
    with pytest.raises(EncoderError, match="it lists no file"):
        check_sums(folder)
