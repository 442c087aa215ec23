"""Finders as files: one npz of plain arrays, its description as JSON inside; nothing is unpickled."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tymbal.errors import DataError
from tymbal.jobs import write_bytes

VERSION = 1
_HEAD = "description"


def packed(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """The file's bytes, the same for the same finder."""
    text = json.dumps({"version": VERSION, **description}, sort_keys=True, allow_nan=False)
    buffer = io.BytesIO()
    head = np.frombuffer(text.encode("utf-8"), dtype=np.uint8)
    np.savez(buffer, **{_HEAD: head}, **{name: arrays[name] for name in sorted(arrays)})  # type: ignore[arg-type]
    return buffer.getvalue()


def content(description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Content address of a finder."""
    found = hashlib.sha256(json.dumps({"version": VERSION, **description}, sort_keys=True).encode())
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        found.update(f"{name}{array.dtype.str}{array.shape}".encode() + array.tobytes())
    return found.hexdigest()


def write(path: Path, description: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a finder, whole or not at all."""
    write_bytes(path, packed(description, arrays))


def read(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Description and arrays of a file that `write` made.

    Raises DataError for any other file, and for one of another version.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        description = json.loads(arrays.pop(_HEAD).tobytes().decode("utf-8"))
    except FileNotFoundError as error:
        raise DataError("no such finder", where=path, mend="Check the path.") from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError("this is no finder that Tymbal saved", where=path, mend="Fit it again.") from error
    if description.get("version") != VERSION:
        what = f"the finder is of version {description.get('version')!r}, this Tymbal reads {VERSION}"
        raise DataError(what, where=path, mend="Fit it again.")
    return description, arrays
