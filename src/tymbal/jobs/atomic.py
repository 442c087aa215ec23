"""Files that are either whole or not there.

Every byte Tymbal keeps goes through here: written beside its final name, flushed to the disk, then renamed.
The four primitives (`_open`, `_write`, `_sync`, `_replace`) are module attributes so that tests can make each
of them fail at every call.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from tymbal.errors import DiskFullError

TEMPORARY_SUFFIX = ".tymbal-tmp"
_FULL = {errno.ENOSPC, errno.EDQUOT} if hasattr(errno, "EDQUOT") else {errno.ENOSPC}


def _open(path: Path) -> IO[bytes]:
    return open(path, "w+b")


def _write(file: IO[bytes], data: bytes | memoryview) -> None:
    file.write(data)


def _sync(file: IO[bytes]) -> None:
    file.flush()
    os.fsync(file.fileno())


def _replace(source: Path, target: Path) -> None:
    os.replace(source, target)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file to write and seek in, of any size, that becomes `path` when the block ends, and is gone if it raises.

    A reader, or a crash, sees the old file or the new one, never a part. Raises DiskFullError where the disk has no
    room.
    """
    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, "this is a folder, not a file", str(path))
    temporary = path.with_name(f".{path.name}"[:200] + f".{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open(temporary) as file:
            yield file
            _sync(file)
        _replace(temporary, path)
    except Exception as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _FULL:
            raise DiskFullError(
                "no room left on the disk to write this file",
                where=path,
                mend="Make room and run the same command again: finished work is kept and it resumes.",
            ) from error
        raise
    _sync_directory(path.parent)


def write_bytes(path: Path, data: bytes | memoryview) -> None:
    """Write `data` to `path` as `replacing` does."""
    with replacing(path) as file:
        view = memoryview(data)
        for start in range(0, max(len(view), 1), 1 << 24):
            _write(file, view[start : start + (1 << 24)])


def _sync_directory(directory: Path) -> None:
    if os.name == "nt":  # directories cannot be opened there; the rename itself is journalled
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """`write_bytes` of UTF-8 text with Unix line ends."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, value: Any) -> None:
    """Sorted, indented JSON; NaN and infinity are refused because other readers refuse them."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n")


def write_through(path: Path, fill: Callable[[IO[bytes]], object]) -> None:
    """Let `fill` write into memory, then write that atomically; for writers that want a file object."""
    buffer = io.BytesIO()
    fill(buffer)
    write_bytes(path, buffer.getbuffer())


def remove_temporaries(directory: Path) -> int:
    """Delete what killed runs left half-written under `directory`; returns how many files."""
    found = [path for path in Path(directory).rglob(f"*{TEMPORARY_SUFFIX}") if path.is_file()]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)
