"""One recording into a dataset: copied byte by byte, or coded as FLAC and proved to be the same samples."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from tymbal.audio import probe
from tymbal.corpus.identify import BLOCK_BYTES, content_hash
from tymbal.errors import AudioError, RecordingChangedError
from tymbal.jobs import Worked, replacing

FLAC_HIGHEST_HZ, FLAC_MOST_CHANNELS = 655_350, 8
BLOCK_SAMPLES = 1 << 16
CODED = {"PCM_U8": "PCM_S8", "PCM_S8": "PCM_S8", "PCM_16": "PCM_16", "PCM_24": "PCM_24"}  # codec: the same in FLAC
PACKED = pl.Schema(
    {
        "recording": pl.String(),  # as the corpus calls it
        "target": pl.String(),
        "content_hash": pl.String(),
        "sha256": pl.String(),
        "size_bytes": pl.Int64(),
        "container": pl.String(),
        "codec": pl.String(),
    }
)


@dataclass(frozen=True)
class Sound:
    """One recording to pack: its name in the corpus and the dataset, the hash it was indexed with, how to write it."""

    name: str
    target: str
    content_hash: str
    encode: bool


@dataclass(frozen=True)
class PackSound:
    """The work on one recording, from below `root` to below `folder`. `identity` is that of the dataset."""

    root: str
    folder: str
    identity: str

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: Sound) -> Worked[dict[str, Any]]:
        """Write it and return its row of `PACKED`. Raises RecordingChangedError where it is not what was indexed."""
        source, target = Path(self.root) / item.name, Path(self.folder) / item.target
        (encode if item.encode else copy)(source, target, item)
        info = probe(target)
        row = {
            "recording": item.name,
            "target": item.target,
            "content_hash": content_hash(target),
            "sha256": sha256(target),
            "size_bytes": target.stat().st_size,
            "container": info.container,
            "codec": info.codec,
        }
        return Worked(row, audio_s=info.duration_s)


def encodable(recordings: pl.DataFrame) -> pl.Series:
    """Which recordings (rows of the recordings table) FLAC can hold without loss, and are not FLAC or odd already."""
    fits = (
        pl.col("container").is_in(["WAV", "AIFF", "AU", "CAF", "W64"])
        & pl.col("codec").is_in(list(CODED))
        & (pl.col("sample_rate_hz") <= FLAC_HIGHEST_HZ)
        & (pl.col("channels") <= FLAC_MOST_CHANNELS)
        & (pl.col("samples") > 0)
        & (pl.col("faults").list.len().fill_null(0) == 0)
    )
    return recordings.select(fits.fill_null(False).alias("encodable")).to_series()


def copy(source: Path, target: Path, item: Sound) -> None:
    """The same bytes, in blocks, hashed on the way."""
    state = hashlib.blake2b(digest_size=16)
    with replacing(target) as write, open(source, "rb") as read:
        while block := read.read(BLOCK_BYTES):
            state.update(block)
            write.write(block)
        _same(item, state.hexdigest())


def encode(source: Path, target: Path, item: Sound) -> None:
    """FLAC of the same depth; decoded again and compared. Raises AudioError where a sample came out otherwise."""
    import soundfile

    _same(item, content_hash(source))
    with replacing(target) as written:
        with soundfile.SoundFile(source) as read:
            kind = {"format": "FLAC", "subtype": CODED[read.subtype]}
            with soundfile.SoundFile(written, "w", read.samplerate, read.channels, **kind) as write:
                for block in _blocks(read):
                    write.write(block)
        written.seek(0)
        if _samples_hash(source) != _samples_hash(written):
            raise AudioError("FLAC gave other samples back", where=source, mend="Pack it with --audio copy.")


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, hex, as other people's tools check it."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _same(item: Sound, found: str) -> None:
    if found != item.content_hash:
        raise RecordingChangedError(
            f"{item.name} is not the file that was indexed", mend="Run tymbal index again, then pack."
        )


def _samples_hash(sound: Path | IO[bytes]) -> bytes:
    import soundfile

    state = hashlib.blake2b(digest_size=16)
    with soundfile.SoundFile(sound) as file:
        state.update(f"{file.samplerate} {file.channels}".encode())
        for block in _blocks(file):
            state.update(np.ascontiguousarray(block).tobytes())
    return state.digest()


def _blocks(file: Any) -> Iterator[NDArray[np.int32]]:
    """All channels, every sample in the upper bits of 32."""
    while len(block := file.read(BLOCK_SAMPLES, dtype="int32", always_2d=True)):
        yield block
