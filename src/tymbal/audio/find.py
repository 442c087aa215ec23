"""Find the recordings below a folder."""

from __future__ import annotations

import os
import pathlib

from tymbal.audio import mpeg
from tymbal.audio.sniff import AUDIO_EXTENSIONS, container_of, read_head
from tymbal.audio.window import Path
from tymbal.errors import AudioError

_IGNORED_FOLDERS = frozenset(("__MACOSX", "System Volume Information", "$RECYCLE.BIN", "__pycache__"))


def find_recordings(root: Path) -> tuple[list[str], int]:
    """Paths of the recordings below `root`, relative to it with "/" between folders, and how many files were ignored.

    A recording is a file with an audio extension in any case, or without extension and sound by its first bytes.
    What an extension claims is not checked here, so that a broken file is refused later by name instead of vanishing.
    AppleDouble files (._x) and hidden folders (.git, .Trash) are left out; a hidden file with an audio extension is a
    recording. Links to files are followed, links to folders once: a folder is never walked twice. The order is that of
    the code points, the same on every system. Raises AudioError where `root` is no folder that can be read.
    """
    top = str(pathlib.Path(root).absolute())
    if not pathlib.Path(top).is_dir():
        raise AudioError(
            "there is no such folder" if not pathlib.Path(top).exists() else "this is a file, not a folder",
            where=root,
            mend="Give the folder that holds the recordings.",
        )
    found: list[str] = []
    ignored = 0
    seen: set[tuple[int, int]] = set()
    waiting = [("", top)]
    while waiting:
        prefix, folder = waiting.pop()
        status = pathlib.Path(folder).stat()
        # Where a system gives no inode numbers (0), folders cannot be told apart and links are not followed below.
        key = (status.st_dev, status.st_ino)
        if status.st_ino and key in seen:
            continue
        seen.add(key)
        for entry in _entries(folder, top=folder == top):
            name = prefix + entry.name
            if _is_folder(entry):
                if not entry.name.startswith(".") and entry.name not in _IGNORED_FOLDERS:
                    waiting.append((name + "/", entry.path))
            elif _is_recording(entry):
                found.append(name)
            else:
                ignored += 1
    return sorted(found), ignored


def _entries(folder: str, *, top: bool) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as listing:
            return list(listing)
    except OSError as error:
        if not top:  # one locked folder among many does not stop the walk
            return []
        raise AudioError(
            f"the folder cannot be read ({error.strerror})", where=folder, mend="Check its permissions."
        ) from error


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:
        return False


def _is_recording(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith("._"):
        return False
    extension = pathlib.PurePath(entry.name).suffix.lower()
    if extension in AUDIO_EXTENSIONS:
        return True
    if extension or entry.name.startswith("."):
        return False
    try:
        if not entry.is_file():
            return False
        head = read_head(entry.path, 1 << 14)
    except (AudioError, OSError):
        return False
    container = container_of(head)
    return (container is not None and container != "RIFF") or (
        head.startswith(b"ID3") or mpeg.find_frames(head) is not None
    )
