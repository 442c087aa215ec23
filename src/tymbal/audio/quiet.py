"""Keep what C libraries print from the user's terminal, and learn from it."""

from __future__ import annotations

import atexit
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import IO

_LOCK = threading.Lock()  # standard error is one for the whole process
_NOISE = (b"[src/libmpg123", b"Warning:", b"Note:")


class Complaints:
    """Lines that a library printed while it was listened to."""

    def __init__(self) -> None:
        self.lines: list[bytes] = []

    @property
    def errors(self) -> int:
        """Lines that name an error."""
        return sum(b"error" in line for line in self.lines)


@contextmanager
def complaints() -> Iterator[Complaints]:
    """Catch what is printed to standard error below Python; lines that are not the library's are passed on.

    libmpg123 prints one line for every damaged frame and tells its caller nothing: this is the only way to know.
    """
    found = Complaints()
    with _LOCK:
        try:
            kept = os.dup(2)
        except OSError:  # no standard error (a windowed program): nothing to catch
            yield found
            return
        caught = _file()
        try:
            os.dup2(caught.fileno(), 2)
            yield found
        finally:
            os.dup2(kept, 2)
            if caught.seek(0, os.SEEK_END):
                _sort(caught, found, kept)
            os.close(kept)


@cache
def _file() -> IO[bytes]:
    """One file for the whole process: a new one for every block would cost more than the block."""
    file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  closed when the process ends
    atexit.register(file.close)
    return file


def _sort(caught: IO[bytes], found: Complaints, kept: int) -> None:
    caught.seek(0)
    for line in caught.read().splitlines(keepends=True):
        if line.startswith(_NOISE):
            found.lines.append(line)
        else:
            os.write(kept, line)
    caught.seek(0)
    caught.truncate()
