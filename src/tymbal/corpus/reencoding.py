"""All recordings through one format: what the audit asks for where labels go with codec, rate or depth.

Positives from one archive and negatives from another are told apart by how they were coded. Brought to the mean of
their channels, one rate and 16 bits, and through the same lossy codec, all carry the same last marks. Marks that an
earlier codec left stay below those: the cells of a spectrogram that it emptied. A little noise fills them. What each
step leaves was measured on boobook owls: docs/studies/detection-bats-owls.md.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np

from tymbal.audio import AudioInfo, AudioReader, find_recordings, survey
from tymbal.errors import DiskFullError, NothingDoneError, UsageError
from tymbal.jobs import (
    Failure,
    Progress,
    Worked,
    make_executor,
    make_plan,
    only_writer,
    remove_temporaries,
    replacing,
    run_job,
    write_json,
)

MADE = "reencoded.json"
BLOCK = 1 << 16  # samples; libsndfile's Vorbis writer overflows its stack on much longer ones
_ROOM = 1 << 20  # bytes; a disk with less is called full
_MP3_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


@dataclass(frozen=True)
class Codec:
    """A codec as libsndfile calls it; `highest_hz`, or the `rates_hz` it takes. `format` None: nothing is lost."""

    name: str
    format: str | None
    subtype: str | None
    highest_hz: int
    rates_hz: tuple[int, ...] = ()

    def takes(self, rate_hz: int) -> bool:
        """Whether sound at this rate can be coded."""
        return rate_hz in self.rates_hz if self.rates_hz else 1 <= rate_hz <= self.highest_hz

    @property
    def rates(self) -> str:
        """The rates it takes, in words."""
        return ", ".join(map(str, self.rates_hz)) if self.rates_hz else f"up to {self.highest_hz}"


CODECS = {
    each.name: each
    for each in (
        Codec("vorbis", "OGG", "VORBIS", 200_000),  # libvorbis has no tables beyond, libsndfile 1.2.2 crashes there
        Codec("mp3", "MP3", "MPEG_LAYER_III", 48_000, _MP3_HZ),
        Codec("none", None, None, 655_350),
    )
}


@dataclass(frozen=True)
class Reencoded:
    """What was written: names relative to the folder, the rate (Hz), what failed, and what a user should know."""

    path: Path
    names: tuple[str, ...]
    sample_rate_hz: int
    codec: str
    failures: tuple[Failure, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Renamed:
    """One recording: its name below the folder of the sources, and below that of the results."""

    name: str
    target: str


@dataclass(frozen=True)
class Recode:
    """The work on one recording, from below one folder to below another."""

    root: str
    out: str
    codec: str
    sample_rate_hz: int
    noise_db: float | None

    def prepare(self) -> None:
        """Nothing to load."""

    def __call__(self, item: Renamed) -> Worked[str]:
        """Write the result, atomically, block by block."""
        with AudioReader(Path(self.root) / item.name, None, self.sample_rate_hz) as reader:
            noise = None if self.noise_db is None else Noise(self.noise_db, item.target)
            recode(reader, Path(self.out) / item.target, CODECS[self.codec], noise)
            return Worked(item.target, reader.samples / reader.sample_rate_hz, reader.faults)


@dataclass(frozen=True)
class Noise:
    """White noise `below_db` under the power of a recording; the same for the same `name`."""

    below_db: float
    name: str

    def added(self, reader: AudioReader) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
        """The blocks of a recording with the noise; it is read twice, once for its power."""
        energy = sum(float(np.square(block, dtype=np.float64).sum()) for block in reader.blocks(BLOCK))
        gain = np.float32(np.sqrt(energy / max(reader.samples, 1)) * 10 ** (-self.below_db / 20))
        random = np.random.default_rng(list(hashlib.sha256(self.name.encode("utf-8")).digest()))
        for block in reader.blocks(BLOCK):
            yield block + gain * random.standard_normal(len(block), dtype=np.float32)


def recode(reader: AudioReader, target: Path, codec: Codec, noise: Noise | None = None) -> None:
    """One recording at the reader's rate, rounded to 16 bits, through `codec` and back, into the FLAC file `target`.

    As many samples come out as went in, at their places.
    """
    rate_hz = reader.sample_rate_hz
    sound = reader.blocks(BLOCK) if noise is None else noise.added(reader)
    blocks: Iterator[np.ndarray[Any, np.dtype[np.int16]]] = (_pcm(block) for block in sound)
    with replacing(target) as kept, tempfile.TemporaryFile(dir=target.parent) as coded:
        if codec.format is not None:
            _write(coded, blocks, rate_hz, codec.format, str(codec.subtype), target.parent)
            coded.seek(0)
            blocks = _decoded(coded, reader.samples)
        _write(kept, blocks, rate_hz, "FLAC", "PCM_16", target.parent)


def _pcm(block: np.ndarray[Any, np.dtype[np.float32]]) -> np.ndarray[Any, np.dtype[np.int16]]:
    return np.clip(np.rint(block * np.float64(2**15)), -(2**15), 2**15 - 1).astype(np.int16)


def _write(into: IO[bytes], blocks: Iterator[Any], rate_hz: int, kind: str, subtype: str, folder: Path) -> None:
    import soundfile

    try:
        with soundfile.SoundFile(into, "w", rate_hz, 1, format=kind, subtype=subtype) as file:
            for block in blocks:
                file.write(block)
    except soundfile.LibsndfileError as error:
        if shutil.disk_usage(folder).free < _ROOM:
            raise DiskFullError(
                "no room left on the disk", where=folder, mend="Make room and run the same command again."
            ) from error
        raise


def _decoded(coded: IO[bytes], samples: int) -> Iterator[np.ndarray[Any, np.dtype[np.int16]]]:
    """The coded sound in blocks: zeros behind, or cut, where the codec did not keep the length."""
    import soundfile

    with soundfile.SoundFile(coded) as file:
        for start in range(0, samples, BLOCK):
            wanted = min(BLOCK, samples - start)
            yield file.read(wanted, dtype="int16", fill_value=0)


def reencode(
    recordings: str | Path,
    out: str | Path,
    *,
    codec: str = "vorbis",
    sample_rate_hz: int | None = None,
    noise_db: float | None = None,
    workers: int | None = 1,
    progress: Progress | None = None,
) -> Reencoded:
    """Bring all recordings of a folder to one format: mono, one rate, 16 bits, one codec, kept as FLAC.

    Parameters
    ----------
    recordings : folder, searched recursively; left as it is.
    out : folder for the results, under the same names ending in .flac: tables of annotations still fit, for `index`
        matches by name without extension. Events keep their times; those of a channel need its recording's channels,
        which are mixed here.
    codec : "vorbis", "mp3" (to 48 kHz), or "none" for rate, channels and depth alone. A lossy one is gone through by
        all, so that those which never met one do not stand out.
    sample_rate_hz : None takes the lowest among the recordings; a higher one leaves some without their upper band.
    noise_db : white noise so far below each recording's power (20 to 25 hid what Vorbis had left); None adds none.

    A file that cannot be read is a failure and the rest goes on; what is there already, of the same settings, and not
    older than its source, is not made again. Raises UsageError for an unknown codec or a rate that it does not take,
    for two recordings of one name, and where `out` holds other things; NothingDoneError where nothing could be read.
    """
    root, target = Path(recordings), Path(out)
    chosen = _codec(codec)
    names, _ = find_recordings(root)
    if target.resolve() == root.resolve() or root.resolve() in target.resolve().parents:
        raise UsageError("the results would lie among the recordings", where=target, mend="Give a folder elsewhere.")
    found, _ = survey([root / name for name in names])
    if not found:
        raise NothingDoneError("no recording that can be read", where=root, mend="See: tymbal inspect")
    rate_hz = min(info.sample_rate_hz for info in found) if sample_rate_hz is None else sample_rate_hz
    _check_rate(chosen, codec, rate_hz)
    items = _targets(names)
    if noise_db is not None and not 0 <= noise_db <= 90:
        raise UsageError(f"noise {noise_db:g} dB below the sound", parameter="noise_db", allowed="0 to 90, or none")
    identity = {"codec": codec, "sample_rate_hz": rate_hz, "noise_db": noise_db, "format": 1}
    failures: list[Failure] = []
    with _owned(target, identity):
        plan = make_plan("reencode", items, identity, per_shard=1)
        run_job(
            plan,
            Recode(root.as_posix(), target.as_posix(), codec, rate_hz, noise_db),
            lambda shard, outcomes: failures.extend(outcomes.failures),
            is_done=lambda shard: all(_fresh(root / each.name, target / each.target) for each in shard.items),
            executor=make_executor(workers),
            progress=progress,
        )
    written = tuple(each.target for each in items if (target / each.target).is_file())
    if not written:
        raise NothingDoneError(f"none could be read; the first: {failures[0].message}", where=root)
    notes = _notes(found, rate_hz, noise_db)
    return Reencoded(target, written, rate_hz, codec, tuple(failures), notes)


def _check_rate(chosen: Codec, codec: str, rate_hz: int) -> None:
    if not chosen.takes(rate_hz):
        raise UsageError(
            f"{codec} cannot code {rate_hz} Hz",
            parameter="sample_rate_hz",
            allowed=f"{chosen.rates} Hz",
            mend="Give another rate, or codec none.",
        )


def _notes(found: Sequence[AudioInfo], rate_hz: int, noise_db: float | None) -> tuple[str, ...]:
    """What a user should know of the result."""
    notes = []
    lower = sum(info.sample_rate_hz < rate_hz for info in found)
    if lower:
        notes.append(f"{lower} recordings have a lower rate than {rate_hz} Hz: they stay without sound above their own")
    lossy = {bool(re.search("PCM|FLAC|ALAC|FLOAT|DOUBLE", info.codec)) for info in found}
    if len(lossy) > 1 and noise_db is None:
        notes.append(
            "some were lossless and some were not: a model may still tell them apart; noise (20 dB) hides more"
        )
    if any(info.channels > 1 for info in found):
        notes.append("recordings of several channels were mixed to one")
    return tuple(notes)


def _codec(name: str) -> Codec:
    if name not in CODECS:
        raise UsageError(f"unknown codec {name!r}", parameter="codec", allowed=", ".join(CODECS))
    return CODECS[name]


def _targets(names: Sequence[str]) -> list[Renamed]:
    """What each recording becomes. Raises UsageError where two results would have one name."""
    taken: dict[str, str] = {}
    for name in names:
        path = PurePosixPath(name)
        target = path.with_suffix(".flac").as_posix() if path.suffix else f"{name}.flac"
        if target in taken:
            raise UsageError(
                f"{taken[target]} and {name} would both become {target}", mend="Rename one of them, and in its tables."
            )
        taken[target] = name
    return [Renamed(name, target) for target, name in taken.items()]


def _fresh(source: Path, target: Path) -> bool:
    return target.is_file() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns


@contextlib.contextmanager
def _owned(target: Path, identity: dict[str, Any]) -> Iterator[None]:
    """The folder for this job alone. Raises UsageError where it holds other things or results of other settings."""
    marked = target / MADE
    if target.exists() and (not target.is_dir() or (any(target.iterdir()) and not marked.is_file())):
        raise UsageError("holds other things", where=target, mend="Give a new or empty folder (-o FOLDER).")
    with only_writer(target):
        remove_temporaries(target)
        if marked.is_file() and json.loads(marked.read_bytes()) != identity:
            raise UsageError(
                "holds recordings of another codec, rate or noise",
                where=target,
                mend="Give a new or empty folder (-o FOLDER).",
            )
        write_json(marked, identity)
        yield
