"""What may be trained on and what is kept for evaluation, as one list in a file, and whether the two meet.

Reading without labels counts as reading. Recordings are the same where their bytes or their samples are, or where
they were cut from one original by their names: a catalogue's number, a recorder's time stamp, a column that says so.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from tymbal.audio.decode import read
from tymbal.audio.find import find_recordings
from tymbal.config import load
from tymbal.corpus.identify import content_hash
from tymbal.errors import ConfigError, DataError

TABLES = ("recordings.csv", "clips.csv")
# "XC882096", "20190522_000000": as catalogues and recorders write them into names
NAMED = (re.compile(r"xc\d{3,}"), re.compile(r"(?<!\d)(?:19|20)\d{6}[_t-]?\d{6}(?!\d)"))


@dataclass(frozen=True)
class TrainingFolder:
    """A folder that may be read, without the files named; its licence, and where it comes from."""

    folder: str
    licence: str
    origin: str
    without: tuple[str, ...] = ()


@dataclass(frozen=True)
class EvaluationFolder:
    """A folder on which scores are read; `originals` are columns of its table that name what a file was cut from."""

    folder: str
    originals: tuple[str, ...] = ()


@dataclass(frozen=True)
class AllowList:
    """`licences` that training may have; what is trained on; what never is."""

    licences: tuple[str, ...]
    training: tuple[TrainingFolder, ...]
    evaluation: tuple[EvaluationFolder, ...]

    def check(self, where: object = "AllowList") -> None:
        """Raise ConfigError for a licence that is not allowed, and for a folder on both sides."""
        for each in self.training:
            if each.licence not in self.licences:
                raise ConfigError(
                    f"{each.folder} is under {each.licence}", where=where, allowed=", ".join(self.licences)
                )
        both = {each.folder for each in self.training} & {each.folder for each in self.evaluation}
        if both:
            raise ConfigError(
                f"{', '.join(sorted(both))}: for training and for evaluation",
                where=where,
                mend="Take it out of [[training]]: scores read there would be of recordings that were learned.",
            )


@dataclass(frozen=True)
class Meeting:
    """One recording on both sides: the files, and in what they are the same."""

    training: str
    evaluation: str
    same: str


def load_allowed(path: Path) -> AllowList:
    """Read an allow-list (TOML). Raises ConfigError as `AllowList.check`, and for fields that are wrong."""
    found = load(AllowList, path)
    found.check(path)
    return found


def allowed_recordings(allowed: AllowList, data: Path) -> list[str]:
    """Paths below `data` of every recording that may be trained on. Raises DataError for a name that is not there."""
    found = []
    for source in allowed.training:
        names = [name for name in _recordings(data, source.folder) if name not in source.without]
        lost = [name for name in source.without if not (data / source.folder / name).is_file()]
        if lost or not names:
            raise DataError(f"no {', '.join(lost) or 'recordings'}", where=data / source.folder)
        found += [f"{source.folder}/{name}" for name in names]
    return found


def meetings(allowed: AllowList, data: Path, *, samples: bool = True) -> list[Meeting]:
    """Recordings of `data` that are trained on and evaluated: hoped to be none.

    samples : compare decoded sound too, which finds copies in another container (every recording is decoded whole).
    """
    known: dict[str, str] = {}
    for source in allowed.evaluation:
        table = _table(data / source.folder, source.originals)
        for name in _recordings(data, source.folder):
            path = data / source.folder / name
            for key in (*_keys(path, samples), *(f"original {value}" for value in table.get(name, ()))):
                known.setdefault(key, f"{source.folder}/{name}")
    return [
        Meeting(name, known[key], key.partition(" ")[0])
        for name in allowed_recordings(allowed, data)
        for key in _keys(data / name, samples)
        if key in known
    ]


def _recordings(data: Path, folder: str) -> list[str]:
    if not (data / folder).is_dir():
        raise DataError("no such folder", where=data / folder, mend="Point $TYMBAL_DATA at the data.")
    return find_recordings(data / folder)[0]


def _keys(path: Path, samples: bool) -> Iterator[str]:
    """Strings that two copies of one recording share: what they are the same in, a space, and the value."""
    yield f"bytes {content_hash(path)}"
    if samples:
        yield f"samples {_sound_hash(path)}"
    stem = path.stem.lower()
    yield f"original {stem}"
    for pattern in NAMED:
        for found in pattern.findall(stem):
            yield f"original {re.sub('[_t-]', '', found)}"


def _sound_hash(path: Path) -> str:
    """BLAKE2b of the decoded sound in 16 bits: the same for every lossless container."""
    sound = np.round(read(path).samples * 32767).astype("<i2")
    return hashlib.blake2b(np.ascontiguousarray(sound).tobytes(), digest_size=16).hexdigest()


def _table(folder: Path, columns: tuple[str, ...]) -> dict[str, list[str]]:
    """recording -> what it was cut from, of the table beside the recordings. Raises DataError without the columns."""
    if not columns:
        return {}
    path = next((folder / name for name in TABLES if (folder / name).is_file()), None)
    table = pl.read_csv(path, infer_schema=False) if path is not None else pl.DataFrame()
    if path is None or not {"recording", *columns} <= set(table.columns):
        raise DataError(f"no columns recording, {', '.join(columns)}", where=path or folder)
    rows = table.select("recording", *columns).iter_rows()
    return {name: [value.lower() for value in values if value] for name, *values in rows}
