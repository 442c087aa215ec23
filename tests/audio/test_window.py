"""A file made of pieces behaves as a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tymbal.audio.window import SplicedFile

Odd = Callable[[str], Path]


def test_spliced_file_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "bytes"
    path.write_bytes(bytes(range(100)))
    whole = b"abc" + bytes(range(10, 20)) + b"" + bytes(range(90, 95))
    with SplicedFile(path, [b"abc", (10, 20), b"", (90, 95)]) as file:
        assert file.read() == whole
        for at, count in ((0, 2), (2, 5), (12, 100), (18, 3), (50, 3)):
            file.seek(at)
            assert file.read(count) == whole[at : at + count]
        assert file.seek(-3, 2) == 15
        assert file.seek(-99, 1) == 0
        assert file.size == len(whole)
