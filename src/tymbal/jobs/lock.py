"""One writer at a time in one folder: a lock that the system frees when its holder dies, kill or crash included."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tymbal.errors import UsageError

LOCK_NAME = ".tymbal-lock"


@contextlib.contextmanager
def only_writer(folder: Path, *, wait_s: float = 0.0) -> Iterator[None]:
    """Hold `folder` (made where it is missing) while writing into it.

    Raises UsageError where another process holds it for longer than `wait_s`. Readers
    need no lock: every file there is whole or absent.
    """
    from filelock import FileLock, Timeout

    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(
            "a file of that name is in the way", where=folder, mend="Choose another output folder."
        ) from error
    try:
        with FileLock(folder / LOCK_NAME, timeout=wait_s):
            yield
    except Timeout as error:
        raise UsageError(
            "another process is writing into this folder",
            where=folder,
            mend="Wait until it has ended, or choose another output folder.",
        ) from error
