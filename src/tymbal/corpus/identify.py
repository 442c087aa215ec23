"""Who a recording is: its path below the root and the hash of its bytes; and what its header says."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from tymbal.audio import probe
from tymbal.corpus.tables import RECORDINGS
from tymbal.errors import AudioError
from tymbal.jobs import Failure, Worked

BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class RecordingFile:
    """One file to identify; size and time only tell whether it may have changed."""

    name: str
    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class Identify:
    """The work on one recording: hash the bytes, read the header."""

    root: str

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: RecordingFile) -> Worked[dict[str, Any]]:
        """One row of the recordings table, without metadata. Raises AudioError where the file is not sound."""
        path = Path(self.root) / item.name
        info = probe(path)
        row = {
            "recording": item.name,
            "content_hash": content_hash(path),
            "size_bytes": item.size_bytes,
            "mtime_ns": item.mtime_ns,
            "container": info.container,
            "codec": info.codec,
            "sample_rate_hz": info.sample_rate_hz,
            "channels": info.channels,
            "samples": info.samples,
            "duration_s": info.duration_s,
            "start_time": info.start.text if info.start is not None else None,
            "start_time_source": info.start.source if info.start is not None else None,
            "recorder": info.recorder,
            "site": None,
            "faults": [f"{fault.code}: {fault.message}" for fault in info.faults],
        }
        return Worked(row, audio_s=info.duration_s, faults=info.faults)


def content_hash(path: Path) -> str:
    """BLAKE2b-128 of a file's bytes, hex; reads in blocks. Raises AudioError where the file cannot be read."""
    state = hashlib.blake2b(digest_size=16)
    try:
        with open(path, "rb") as file:
            while block := file.read(BLOCK_BYTES):
                state.update(block)
    except OSError as error:
        raise AudioError(f"cannot be read: {error.strerror}", where=path, mend="Check the disk and rights.") from error
    return state.hexdigest()


def list_files(root: Path, names: Iterable[str]) -> tuple[list[RecordingFile], list[Failure]]:
    """Size and time of every recording, sorted by name; names that no table can hold are failures."""
    files: list[RecordingFile] = []
    failures: list[Failure] = []
    for name in sorted(names):
        try:
            name.encode("utf-8")
            status = (root / name).stat()
        except UnicodeEncodeError:
            shown = name.encode("utf-8", "backslashreplace").decode()
            message = f"{shown}: the file name is not valid UTF-8, so no table can hold it. Rename the file."
            failures.append(Failure(shown, "AudioError", message))
        except OSError as error:
            failures.append(Failure(name, "AudioError", f"{name}: cannot be read: {error.strerror}. Check the link."))
        else:
            files.append(RecordingFile(name, status.st_size, status.st_mtime_ns))
    return files, failures


def recordings_table(rows: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Rows of `Identify` as the recordings table, sorted by path."""
    return pl.DataFrame(list(rows), schema=RECORDINGS, orient="row").sort("recording")


def still_known(files: list[RecordingFile], before: pl.DataFrame) -> tuple[list[RecordingFile], pl.DataFrame]:
    """Files whose path, size and time are not all in `before` (a recordings table), and the rows of those that are."""
    now = pl.DataFrame(
        [(file.name, file.size_bytes, file.mtime_ns) for file in files],
        schema={name: RECORDINGS[name] for name in ("recording", "size_bytes", "mtime_ns")},
        orient="row",
    )
    kept = before.join(now, on=now.columns, how="semi", maintain_order="left")
    names = set(kept["recording"])
    return [file for file in files if file.name not in names], kept
